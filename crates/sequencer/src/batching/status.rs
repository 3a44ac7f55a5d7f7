//! What the batcher shows of itself.

use super::{OutboxEntry, Settlement, settlement};
use alloy_primitives::{B256, FixedBytes};
use std::sync::Arc;
use tokio::sync::watch;

/// How far a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchState {
    /// Written to the outbox, not signed.
    Intended,
    /// Signed, and sent or about to be.
    Sent,
    /// In an L1 block.
    Included,
    /// In an L1 block with enough confirmations.
    Final,
}

/// One L1 transaction of the batcher.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchStatus {
    /// Its number, from 0, in the order of posting.
    pub index: u64,
    /// The channel it carries a part of.
    pub channel: FixedBytes<16>,
    /// First block of the channel.
    pub first_block: u64,
    /// Last block of the channel.
    pub last_block: u64,
    /// Which frame of the channel it carries.
    pub frame: u64,
    /// Frames of the channel.
    pub frames: u64,
    /// How far it is.
    pub state: BatchState,
    /// Hash of the transaction that is included, or else of the newest one signed.
    pub transaction_hash: Option<B256>,
    /// Its nonce.
    pub nonce: Option<u64>,
    /// Number of the L1 block that includes it.
    pub l1_block: Option<u64>,
    /// Times it was signed: more than one if fees were raised.
    pub attempts: u64,
    /// Bytes posted.
    pub bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Why the batcher is waiting, if it is because of an error. The same for all that wait.
    pub last_error: Option<String>,
}

impl BatchStatus {
    /// Bytes before compression for each byte posted.
    pub fn compression_ratio(&self) -> f64 {
        self.raw_bytes as f64 / self.bytes.max(1) as f64
    }

    pub(crate) fn new(entry: &OutboxEntry, last_error: Option<&str>) -> Self {
        let newest = entry.newest();
        let state = match (newest, entry.inclusion) {
            (_, Some(inclusion)) if inclusion.is_final => BatchState::Final,
            (_, Some(_)) => BatchState::Included,
            (Some(_), None) => BatchState::Sent,
            (None, None) => BatchState::Intended,
        };
        let included = entry.inclusion.map(|inclusion| inclusion.transaction_hash);
        let is_waiting = entry.inclusion.is_none();
        Self {
            index: entry.sequence,
            channel: entry.channel,
            first_block: entry.first_block,
            last_block: entry.last_block,
            frame: entry.frame,
            frames: entry.frames,
            state,
            transaction_hash: included.or_else(|| newest.map(|attempt| attempt.hash)),
            nonce: newest.map(|attempt| attempt.nonce),
            l1_block: entry.inclusion.map(|inclusion| inclusion.block_number),
            attempts: entry.attempts.len() as u64,
            bytes: entry.bytes,
            raw_bytes: entry.raw_bytes,
            last_error: last_error.filter(|_| is_waiting).map(str::to_owned),
        }
    }
}

/// A view of the batcher for others. Cheap to clone; reading never waits.
#[derive(Debug, Clone)]
pub struct BatchHandle {
    statuses: watch::Receiver<Arc<Vec<BatchStatus>>>,
}

impl BatchHandle {
    /// A handle and its writing end.
    pub(crate) fn channel() -> (watch::Sender<Arc<Vec<BatchStatus>>>, Self) {
        let (sender, statuses) = watch::channel(Arc::default());
        (sender, Self { statuses })
    }

    /// All that is remembered, oldest first.
    pub fn statuses(&self) -> Arc<Vec<BatchStatus>> {
        Arc::clone(&self.statuses.borrow())
    }

    /// How far the batch with this block is.
    pub fn settlement(&self, block: u64) -> Settlement {
        settlement(&self.statuses.borrow(), block)
    }

    /// Waits until a status changes; false once the driver has ended.
    pub(crate) async fn changed(&mut self) -> bool {
        self.statuses.changed().await.is_ok()
    }

    /// Waits until the statuses satisfy `is_met`; `None` if the driver ends before.
    pub async fn wait_for(
        &mut self,
        is_met: impl Fn(&[BatchStatus]) -> bool,
    ) -> Option<Arc<Vec<BatchStatus>>> {
        let met = self.statuses.wait_for(|statuses| is_met(statuses)).await.ok()?;
        Some(Arc::clone(&met))
    }
}

impl weir_rpc::BatchesBackend for BatchHandle {
    fn batches(
        &self,
        first: Option<u64>,
        limit: usize,
    ) -> Result<Vec<weir_rpc::BatchView>, weir_rpc::BackendError> {
        let statuses = self.statuses();
        let begin = match first {
            Some(first) => statuses.partition_point(|status| status.index < first),
            None => statuses.len().saturating_sub(limit),
        };
        Ok(statuses[begin..].iter().take(limit).map(view).collect())
    }
}

fn view(status: &BatchStatus) -> weir_rpc::BatchView {
    weir_rpc::BatchView {
        index: status.index,
        first_block: status.first_block,
        last_block: status.last_block,
        posted_bytes: status.bytes,
        raw_bytes: status.raw_bytes,
        state: match status.state {
            BatchState::Intended => weir_rpc::BatchState::Stored,
            BatchState::Sent => weir_rpc::BatchState::Sent,
            BatchState::Included => weir_rpc::BatchState::Included,
            BatchState::Final => weir_rpc::BatchState::Finalized,
        },
        l1_transaction: status.transaction_hash,
        l1_block: status.l1_block,
        attempts: status.attempts,
        last_error: status.last_error.clone(),
    }
}
