//! Blocks as far as their logs.

use crate::BlockRef;
use alloc::vec::Vec;
use alloy_primitives::{B256, Log};

/// What a source that does not execute knows of a block: its place in the chain and the logs of its transactions.
///
/// It says nothing of transaction types, so a chain whose types we cannot decode can be followed, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedBlock {
    /// Number, hash, parent hash and timestamp.
    pub reference: BlockRef,
    /// Base fee per gas in wei; zero before London.
    pub base_fee: u64,
    /// Every transaction in order, also those without logs.
    pub transactions: Vec<LoggedTransaction>,
}

/// One transaction's hash and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedTransaction {
    /// Hash of the transaction.
    pub hash: B256,
    /// Its logs in order.
    pub logs: Vec<Log>,
}
