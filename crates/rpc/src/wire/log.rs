//! Logs.

use super::Quantity;
use alloy_primitives::{Address, B256, Bytes, Log};
use serde::Serialize;

/// A log with its place in the chain.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_number: Quantity,
    transaction_hash: B256,
    transaction_index: Quantity,
    block_hash: Option<B256>,
    block_timestamp: Quantity,
    log_index: Quantity,
    removed: bool,
}

/// Where a log stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogPlace {
    pub(crate) block_number: u64,
    /// `None` in the open block.
    pub(crate) block_hash: Option<B256>,
    pub(crate) block_timestamp: u64,
    pub(crate) transaction_hash: B256,
    pub(crate) transaction_index: u64,
    /// Index among all logs of the block.
    pub(crate) log_index: u64,
    /// Whether the block left the canonical chain.
    pub(crate) removed: bool,
}

impl WireLog {
    pub(crate) fn new(log: &Log, place: LogPlace) -> Self {
        Self {
            address: log.address,
            topics: log.data.topics().to_vec(),
            data: log.data.data.clone(),
            block_number: place.block_number.into(),
            transaction_hash: place.transaction_hash,
            transaction_index: place.transaction_index.into(),
            block_hash: place.block_hash,
            block_timestamp: place.block_timestamp.into(),
            log_index: place.log_index.into(),
            removed: place.removed,
        }
    }
}
