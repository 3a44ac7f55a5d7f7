//! Transactions that belong together.

use crate::PoolTransaction;
use alloy_primitives::{B256, keccak256};
use std::{ops::RangeInclusive, sync::Arc};

/// What a transaction of a bundle may do without undoing the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leeway {
    /// It may revert, and is included all the same (`revertingTxHashes`).
    pub may_revert: bool,
    /// If it reverts or cannot be executed, the rest goes on without it (`droppingTxHashes`).
    pub may_drop: bool,
}

/// Transactions that are executed one directly after the other, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The Keccak hash of its transactions' hashes, one after the other: its name.
    pub hash: B256,
    /// The transactions, in order. Without conditions of their own.
    pub transactions: Vec<(Arc<PoolTransaction>, Leeway)>,
    /// The blocks in which it may stand.
    pub blocks: RangeInclusive<u64>,
    /// The timestamps of blocks in which it may stand, in seconds.
    pub timestamps: RangeInclusive<u64>,
    /// The sender's own name for it: a later bundle with the same takes its place, and who knows it may cancel the bundle
    /// (`replacementUuid`).
    pub replacement: Option<String>,
    /// Position in the order of arrival, as that of a transaction.
    pub arrival: u64,
}

impl Bundle {
    /// The name of a bundle of these transactions.
    pub fn hash_of<'a>(transactions: impl IntoIterator<Item = &'a B256>) -> B256 {
        let hashes: Vec<u8> = transactions.into_iter().flat_map(|hash| hash.0).collect();
        keccak256(hashes)
    }

    /// Bytes of its transactions' EIP-2718 encodings.
    pub fn encoded_length(&self) -> usize {
        self.transactions.iter().map(|(transaction, _)| transaction.encoded_length).sum()
    }

    /// Whether it may stand in a block.
    pub fn fits(&self, number: u64, timestamp: u64) -> bool {
        self.blocks.contains(&number) && self.timestamps.contains(&timestamp)
    }

    /// Whether no block from this one on can hold it.
    pub fn is_over(&self, number: u64, timestamp: u64) -> bool {
        *self.blocks.end() < number || *self.timestamps.end() < timestamp
    }

    /// Whether a block with these transactions holds it: all but those that may be left out, and at least one.
    pub fn is_in(&self, contains: impl Fn(&B256) -> bool) -> bool {
        let mut has_one = false;
        let complete = self.transactions.iter().all(|(transaction, leeway)| {
            let is_there = contains(&transaction.hash);
            has_one |= is_there;
            is_there || leeway.may_drop
        });
        complete && has_one
    }
}
