//! Roots of storage tries in the state before a block, and in the block so far.

use alloy_primitives::{Address, B256, keccak256, map::AddressMap};
use std::{cell::RefCell, fmt, sync::Arc};
use weir_evm::OpenBlock;
use weir_primitives::{AccountDiff, StateDiff, StateError};
use weir_storage::{Snapshot, hash_diff};
use weir_trie::{EMPTY_ROOT_HASH, StateTrie, prove};

/// Slots of one account that the open block may have changed for the root of its storage to be computed: each costs the
/// sequencing thread about ten nodes of the trie.
const CHANGED_SLOTS_MAX: usize = 256;

/// Finds the roots of storage tries, for conditions that name them (ERC-7796).
#[derive(Clone)]
pub struct StorageRoots {
    state_root: B256,
    snapshot: Arc<dyn Snapshot>,
    /// Roots in the open block, each with the number of transactions after which it is true.
    open: RefCell<AddressMap<(usize, Option<B256>)>>,
}

impl fmt::Debug for StorageRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageRoots").field("state_root", &self.state_root).finish_non_exhaustive()
    }
}

impl StorageRoots {
    /// Those of the state that a snapshot shows, whose root is `state_root`.
    pub fn new(state_root: B256, snapshot: Arc<dyn Snapshot>) -> Self {
        Self { state_root, snapshot, open: RefCell::default() }
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

    /// The root of an account's storage after the transactions of the open block on top of that state; `None` if too many
    /// slots have changed. Asked again before another transaction joins, it is not computed again.
    ///
    /// # Errors
    /// If nodes of the trie or the state cannot be read.
    pub(crate) fn in_open_block(
        &self,
        open: &OpenBlock,
        address: &Address,
    ) -> Result<Option<B256>, StateError> {
        let after = open.transactions().len();
        if let Some((_, root)) = self.open.borrow().get(address).filter(|(at, _)| *at == after) {
            return Ok(*root);
        }
        let root = match open.storage_change(address)? {
            None => Some(self.get(address)?),
            Some(change) if change.slots.len() > CHANGED_SLOTS_MAX => None,
            Some(change) => Some(self.after(address, change)?),
        };
        self.open.borrow_mut().insert(*address, (after, root));
        Ok(root)
    }

    /// The root after a change of the account.
    fn after(&self, address: &Address, change: AccountDiff) -> Result<B256, StateError> {
        let mut diff = StateDiff::default();
        diff.accounts.insert(*address, change);
        let mut trie = StateTrie::new(self.state_root);
        trie.apply(&hash_diff(&diff), &*self.snapshot).map_err(StateError::store)?;
        trie.root();
        let leaf = trie.account(keccak256(address), &*self.snapshot).map_err(StateError::store)?;
        Ok(leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root))
    }
}
