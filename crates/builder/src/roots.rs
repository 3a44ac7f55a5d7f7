//! Roots of storage tries in the state before a block.

use alloy_primitives::{Address, B256, keccak256};
use std::{fmt, sync::Arc};
use weir_primitives::StateError;
use weir_storage::Snapshot;
use weir_trie::{EMPTY_ROOT_HASH, prove};

/// Finds the roots of storage tries, for conditions that name them (ERC-7796).
#[derive(Clone)]
pub struct StorageRoots {
    state_root: B256,
    snapshot: Arc<dyn Snapshot>,
}

impl fmt::Debug for StorageRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageRoots").field("state_root", &self.state_root).finish_non_exhaustive()
    }
}

impl StorageRoots {
    /// Those of the state that a snapshot shows, whose root is `state_root`.
    pub fn new(state_root: B256, snapshot: Arc<dyn Snapshot>) -> Self {
        Self { state_root, snapshot }
    }

    /// The root of an account's storage; that of an empty trie if there is no account.
    ///
    /// # Errors
    /// If nodes of the trie cannot be read.
    pub fn get(&self, address: &Address) -> Result<B256, StateError> {
        let proof = prove(self.state_root, keccak256(address), &[], &*self.snapshot);
        let leaf = proof.map_err(StateError::store)?.leaf;
        Ok(leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root))
    }
}
