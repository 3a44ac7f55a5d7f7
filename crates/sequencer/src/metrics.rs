//! What the sequencer tells Prometheus.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use std::time::Duration;
use weir_primitives::ExecutedBlock;
use weir_rpc::ReorgOutcome;
use weir_storage::StoreStats;
use weir_txpool::PoolStatus;

const HEAD: &str = "weir_chain_head_number";
const BLOCKS: &str = "weir_chain_blocks_total";
const TRANSACTIONS: &str = "weir_chain_transactions_total";
const GAS: &str = "weir_chain_gas_total";
const REORGS: &str = "weir_chain_reorgs_total";
const REORGED_BLOCKS: &str = "weir_chain_reorged_blocks_total";
const ROOT: &str = "weir_seal_root_seconds";
const STORE: &str = "weir_seal_store_seconds";
const STORE_BYTES: &str = "weir_store_bytes";
const STORE_LOG_BYTES: &str = "weir_store_log_bytes";
const TRIE_NODES: &str = "weir_trie_nodes";
const TRIE_BYTES: &str = "weir_trie_bytes";
const WITNESS: &str = "weir_witness_seconds";
const WITNESS_BYTES: &str = "weir_witness_bytes";
const CHECK: &str = "weir_self_check_seconds";
const CHECK_FAILURES: &str = "weir_self_check_failures_total";
const ACCEPTED: &str = "weir_txpool_accepted_total";
const DROPPED: &str = "weir_txpool_dropped_total";
const PENDING: &str = "weir_txpool_pending";
const QUEUED: &str = "weir_txpool_queued";
const JOURNAL: &str = "weir_journal_bytes";
const JOURNAL_WAITING: &str = "weir_journal_waiting_records";
const BUNDLES_TRIED: &str = "weir_bundles_tried_total";
const BUNDLES_WAITING: &str = "weir_bundles_waiting";
const PROMISES_BROKEN: &str = "weir_promises_broken_total";

/// Describes every metric of this crate; call it once, after the recorder is installed.
pub fn describe_metrics() {
    describe_gauge!(HEAD, "Number of the newest sealed block");
    describe_counter!(BLOCKS, "Blocks sealed since the start");
    describe_counter!(TRANSACTIONS, "Transactions in blocks sealed since the start");
    describe_counter!(GAS, "Gas used by blocks sealed since the start");
    describe_counter!(REORGS, "Reorgs of the own chain since the start");
    describe_counter!(REORGED_BLOCKS, "Blocks that left the own chain by reorgs since the start");
    describe_histogram!(ROOT, Unit::Seconds, "Time to finish a block and compute its roots");
    describe_histogram!(STORE, Unit::Seconds, "Time to store a sealed block durably");
    describe_gauge!(STORE_BYTES, Unit::Bytes, "Size of the store's tables on disk");
    describe_gauge!(
        STORE_LOG_BYTES,
        Unit::Bytes,
        "Commits that are durable in the store's log and not in its tables yet"
    );
    describe_gauge!(TRIE_NODES, "Nodes of the state's tries in memory");
    describe_gauge!(TRIE_BYTES, Unit::Bytes, "Memory that nodes of the state's tries take");
    describe_histogram!(WITNESS, Unit::Seconds, "Time to make the witness of a block");
    describe_histogram!(WITNESS_BYTES, Unit::Bytes, "Size of the witness of a block");
    describe_histogram!(CHECK, Unit::Seconds, "Time to check a sealed block by its witness");
    describe_counter!(
        CHECK_FAILURES,
        "Sealed blocks that did not pass their check; none was published"
    );
    describe_counter!(ACCEPTED, "Transactions accepted into the pool");
    describe_counter!(DROPPED, "Transactions that left the pool without being included");
    describe_gauge!(PENDING, "Transactions in the pool that are executable next or behind such");
    describe_gauge!(QUEUED, "Transactions in the pool that wait for a missing nonce");
    describe_counter!(BUNDLES_TRIED, "Trials of bundles in open blocks, by whether they joined");
    describe_gauge!(BUNDLES_WAITING, "Bundles that wait, at the end of the newest block");
    describe_counter!(
        PROMISES_BROKEN,
        "Open blocks that a restart did not seal as they were told before it"
    );
    describe_gauge!(
        JOURNAL_WAITING,
        "Records that are not yet as durable as the journal promises, at the end of the newest block"
    );
    describe_gauge!(JOURNAL, Unit::Bytes, "Size of the journal of accepted transactions");
}

