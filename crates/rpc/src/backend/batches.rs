//! Batches posted to L1 as callers see them.

use super::BackendError;
use alloy_primitives::B256;
use serde::Serialize;

/// Where a batch is on its way to L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BatchState {
    /// Written to the outbox, not sent.
    Stored,
    /// Sent, not in an L1 block.
    Sent,
    /// In an L1 block.
    Included,
    /// In a finalized L1 block.
    Finalized,
}

/// One batch of blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchView {
    /// Number of the batch, from zero.
    pub index: u64,
    /// First block in it.
    pub first_block: u64,
    /// Last block in it.
    pub last_block: u64,
    /// Bytes posted, after compression.
    pub posted_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Where it is.
    pub state: BatchState,
    /// Hash of the L1 transaction, once sent.
    pub l1_transaction: Option<B256>,
    /// Number of the L1 block, once included.
    pub l1_block: Option<u64>,
    /// Times it was sent.
    pub attempts: u64,
    /// What went wrong last, if anything did.
    pub last_error: Option<String>,
}

/// Reads of the batch poster.
pub trait BatchesBackend: Send + Sync + 'static {
    /// At most `limit` batches from `first` on (the newest `limit` ones if `None`), oldest first.
    fn batches(&self, first: Option<u64>, limit: usize) -> Result<Vec<BatchView>, BackendError>;
}
