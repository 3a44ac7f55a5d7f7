//! What changed when, so that older states can be read: written with each block, pruned from the other end.

use super::{Table, TableRead, TableWrite};
use crate::{
    HistoryWindow, StorageError,
    codec::{self, META_HISTORY},
};
use alloy_primitives::B256;
use std::{collections::BTreeMap, ops::ControlFlow};
use weir_trie::HashedDiff;

/// Blocks whose changes one commit drops at most: more than one, so that a window made shorter is reached in time, and
/// few, so that no block waits for it.
const PRUNED_BLOCKS_MAX: u64 = 4;

/// What a block is about to overwrite, as stored.
#[derive(Debug, Default)]
pub(super) struct Before {
    /// By hashed address; empty if the account does not exist.
    accounts: Vec<(B256, Vec<u8>)>,
    /// By hashed address and hashed slot; empty for zero.
    slots: Vec<(B256, B256, Vec<u8>)>,
}

impl Before {
    /// Reads everything that `hashed` changes; call it before the first write.
    pub(super) fn read(tables: &impl TableRead, hashed: &HashedDiff) -> Result<Self, StorageError> {
        let mut before = Self::default();
        for (key, _) in &hashed.accounts {
            let account = tables.get(Table::Accounts, key.as_slice())?;
            before.accounts.push((*key, account.map_or_else(Vec::new, |value| value.into_owned())));
        }
        for (key, change) in &hashed.accounts {
            if change.is_storage_wiped || change.account.is_none() {
                before.read_wiped(tables, key, &change.slots)?;
                continue;
            }
            for (slot, _) in &change.slots {
                let value = tables.get(Table::Storage, &codec::slot_key(key, slot))?;
                let value = value.map_or_else(Vec::new, |value| value.into_owned());
                before.slots.push((*key, *slot, value));
            }
        }
        Ok(before)
    }

    /// All slots of an account whose storage goes, and those that are new.
    fn read_wiped(
        &mut self,
        tables: &impl TableRead,
        account: &B256,
        written: &[(B256, alloy_primitives::U256)],
    ) -> Result<(), StorageError> {
        let mut slots: BTreeMap<B256, Vec<u8>> =
            written.iter().map(|(slot, _)| (*slot, Vec::new())).collect();
        tables.scan(Table::Storage, account.as_slice(), &mut |key, value| {
            slots.insert(codec::hash_key(&key[32..], Table::Storage)?, value.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        self.slots.extend(slots.into_iter().map(|(slot, value)| (*account, slot, value)));
        Ok(())
    }

    /// Writes it as what block `number` changed. One table after the other: a table's cursor is kept while it is in use.
    pub(super) fn write(
        &self,
        tables: &mut impl TableWrite,
        number: u64,
    ) -> Result<(), StorageError> {
        for (account, value) in &self.accounts {
            let key = codec::account_change_key(number, account);
            tables.put(Table::AccountChanges, &key, Some(value))?;
        }
        for (account, slot, value) in &self.slots {
            let key = codec::slot_change_key(number, account, slot);
            tables.put(Table::StorageChanges, &key, Some(value))?;
        }
        for (account, _) in &self.accounts {
            let key = codec::account_history_key(account, number);
            tables.put(Table::AccountHistory, &key, Some(&[]))?;
        }
        for (account, slot, _) in &self.slots {
            let key = codec::slot_history_key(account, slot, number);
            tables.put(Table::StorageHistory, &key, Some(&[]))?;
        }
        Ok(())
    }
}

/// Sets the oldest block whose state can be read.
pub(super) fn write_oldest(tables: &mut impl TableWrite, oldest: u64) -> Result<(), StorageError> {
    tables.put(Table::Meta, META_HISTORY, Some(&oldest.to_be_bytes()))
}

/// Drops what only states before the window need; `head` is the newest block.
pub(super) fn prune(
    tables: &mut impl TableWrite,
    window: HistoryWindow,
    head: u64,
) -> Result<(), StorageError> {
    let HistoryWindow::Blocks(blocks) = window else { return Ok(()) };
    let (oldest, wanted) = (codec::read_history(tables)?, head.saturating_sub(blocks));
    let reached = wanted.min(oldest.saturating_add(PRUNED_BLOCKS_MAX));
    if reached <= oldest {
        return Ok(());
    }
    for number in oldest + 1..=reached {
        remove(tables, number)?;
    }
    write_oldest(tables, reached)
}

/// Forgets what block `number` changed.
pub(super) fn remove(tables: &mut impl TableWrite, number: u64) -> Result<(), StorageError> {
    let prefix = number.to_be_bytes();
    let mut accounts = Vec::new();
    tables.scan(Table::AccountChanges, &prefix, &mut |key, _| {
        let account = codec::hash_key(&key[8..], Table::AccountChanges)?;
        accounts.push(codec::account_history_key(&account, number));
        Ok(ControlFlow::Continue(()))
    })?;
    let mut slots = Vec::new();
    tables.scan(Table::StorageChanges, &prefix, &mut |key, _| {
        let (account, slot) = change_of(key)?;
        slots.push(codec::slot_history_key(&account, &slot, number));
        Ok(ControlFlow::Continue(()))
    })?;
    for key in accounts {
        tables.put(Table::AccountHistory, &key, None)?;
    }
    for key in slots {
        tables.put(Table::StorageHistory, &key, None)?;
    }
    tables.delete_prefix(Table::AccountChanges, &prefix)?;
    tables.delete_prefix(Table::StorageChanges, &prefix)
}

/// Hashed address and hashed slot of a key of [`Table::StorageChanges`].
pub(crate) fn change_of(key: &[u8]) -> Result<(B256, B256), StorageError> {
    let (account, slot) =
        key[8..].split_at_checked(32).ok_or_else(|| codec::malformed(Table::StorageChanges))?;
    let account = codec::hash_key(account, Table::StorageChanges)?;
    Ok((account, codec::hash_key(slot, Table::StorageChanges)?))
}
