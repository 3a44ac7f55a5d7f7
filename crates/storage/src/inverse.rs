//! What undoes a run of blocks, by hashed key.

use crate::{Snapshot, history::check_kept};
use alloy_primitives::{
    B256, U256,
    map::{B256Map, HashMap},
};
use weir_primitives::{Account, StateError};
use weir_trie::{AccountChange, HashedDiff, LeafAccount};

/// The change from the state of `base` back to the state after block `number`; `None` if it has more than `leaves_max`
/// accounts and slots. Takes time and memory in proportion to what the blocks since then changed.
///
/// Exact, storage wipes included.
///
/// # Errors
/// [`StateError::Pruned`] if the state after `number` is not kept; otherwise if `base` cannot be read.
pub fn inverse_diff(
    base: &dyn Snapshot,
    number: u64,
    leaves_max: usize,
) -> Result<Option<HashedDiff>, StateError> {
    check_kept(base, number)?;
    let mut earlier = Earlier::default();
    for block in number + 1..=base.head().number {
        let Earlier { accounts, slots } = &mut earlier;
        // Of each fact the oldest change tells.
        base.visit_changes(
            block,
            &mut |account, before| {
                accounts.entry(account).or_insert(before);
            },
            &mut |account, slot, before| {
                slots.entry((account, slot)).or_insert(before);
            },
        )?;
        if leaves_max < accounts.len() + slots.len() {
            return Ok(None);
        }
    }
    Ok(Some(earlier.into_diff()))
}

/// What is known so far of the state as it was.
#[derive(Default)]
struct Earlier {
    accounts: B256Map<Option<Account>>,
    /// By hashed address and hashed slot.
    slots: HashMap<(B256, B256), U256>,
}

impl Earlier {
    fn into_diff(self) -> HashedDiff {
        let leaf = |account: Account| {
            let Account { nonce, balance, code_hash } = account;
            LeafAccount { nonce, balance, code_hash }
        };
        // Every slot that changed is named, so that only an account that was absent need lose the rest.
        let changes = self.accounts.into_iter().map(|(key, account)| {
            let account = account.map(leaf);
            let is_storage_wiped = account.is_none();
            (key, AccountChange { account, is_storage_wiped, slots: Vec::new() })
        });
        let mut accounts: Vec<(B256, AccountChange)> = changes.collect();
        accounts.sort_unstable_by_key(|(key, _)| *key);
        let mut slots: Vec<_> = self.slots.into_iter().collect();
        slots.sort_unstable_by_key(|(key, _)| *key);
        let mut next = 0;
        for ((key, slot), value) in slots {
            while next < accounts.len() && accounts[next].0 < key {
                next += 1;
            }
            if let Some((account, change)) = accounts.get_mut(next)
                && *account == key
                && change.account.is_some()
            {
                change.slots.push((slot, value));
            }
        }
        HashedDiff { accounts }
    }
}
