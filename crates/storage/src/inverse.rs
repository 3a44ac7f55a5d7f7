//! What undoes a run of blocks, by hashed key.

use crate::{Snapshot, StorageError};
use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, B256Map},
};
use std::{ops::ControlFlow, sync::Arc};
use weir_primitives::{Account, AccountDiff, StateDiff};
use weir_trie::{AccountChange, HashedDiff, LeafAccount};

/// The change from the state of `base` back to the state after block `number`; `newer` are the diffs of the blocks
/// `number + 1` to the head of `base`, in order.
///
/// Exact, storage wipes included: what a wipe removed without naming it in the diff is read from `base`.
///
/// # Errors
/// If `base` cannot be read.
///
/// # Panics
/// If there is not exactly one diff for each block after `number` up to the head.
pub fn inverse_diff(
    base: &dyn Snapshot,
    number: u64,
    newer: &[Arc<StateDiff>],
) -> Result<HashedDiff, StorageError> {
    assert_eq!(
        number + newer.len() as u64,
        base.head().number,
        "one diff for each block after the one asked for"
    );
    let mut earlier: AddressMap<Earlier> = AddressMap::default();
    for (block, diff) in (number + 1..).zip(newer) {
        for (address, change) in &diff.accounts {
            let earlier =
                earlier.entry(*address).or_insert_with(|| Earlier::new(address, change.before));
            earlier.learn(base, block, change)?;
        }
    }
    let accounts = earlier.into_values().map(Earlier::into_change);
    let mut accounts: Vec<(B256, AccountChange)> = accounts.collect();
    accounts.sort_unstable_by_key(|(key, _)| *key);
    Ok(HashedDiff { accounts })
}

/// What is known so far of an account as it was. Of each fact the oldest change tells.
struct Earlier {
    key: B256,
    account: Option<Account>,
    /// Whether a wipe was met: all slots are known then, and those not listed are empty.
    is_complete: bool,
    slots: B256Map<U256>,
}

impl Earlier {
    fn new(address: &Address, account: Option<Account>) -> Self {
        let key = keccak256(address);
        // Of an account that was absent nothing is to be restored.
        Self { key, account, is_complete: account.is_none(), slots: B256Map::default() }
    }

    fn learn(
        &mut self,
        base: &dyn Snapshot,
        block: u64,
        change: &AccountDiff,
    ) -> Result<(), StorageError> {
        if self.is_complete {
            return Ok(());
        }
        if !change.is_storage_wiped && change.after.is_some() {
            for (slot, value) in &change.slots {
                let slot = keccak256(B256::from(*slot));
                self.slots.entry(slot).or_insert(value.before);
            }
            return Ok(());
        }
        self.is_complete = true;
        let slots = &mut self.slots;
        base.visit_wiped_slots(block, &self.key, &mut |slot, value| {
            slots.entry(slot).or_insert(value);
            ControlFlow::Continue(())
        })
    }

    fn into_change(self) -> (B256, AccountChange) {
        let leaf = |account: Account| {
            let Account { nonce, balance, code_hash } = account;
            LeafAccount { nonce, balance, code_hash }
        };
        let mut slots: Vec<(B256, U256)> = self.slots.into_iter().collect();
        if self.is_complete {
            slots.retain(|(_, value)| !value.is_zero());
        }
        slots.sort_unstable_by_key(|(slot, _)| *slot);
        let account = self.account.map(leaf);
        (self.key, AccountChange { account, is_storage_wiped: self.is_complete, slots })
    }
}