pub(crate) fn bundle_tried(has_joined: bool) {
    counter!(BUNDLES_TRIED, "joined" => has_joined.to_string()).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; bundles are bounded")]
pub(crate) fn bundles(waiting: usize) {
    gauge!(BUNDLES_WAITING).set(waiting as f64);
}

pub(crate) fn promise_broken() {
    counter!(PROMISES_BROKEN).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; 2^53 bytes are far")]
pub(crate) fn store(stats: &StoreStats) {
    gauge!(STORE_BYTES).set(stats.bytes as f64);
    gauge!(STORE_LOG_BYTES).set(stats.log_bytes as f64);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; 2^53 bytes are far")]
pub(crate) fn trie(nodes: usize, bytes: usize) {
    gauge!(TRIE_NODES).set(nodes as f64);
    gauge!(TRIE_BYTES).set(bytes as f64);
}

#[expect(clippy::cast_precision_loss, reason = "histograms are floating point; 2^53 bytes are far")]
pub(crate) fn witness(time: Duration, bytes: usize) {
    histogram!(WITNESS).record(time.as_secs_f64());
    histogram!(WITNESS_BYTES).record(bytes as f64);
}

pub(crate) fn self_checked(time: Duration, has_passed: bool) {
    histogram!(CHECK).record(time.as_secs_f64());
    counter!(CHECK_FAILURES).increment(u64::from(!has_passed));
}

pub(crate) fn accepted() {
    counter!(ACCEPTED).increment(1);
}

pub(crate) fn dropped() {
    counter!(DROPPED).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; 2^53 blocks are far")]
pub(crate) fn pool(status: PoolStatus) {
    gauge!(PENDING).set(status.pending as f64);
    gauge!(QUEUED).set(status.queued as f64);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; 2^53 bytes are far")]
pub(crate) fn journal(bytes: u64, waiting: u64) {
    gauge!(JOURNAL).set(bytes as f64);
    gauge!(JOURNAL_WAITING).set(waiting as f64);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; 2^53 blocks are far")]
pub(crate) fn reorged(outcome: &ReorgOutcome) {
    let head = outcome.new.last().unwrap_or(&outcome.ancestor);
    gauge!(HEAD).set(head.number as f64);
    counter!(REORGS).increment(1);
    counter!(REORGED_BLOCKS).increment(outcome.old.len() as u64);
    tracing::info!(
        ancestor = outcome.ancestor.number,
        old = outcome.old.len(),
        new = outcome.new.len(),
        head = head.number,
        hash = %head.hash,
        replayed = outcome.replayed,
        returned = outcome.returned,
        dropped = outcome.dropped.len(),
        "reorged"
    );
}

/// How long the parts of sealing took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SealTimes {
    pub(crate) root: Duration,
    pub(crate) store: Duration,
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating point; 2^53 blocks are far")]
pub(crate) fn sealed(block: &ExecutedBlock, times: SealTimes) {
    let header = block.block.header();
    gauge!(HEAD).set(header.number as f64);
    counter!(BLOCKS).increment(1);
    counter!(TRANSACTIONS).increment(block.receipts.len() as u64);
    counter!(GAS).increment(header.gas_used);
    histogram!(ROOT).record(times.root.as_secs_f64());
    histogram!(STORE).record(times.store.as_secs_f64());
    tracing::info!(
        number = header.number,
        hash = %block.block.hash(),
        transactions = block.receipts.len(),
        gas = header.gas_used,
        root_us = micros(times.root),
        store_us = micros(times.store),
        "sealed"
    );
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
