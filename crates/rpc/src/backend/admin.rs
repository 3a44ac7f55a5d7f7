//! What an operator may do to a running node.

use super::{BackendError, Readiness};
use alloy_primitives::{Address, B256};
use serde::Serialize;

/// A halted part of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HaltView {
    /// `ingress`, `sealing` or `batching`.
    pub scope: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Unix time in milliseconds.
    pub since_ms: u64,
}

/// How the node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminStatusView {
    /// Number of the newest sealed block.
    pub head_number: u64,
    /// Its hash.
    pub head_hash: B256,
    /// Transactions in the pool that are executable next or behind such.
    pub pending: u64,
    /// Transactions in the pool that wait for a missing nonce.
    pub queued: u64,
    /// Bytes in the journal.
    pub journal_bytes: u64,
    /// Whether the node is emptying its pool and then stops.
    pub is_draining: bool,
    /// What is halted.
    pub halts: Vec<HaltView>,
}

/// Controls of a node. Every call but the status is in the audit log, also one that failed.
pub trait AdminBackend: Send + Sync + 'static {
    /// Whether the node takes transactions and puts them into blocks.
    fn readiness(&self) -> Readiness;

    /// How the node stands.
    fn status(&self) -> AdminStatusView;

    /// Halts a scope until it is resumed, over restarts.
    fn halt(&self, scope: &str, reason: &str) -> Result<(), BackendError>;

    /// Lets a scope go on; answers whether it was halted.
    fn resume(&self, scope: &str) -> Result<bool, BackendError>;

    /// Drops a transaction that is in no block; answers whether it was in the pool.
    fn drop_transaction(&self, hash: B256) -> Result<bool, BackendError>;

    /// Drops all transactions of a sender that are in no block; answers their hashes.
    fn drop_sender(&self, sender: Address) -> Result<Vec<B256>, BackendError>;

    /// Replaces the filter of the logs.
    fn set_log_filter(&self, filter: &str) -> Result<(), BackendError>;

    /// Rewrites the journal so that it holds what is needed and nothing else; answers its bytes.
    fn compact_journal(&self) -> Result<u64, BackendError>;

    /// Takes no more transactions, puts those that are executable into blocks, and then stops the node.
    fn drain(&self) -> Result<(), BackendError>;
}
