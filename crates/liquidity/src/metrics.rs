//! What the engine measures.

use crate::{TradingState, engine::UpdateOutcome};
use std::time::Duration;
use weir_arena::{PoolArena, PoolStatus};

/// Describes the engine's metrics to the recorder. Call it once, after a recorder is installed.
pub fn describe_metrics() {
    metrics::describe_gauge!(
        "weir_arena_tip_block",
        "Number of the block whose pool states are published."
    );
    metrics::describe_gauge!("weir_arena_pools", "Pools in the arena by status.");
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
}

pub(crate) fn record_update(outcome: &UpdateOutcome, took: Duration) {
    metrics::counter!("weir_arena_blocks_total").increment(outcome.blocks);
    metrics::counter!("weir_arena_events_total").increment(outcome.events);
    metrics::counter!("weir_arena_verified_events_total").increment(outcome.verified);
    metrics::counter!("weir_arena_diverged_pools_total").increment(outcome.diverged);
    metrics::counter!("weir_arena_undecodable_logs_total").increment(outcome.undecodable);
    metrics::histogram!("weir_arena_apply_seconds").record(took.as_secs_f64());
    metrics::histogram!("weir_arena_dirty_pools").record(outcome.dirty.len() as f64);
    if outcome.reverted > 0 {
        let kind = if outcome.blocks > 0 { "reorged" } else { "reverted" };
        metrics::counter!("weir_arena_reorgs_total", "kind" => kind).increment(1);
        metrics::histogram!("weir_arena_reorg_depth_blocks").record(outcome.reverted as f64);
    }
}

pub(crate) fn record_arena(arena: &PoolArena, state: TradingState, undecodable: u64) {
    metrics::gauge!("weir_arena_undecodable_logs").set(undecodable as f64);
    if let Some(tip) = arena.tip() {
        metrics::gauge!("weir_arena_tip_block").set(tip.number as f64);
    }
    metrics::gauge!("weir_arena_undo_bytes").set(arena.undo_bytes() as f64);
    metrics::gauge!("weir_arena_undo_blocks").set(arena.depth() as f64);
    let mut counts = [0u32; 4];
    for (_, pool) in arena.pools() {
        counts[status_index(pool.status())] += 1;
    }
    for (name, count) in ["live", "uninitialized", "unsynced", "halted"].into_iter().zip(counts) {
        metrics::gauge!("weir_arena_pools", "status" => name).set(f64::from(count));
    }
    for name in TradingState::NAMES {
        let value = f64::from(u8::from(name == state.name()));
        metrics::gauge!("weir_arena_state", "state" => name).set(value);
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
