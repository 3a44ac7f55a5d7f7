//! What a block changed, by hashed key.

use crate::LeafAccount;
use alloc::vec::Vec;
use alloy_primitives::{B256, U256};

/// What happened to one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The account afterwards; `None` removes it with all its storage, whatever `slots` says.
    pub account: Option<LeafAccount>,
    /// Whether all storage held before is deleted before `slots` are written.
    pub is_storage_wiped: bool,
    /// Changed slots by Keccak-256 of the slot number; zero deletes. Sorted by key.
    pub slots: Vec<(B256, U256)>,
}

/// All changes of a run of transactions, by Keccak-256 of the address, sorted by it, each account once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HashedDiff {
    /// The changes.
    pub accounts: Vec<(B256, AccountChange)>,
}

impl HashedDiff {
    /// Number of changed leaves: accounts plus slots.
    pub fn leaves(&self) -> usize {
        self.accounts.iter().map(|(_, change)| 1 + change.slots.len()).sum()
    }
}
