//! Follows the chain during a run and finds the run's transactions in its blocks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use alloy_primitives::B256;
use tokio::{sync::watch, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    LoadError,
    lane::Course,
    latency::Latency,
    node::{Node, ReceiptSummary},
};

/// How often the node is asked for its next block: the resolution of the inclusion latency.
const BLOCK_POLL: Duration = Duration::from_millis(20);

/// Receipts looked at after a run. Not all of them: anvil takes time quadratic in the size of a block for its receipts.
const RECEIPTS_MAX: usize = 1_000;

/// A block that holds transactions of the run.
#[derive(Clone, Debug)]
pub(crate) struct BlockSample {
    /// When this machine saw it.
    pub(crate) seen_at: Instant,
    pub(crate) gas_used: u64,
    /// The run's transactions in it.
    pub(crate) included: Vec<B256>,
}

/// What the tracker saw.
#[derive(Debug)]
pub(crate) struct Sightings {
    /// Blocks with transactions of the run, in order.
    pub(crate) blocks: Vec<BlockSample>,
    pub(crate) inclusion_latency: Latency,
}

/// Follows the chain from the block after `head`.
#[derive(Debug)]
pub(crate) struct Tracker {
    pub(crate) node: Node,
    pub(crate) head: u64,
    pub(crate) course: Arc<Course>,
    /// Counts the run's included transactions, once per block.
    pub(crate) included: watch::Sender<u64>,
    /// No more transactions will be sent.
    pub(crate) sent_all: CancellationToken,
    /// How long to wait for the rest after that.
    pub(crate) drain: Duration,
}

impl Tracker {
    /// Runs until every transaction is included after the last was sent, or until that takes too long.
    pub(crate) async fn run(mut self) -> Result<Sightings, LoadError> {
        let mut sightings = Sightings { blocks: Vec::new(), inclusion_latency: Latency::new() };
        let mut give_up_at = None;
        loop {
            if self.sent_all.is_cancelled() {
                let deadline = *give_up_at.get_or_insert_with(|| Instant::now() + self.drain);
                if self.course.in_flight.waiting() == 0 || Instant::now() >= deadline {
                    return Ok(sightings);
                }
            }
            match self.node.block(self.head + 1).await? {
                Some(block) => {
                    self.head += 1;
                    let seen_at = Instant::now();
                    let mut included = block.transactions;
                    included.retain(|hash| self.take(hash, seen_at, &mut sightings));
                    if !included.is_empty() {
                        let more = included.len() as u64;
                        let gas_used = block.gas_used.to();
                        sightings.blocks.push(BlockSample { seen_at, gas_used, included });
                        self.included.send_modify(|count| *count += more);
                    }
                }
                None => sleep(BLOCK_POLL).await,
            }
        }
    }

    fn take(&self, hash: &B256, seen_at: Instant, sightings: &mut Sightings) -> bool {
        let Some(pending) = self.course.in_flight.include(hash) else { return false };
        sightings.inclusion_latency.record(seen_at.saturating_duration_since(pending.due));
        true
    }
}

/// How many of the run's receipts were looked at, and how many of them tell of a failed execution.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiptCheck {
    pub(crate) checked: u64,
    pub(crate) reverted: u64,
}

/// Looks at the receipts of the run, or at [`RECEIPTS_MAX`] of them spread evenly.
pub(crate) async fn check_receipts(
    node: &mut Node,
    blocks: &[BlockSample],
) -> Result<ReceiptCheck, LoadError> {
    let count: usize = blocks.iter().map(|block| block.included.len()).sum();
    let step = count.div_ceil(RECEIPTS_MAX).max(1);
    let all = blocks.iter().flat_map(|block| &block.included);
    let hashes: Vec<B256> = all.step_by(step).copied().collect();
    let receipts: Vec<ReceiptSummary> =
        node.receipts(&hashes).await?.into_iter().flatten().collect();
    let reverted = receipts.iter().filter(|receipt| receipt.status.is_zero()).count() as u64;
    Ok(ReceiptCheck { checked: receipts.len() as u64, reverted })
}
