//! What following tells Prometheus.

use super::{Followed, FollowerStatus};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::sync::Arc;

const CONNECTED: &str = "weir_follower_connected";
const HEAD: &str = "weir_follower_head_number";
const LAG: &str = "weir_follower_lag_blocks";
const BLOCKS: &str = "weir_follower_blocks_total";
const REORG_DEPTH: &str = "weir_follower_reorg_depth_blocks";
const RESETS: &str = "weir_follower_resets_total";
const RECONNECTS: &str = "weir_follower_reconnects_total";
const RESTARTS: &str = "weir_follower_restarts_total";
const CONTRADICTIONS: &str = "weir_follower_contradictions_total";
const MISMATCHES: &str = "weir_follower_receipts_root_mismatches_total";
const REQUESTS: &str = "weir_follower_requests_total";
const REQUEST_ERRORS: &str = "weir_follower_request_errors_total";

/// Describes every metric of this crate; call it once, after the recorder is installed.
pub fn describe_metrics() {
    describe_gauge!(CONNECTED, "Whether the followed node answers (1) or not (0), by chain");
    describe_gauge!(HEAD, "Number of the followed node's head, by chain");
    describe_gauge!(LAG, "Blocks between the followed node's head and the newest block handed out");
    describe_counter!(BLOCKS, "Blocks handed out, by chain and by what proves their logs");
    describe_histogram!(REORG_DEPTH, "Blocks that left the followed chain in one reorg");
    describe_counter!(RESETS, "Reorgs deeper than what the follower remembers");
    describe_counter!(RECONNECTS, "Times that the followed node came back after a loss");
    describe_counter!(RESTARTS, "Walks begun anew because the node changed its chain meanwhile");
    describe_counter!(CONTRADICTIONS, "Answers of the followed node that do not fit together");
    describe_counter!(MISMATCHES, "Receipts that do not hash to the root in their header");
    describe_counter!(REQUESTS, "JSON-RPC requests sent to nodes, by method");
    describe_counter!(REQUEST_ERRORS, "JSON-RPC requests to nodes without an answer, by method");
}

/// The metrics of one follower, labelled with its chain.
#[derive(Debug, Clone)]
pub(super) struct FollowMetrics {
    chain: Arc<str>,
}

impl FollowMetrics {
    pub(super) fn new(chain_id: u64) -> Self {
        Self { chain: chain_id.to_string().into() }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "gauges are floating point; 2^53 blocks are far"
    )]
    pub(super) fn status(&self, status: &FollowerStatus) {
        gauge!(CONNECTED, "chain" => Arc::clone(&self.chain)).set(f64::from(status.connected));
        gauge!(HEAD, "chain" => Arc::clone(&self.chain)).set(status.head.number as f64);
        gauge!(LAG, "chain" => Arc::clone(&self.chain)).set(status.lag_blocks as f64);
    }

    #[expect(clippy::cast_precision_loss, reason = "a depth is far below 2^53")]
    pub(super) fn followed(&self, followed: &Followed) {
        for block in &followed.new {
            let chain = Arc::clone(&self.chain);
            counter!(BLOCKS, "chain" => chain, "proof" => block.proof.name()).increment(1);
        }
        if !followed.old.is_empty() {
            let depth = followed.old.len() as f64;
            histogram!(REORG_DEPTH, "chain" => Arc::clone(&self.chain)).record(depth);
        }
        if followed.reset.is_some() {
            counter!(RESETS, "chain" => Arc::clone(&self.chain)).increment(1);
        }
    }

    pub(super) fn reconnected(&self) {
        counter!(RECONNECTS, "chain" => Arc::clone(&self.chain)).increment(1);
    }

    pub(super) fn restarted(&self) {
        counter!(RESTARTS, "chain" => Arc::clone(&self.chain)).increment(1);
    }

    pub(super) fn contradicted(&self) {
        counter!(CONTRADICTIONS, "chain" => Arc::clone(&self.chain)).increment(1);
    }
}
