//! What the engine measures.

use crate::{SourceView, TradingState, writer::UpdateOutcome};
use std::time::{Duration, Instant};
use weir_arena::{Grade, PoolArena, PoolStatus};
use weir_feed::Completeness;
use weir_primitives::BlockRef;

/// Describes the engine's metrics to the recorder. Call it once, after a recorder is installed. All carry the label `chain`.
pub fn describe_metrics() {
    crate::paths::describe();
    metrics::describe_gauge!(
        "weir_arena_tip_block",
        "Number of the block whose pool states are published."
    );
    metrics::describe_gauge!("weir_arena_pools", "Pools in the arena by status.");
    metrics::describe_gauge!(
        "weir_arena_pools_by_grade",
        "Pools in the arena by how far their quotes can be relied on: A, A*, B, C, D or U."
    );
    metrics::describe_gauge!("weir_arena_undo_bytes", "Memory held by undo records, in bytes.");
    metrics::describe_gauge!("weir_arena_undo_blocks", "Blocks that can be reverted.");
    metrics::describe_gauge!(
        "weir_arena_state",
        "Trading state: 1 for the current one, 0 for the others."
    );
    metrics::describe_counter!("weir_arena_blocks_total", "Blocks applied.");
    metrics::describe_counter!("weir_arena_events_total", "Pool events applied.");
    metrics::describe_counter!(
        "weir_arena_verified_events_total",
        "Events re-executed with equal outcome."
    );
    metrics::describe_counter!(
        "weir_arena_diverged_pools_total",
        "Pools halted because an event contradicted their state."
    );
    metrics::describe_counter!(
        "weir_arena_undecodable_logs_total",
        "Logs of watched contracts that did not decode."
    );
    metrics::describe_gauge!(
        "weir_arena_undecodable_logs",
        "Logs that did not decode, in all blocks that the published states come from."
    );
    metrics::describe_counter!("weir_arena_reorgs_total", "Reorgs applied, by kind.");
    metrics::describe_histogram!("weir_arena_reorg_depth_blocks", "Blocks reverted by a reorg.");
    metrics::describe_counter!(
        "weir_arena_rebuilds_total",
        "Times the arena was rebuilt from stored blocks."
    );
    metrics::describe_histogram!(
        "weir_arena_apply_seconds",
        "From an update's arrival to its publication, in seconds."
    );
    metrics::describe_histogram!("weir_arena_dirty_pools", "Pools touched by an update.");
    metrics::describe_histogram!(
        "weir_arena_step_seconds",
        "From the arrival of an open block's step that touches pools to its publication, in seconds."
    );
    describe_source_metrics();
    describe_spill_metrics();
}

fn describe_spill_metrics() {
    metrics::describe_gauge!(
        "weir_arena_spill_blocks",
        "Blocks older than the undo ring whose snapshots are on disk."
    );
    metrics::describe_gauge!("weir_arena_spill_bytes", "Their size on disk, in bytes.");
    metrics::describe_counter!(
        "weir_arena_spill_hits_total",
        "Questions about older blocks that were answered from disk."
    );
    metrics::describe_counter!(
        "weir_arena_spill_misses_total",
        "Questions about older blocks that are not on disk."
    );
    metrics::describe_counter!(
        "weir_arena_spill_errors_total",
        "Failures after which snapshots are not spilled any more."
    );
    metrics::describe_counter!(
        "weir_arena_spill_sync_errors_total",
        "Syncs of spilled snapshots that failed: a crash of the machine may take them."
    );
}

