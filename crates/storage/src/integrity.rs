//! Checks that what is stored belongs together.

use crate::{Snapshot, StorageError};
use alloy_primitives::B256;
use std::ops::ControlFlow;
use weir_trie::{LeafAccount, state_root_from_scratch, storage_root_from_scratch};

/// The state root computed anew from every account and slot in the store. It must equal the head's.
///
/// Takes memory for all accounts and the slots of one; about a microsecond a leaf.
pub fn state_root_from_leaves(snapshot: &dyn Snapshot) -> Result<B256, StorageError> {
    let mut accounts = Vec::new();
    snapshot.visit_accounts(&mut |key, account| {
        accounts.push((key, account));
        ControlFlow::Continue(())
    })?;
    let mut leaves = Vec::with_capacity(accounts.len());
    for (key, account) in accounts {
        let mut slots = Vec::new();
        snapshot.visit_storage(&key, &mut |slot, value| {
            slots.push((slot, value));
            ControlFlow::Continue(())
        })?;
        let leaf = LeafAccount {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
        };
        leaves.push((key, leaf, storage_root_from_scratch(slots)));
    }
    Ok(state_root_from_scratch(leaves))
}
