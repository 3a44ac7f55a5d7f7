//! The accounts and slots that a transaction reads and writes.

use alloy_primitives::{Address, U256};
use revm::state::EvmState;
use std::collections::{BTreeMap, BTreeSet};

/// What of one account a transaction touches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountAccess {
    /// Whether balance, nonce or code are different afterwards, or the account is gone; in a read set always false.
    pub is_changed: bool,
    /// Slots.
    pub slots: BTreeSet<U256>,
}

/// The read and the write set of a transaction. What it writes it has read.
///
/// The sender, the recipient and the block's beneficiary are among the reads. What is changed and changed back is not
/// among the writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessSet {
    /// Accounts and slots whose values the transaction depends on.
    pub reads: BTreeMap<Address, AccountAccess>,
    /// Accounts and slots that are different afterwards.
    pub writes: BTreeMap<Address, AccountAccess>,
}

impl AccessSet {
    pub(super) fn of(state: &EvmState) -> Self {
        let mut set = Self::default();
        for (address, account) in state {
            let slots = account.storage.keys().copied().collect();
            set.reads.insert(*address, AccountAccess { is_changed: false, slots });
            let slots: BTreeSet<U256> =
                account.changed_storage_slots().map(|(slot, _)| *slot).collect();
            let (before, now) = (account.original_info(), &account.info);
            let is_changed = account.is_touched()
                && (account.is_selfdestructed()
                    || (before.balance, before.nonce, before.code_hash)
                        != (now.balance, now.nonce, now.code_hash));
            if is_changed || !slots.is_empty() {
                set.writes.insert(*address, AccountAccess { is_changed, slots });
            }
        }
        set
    }
}
