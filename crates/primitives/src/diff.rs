//! What a block (or a step) changed, with the values before and after.

use crate::Account;
use alloy_primitives::{Address, B256, Bytes, U256, map::HashMap};

/// A storage slot before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotDiff {
    /// Value before; zero if the slot was absent.
    pub before: U256,
    /// Value after; zero deletes the slot.
    pub after: U256,
}

/// One account before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountDiff {
    /// The account before, `None` if it did not exist.
    pub before: Option<Account>,
    /// The account after, `None` if it no longer exists.
    pub after: Option<Account>,
    /// Whether all storage held before was deleted first (self-destruct before Cancun, or re-creation).
    /// `slots` then holds what was written afterwards, and `before` values of the slots that execution read.
    pub is_storage_wiped: bool,
    /// Slots whose value changed, keyed by the plain slot number.
    pub slots: HashMap<U256, SlotDiff>,
}

/// All accounts, slots and codes that a run of transactions changed.
///
/// Applying the `after` values to the state before gives the state after; applying the `before` values undoes it,
/// except for slots that a storage wipe removed without naming them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDiff {
    /// Changed accounts by plain address.
    pub accounts: HashMap<Address, AccountDiff>,
    /// Codes created, by hash.
    pub codes: HashMap<B256, Bytes>,
}

impl StateDiff {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.codes.is_empty()
    }

    /// Number of changed trie leaves: accounts plus slots.
    pub fn leaves(&self) -> usize {
        self.accounts.values().map(|account| 1 + account.slots.len()).sum()
    }
}