fn describe_source_metrics() {
    metrics::describe_counter!("weir_arena_undo_hits_total", "Reorgs that undo records covered.");
    metrics::describe_counter!(
        "weir_arena_undo_misses_total",
        "Reorgs and gaps after which pools were read anew."
    );
    metrics::describe_counter!(
        "weir_arena_source_gaps_total",
        "Times the source lost blocks, by kind: told, unlinked or refused."
    );
    metrics::describe_counter!(
        "weir_arena_feed_faults_total",
        "Feed sessions that ended, by kind: connection, sequence, count, digest, order, codec or refused."
    );
    metrics::describe_counter!(
        "weir_arena_fee_failures_total",
        "Pools halted because a swap contradicted the pool's fee."
    );
    metrics::describe_counter!(
        "weir_arena_hydrations_total",
        "Pool states read from a node, by outcome."
    );
    metrics::describe_counter!(
        "weir_arena_samples_total",
        "Pools compared with a node in the background, by outcome."
    );
    metrics::describe_counter!(
        "weir_arena_blocks_by_grade_total",
        "Blocks applied, by proof of completeness."
    );
    metrics::describe_gauge!(
        "weir_arena_pools_recovering",
        "Pools whose states are being read anew."
    );
    metrics::describe_gauge!(
        "weir_arena_whitelist_age_seconds",
        "Time since the whitelist last came or was confirmed."
    );
    metrics::describe_gauge!(
        "weir_arena_source_lag_blocks",
        "Blocks by which the source is ahead of the published states."
    );
    metrics::describe_counter!(
        "weir_arena_discovered_pools_total",
        "Older pools that a search of the node's logs found."
    );
    metrics::describe_gauge!(
        "weir_arena_discovery_block",
        "The last block that was searched for older pools."
    );
    metrics::describe_gauge!("weir_arena_source_connected", "Whether the source is connected.");
    metrics::describe_counter!(
        "weir_arena_whitelist_changes_total",
        "Pools that joined, left or were refused by the whitelist."
    );
}

/// Why blocks are missing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GapKind {
    /// The source said so.
    Told,
    /// A block does not connect to any block known.
    Unlinked,
    /// A block could not be applied.
    Refused,
}

pub(crate) fn record_update(chain_id: u64, outcome: &UpdateOutcome, took: Duration) {
    let chain = chain_id.to_string();
    let count = |name: &'static str, value: u64| {
        metrics::counter!(name, "chain" => chain.clone()).increment(value);
    };
    count("weir_arena_blocks_total", outcome.blocks);
    count("weir_arena_events_total", outcome.events);
    count("weir_arena_verified_events_total", outcome.verified);
    count("weir_arena_diverged_pools_total", outcome.diverged);
    count("weir_arena_undecodable_logs_total", outcome.undecodable);
    let observe = |name: &'static str, value: f64| {
        metrics::histogram!(name, "chain" => chain.clone()).record(value);
    };
    observe("weir_arena_apply_seconds", took.as_secs_f64());
    observe("weir_arena_dirty_pools", outcome.dirty.len() as f64);
    if outcome.reverted > 0 {
        let kind = if outcome.blocks > 0 { "reorged" } else { "reverted" };
        observe("weir_arena_reorg_depth_blocks", outcome.reverted as f64);
        metrics::counter!("weir_arena_reorgs_total", "chain" => chain, "kind" => kind).increment(1);
    }
}

pub(crate) fn record_step(chain_id: u64, took: Duration) {
    let chain = chain_id.to_string();
    metrics::histogram!("weir_arena_step_seconds", "chain" => chain).record(took.as_secs_f64());
}

pub(crate) fn record_arena(arena: &PoolArena, state: TradingState, undecodable: u64) {
    let chain = arena.config().chain_id.to_string();
    let set = |name: &'static str, value: f64| {
        metrics::gauge!(name, "chain" => chain.clone()).set(value);
    };
    set("weir_arena_undecodable_logs", undecodable as f64);
    if let Some(tip) = arena.tip() {
        set("weir_arena_tip_block", tip.number as f64);
    }
    set("weir_arena_undo_bytes", arena.undo_bytes() as f64);
    set("weir_arena_undo_blocks", arena.depth() as f64);
    let (mut counts, mut grades) = ([0u32; 4], [0u32; Grade::ALL.len()]);
    let number = arena.tip().map_or(0, |tip| tip.number);
    for (_, pool) in arena.pools() {
        counts[status_index(pool.status())] += 1;
        grades[pool.accuracy_at(number).grade as usize] += 1;
    }
    for (grade, count) in Grade::ALL.into_iter().zip(grades) {
        let (chain, grade) = (chain.clone(), grade.name());
        metrics::gauge!("weir_arena_pools_by_grade", "chain" => chain, "grade" => grade)
            .set(f64::from(count));
    }
    for (name, count) in ["live", "uninitialized", "unsynced", "halted"].into_iter().zip(counts) {
        let gauge = metrics::gauge!("weir_arena_pools", "chain" => chain.clone(), "status" => name);
        gauge.set(f64::from(count));
    }
    for name in TradingState::NAMES {
        let gauge = metrics::gauge!("weir_arena_state", "chain" => chain.clone(), "state" => name);
        gauge.set(f64::from(u8::from(name == state.name())));
    }
}

