//! The transaction pool as callers see it.

use alloy_primitives::{Address, B256};
use std::sync::Arc;
use weir_primitives::Transaction;

/// A transaction that is accepted and in no sealed block.
#[derive(Debug, Clone)]
pub struct PoolTransaction {
    /// Its hash.
    pub hash: B256,
    /// The transaction, blobs without their sidecar.
    pub transaction: Arc<Transaction>,
    /// Its sender.
    pub sender: Address,
}

/// Transactions of the pool, ordered by sender and nonce.
#[derive(Debug, Clone, Default)]
pub struct PoolContent {
    /// Executable next, or behind executable ones.
    pub pending: Vec<PoolTransaction>,
    /// Waiting for a lower nonce.
    pub queued: Vec<PoolTransaction>,
}

/// How many transactions the pool holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Executable next, or behind executable ones.
    pub pending: u64,
    /// Waiting for a lower nonce.
    pub queued: u64,
}
