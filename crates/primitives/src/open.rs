//! The block under construction, as others are told of it.

use crate::{BlockRef, LoggedTransaction};
use alloc::vec::Vec;
use alloy_primitives::B256;

/// A run of transactions appended to the open block. It is provisional until the block is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenStep {
    /// The block that the open block is the child of.
    pub parent: BlockRef,
    /// Unix time in seconds that the open block will carry.
    pub timestamp: u64,
    /// Base fee per gas of the open block in wei; zero before London.
    pub base_fee: u64,
    /// Index in the block of the step's first transaction.
    pub first_tx: u32,
    /// Index in the block of the step's first log.
    pub first_log: u32,
    /// Every transaction of the step in order, also those without logs.
    pub transactions: Vec<LoggedTransaction>,
}

/// How the open block changed. A sealed block, told as a [`ChainUpdate`](crate::ChainUpdate), supersedes its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenUpdate {
    /// Transactions were appended; with index zero, to a new open block.
    Appended(OpenStep),
    /// The open block on this parent is dropped: it will not be sealed as it was.
    Retracted {
        /// Hash of its parent.
        parent_hash: B256,
    },
}
