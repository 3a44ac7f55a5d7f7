//! Tries of earlier blocks: what was changed since is undone beside the head's trie, which stays as it is.

use crate::ChainView;
use alloy_primitives::{
    B256, Bytes,
    map::{B256Set, HashMap},
};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};
use weir_primitives::{StateDiff, StateError};
use weir_storage::{Snapshot, StorageError, hash_diff, inverse_diff};
use weir_trie::{Nibbles, NodeSource, StateTrie, TrieError, TrieUpdates};

/// Accounts and slots that are undone for one trie at most (about 1 KiB of memory each while it is computed).
const LEAVES_MAX: usize = 500_000;
/// Earlier tries kept; wallets and bridges ask for several proofs at one block.
const KEPT_MAX: usize = 8;

/// Why there is no trie of an earlier block.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PastError {
    /// The state is not kept, or could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store could not be read.
    #[error("store cannot be read")]
    Storage(#[from] StorageError),
    /// A node could not be read.
    #[error("trie cannot be read")]
    Trie(#[from] TrieError),
    /// Too much has changed since.
    #[error(
        "block is too far back for a proof: more than {leaves_max} accounts and slots changed since"
    )]
    TooFar {
        /// Most accounts and slots.
        leaves_max: usize,
    },
    /// The changes kept do not lead to the block's root: the store is corrupt.
    #[error("earlier state has another root than its block: number={number}")]
    RootMismatch {
        /// Number of the block.
        number: u64,
    },
}

/// Nodes in which an earlier trie differs from the head's.
#[derive(Debug, Default)]
struct Difference {
    accounts: HashMap<Nibbles, Option<Bytes>>,
    storages: HashMap<(B256, Nibbles), Option<Bytes>>,
    /// Accounts of which the head's storage nodes do not count.
    wiped: B256Set,
}

impl From<TrieUpdates> for Difference {
    fn from(updates: TrieUpdates) -> Self {
        let storages = updates.storage_nodes.into_iter();
        Self {
            accounts: updates.account_nodes.into_iter().collect(),
            storages: storages.map(|(account, path, node)| ((account, path), node)).collect(),
            wiped: updates.wiped_storage.into_iter().collect(),
        }
    }
}

/// The nodes of an earlier trie.
pub(crate) struct PastNodes {
    /// Its root.
    pub(crate) root: B256,
    difference: Arc<Difference>,
    head: Arc<dyn Snapshot>,
}

impl PastNodes {
    /// The root after a change of this state.
    pub(crate) fn root_after(&self, diff: &StateDiff) -> Result<B256, TrieError> {
        let mut trie = StateTrie::new(self.root);
        trie.apply(&hash_diff(diff), self)?;
        Ok(trie.root())
    }
}

impl NodeSource for PastNodes {
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        match self.difference.accounts.get(path) {
            Some(node) => Ok(node.clone()),
            None => self.head.account_node(path),
        }
    }

    fn storage_node(&self, account: &B256, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        match self.difference.storages.get(&(*account, *path)) {
            Some(node) => Ok(node.clone()),
            None if self.difference.wiped.contains(account) => Ok(None),
            None => self.head.storage_node(account, path),
        }
    }
}

/// Hash of the head, and number of an earlier block.
type PastKey = (B256, u64);

/// What leads to the tries that were asked for last.
#[derive(Debug, Default)]
pub(crate) struct PastTries {
    /// The newest last.
    kept: Mutex<VecDeque<(PastKey, Arc<Difference>)>>,
}

impl PastTries {
    /// The trie after block `number`.
    pub(crate) fn nodes(&self, view: &ChainView, number: u64) -> Result<PastNodes, PastError> {
        let head = Arc::clone(view.snapshot());
        let header = view.header_by_number(number)?;
        let oldest = head.history_oldest()?;
        let header = header.ok_or(StateError::Pruned { block: number, oldest })?;
        let root = header.state_root;
        let key = (view.head().block.hash(), number);
        let kept = self.kept.lock().iter().find(|(kept, _)| *kept == key).cloned();
        let difference = match kept {
            Some((_, difference)) => difference,
            None => {
                let made = Arc::new(difference(view, number, root)?);
                let mut kept = self.kept.lock();
                if kept.len() == KEPT_MAX {
                    kept.pop_front();
                }
                kept.push_back((key, Arc::clone(&made)));
                made
            }
        };
        Ok(PastNodes { root, difference, head })
    }
}

fn difference(view: &ChainView, number: u64, root: B256) -> Result<Difference, PastError> {
    let snapshot = &**view.snapshot();
    if number == view.heads().unsafe_head().number {
        return Ok(Difference::default());
    }
    let inverse = inverse_diff(snapshot, number, LEAVES_MAX)?;
    let inverse = inverse.ok_or(PastError::TooFar { leaves_max: LEAVES_MAX })?;
    let mut trie = StateTrie::new(view.head().block.header().state_root);
    trie.apply(&inverse, snapshot)?;
    if trie.root() != root {
        return Err(PastError::RootMismatch { number });
    }
    Ok(trie.take_updates().into())
}