const fn status_index(status: PoolStatus) -> usize {
    match status {
        PoolStatus::Live => 0,
        PoolStatus::Uninitialized => 1,
        PoolStatus::Unsynced => 2,
        PoolStatus::Halted => 3,
    }
}

pub(crate) fn count_rebuild(chain_id: u64) {
    metrics::counter!("weir_arena_rebuilds_total", "chain" => chain_id.to_string()).increment(1);
}

pub(crate) fn count_undo(chain_id: u64, is_hit: bool) {
    let name = if is_hit { "weir_arena_undo_hits_total" } else { "weir_arena_undo_misses_total" };
    metrics::counter!(name, "chain" => chain_id.to_string()).increment(1);
}

pub(crate) fn count_gap(chain_id: u64, kind: GapKind) {
    let kind = match kind {
        GapKind::Told => "told",
        GapKind::Unlinked => "unlinked",
        GapKind::Refused => "refused",
    };
    let chain = chain_id.to_string();
    metrics::counter!("weir_arena_source_gaps_total", "chain" => chain, "kind" => kind)
        .increment(1);
}

pub(crate) fn count_feed_fault(chain_id: u64, kind: &'static str) {
    let chain = chain_id.to_string();
    metrics::counter!("weir_arena_feed_faults_total", "chain" => chain, "kind" => kind)
        .increment(1);
}

pub(crate) fn count_fee_failure(chain_id: u64) {
    let chain = chain_id.to_string();
    metrics::counter!("weir_arena_fee_failures_total", "chain" => chain).increment(1);
}

pub(crate) fn count_hydration(chain_id: u64, outcome: &'static str) {
    let chain = chain_id.to_string();
    metrics::counter!("weir_arena_hydrations_total", "chain" => chain, "outcome" => outcome)
        .increment(1);
}

pub(crate) fn count_sample(chain_id: u64, outcome: &'static str) {
    let chain = chain_id.to_string();
    metrics::counter!("weir_arena_samples_total", "chain" => chain, "outcome" => outcome)
        .increment(1);
}

pub(crate) fn count_grade(chain_id: u64, grade: Completeness) {
    let (chain, grade) = (chain_id.to_string(), grade.name());
    metrics::counter!("weir_arena_blocks_by_grade_total", "chain" => chain, "grade" => grade)
        .increment(1);
}

pub(crate) fn count_whitelist(chain_id: u64, kind: &'static str, pools: usize) {
    let chain = chain_id.to_string();
    metrics::counter!("weir_arena_whitelist_changes_total", "chain" => chain, "kind" => kind)
        .increment(pools as u64);
}

pub(crate) fn record_source(
    chain_id: u64,
    source: &SourceView,
    tip: Option<BlockRef>,
    recovering: usize,
    now: Instant,
) {
    let chain = chain_id.to_string();
    let set = |name: &'static str, value: f64| {
        metrics::gauge!(name, "chain" => chain.clone()).set(value);
    };
    set("weir_arena_source_connected", f64::from(u8::from(source.is_connected)));
    set("weir_arena_pools_recovering", recovering as f64);
    if let Some(age) = source.whitelist_age(now) {
        set("weir_arena_whitelist_age_seconds", age.as_secs_f64());
    }
    if let (Some(head), Some(tip)) = (source.head, tip) {
        set("weir_arena_source_lag_blocks", head.saturating_sub(tip.number) as f64);
    }
}

/// Counts older pools that a search has found.
pub(crate) fn count_discovered(chain_id: u64, pools: usize) {
    metrics::counter!("weir_arena_discovered_pools_total", "chain" => chain_id.to_string())
        .increment(pools as u64);
}

/// Tells how far the search for older pools has come.
pub(crate) fn record_discovery(chain_id: u64, block: u64) {
    metrics::gauge!("weir_arena_discovery_block", "chain" => chain_id.to_string())
        .set(block as f64);
}
