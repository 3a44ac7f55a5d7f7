//! A store of nodes in two maps.

use alloy_primitives::{B256, Bytes};
use std::collections::BTreeMap;
use weir_trie::{Nibbles, NodeSource, TrieError, TrieUpdates};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct StoredNodes {
    pub(crate) accounts: BTreeMap<Nibbles, Bytes>,
    pub(crate) storages: BTreeMap<(B256, Nibbles), Bytes>,
}

impl StoredNodes {
    pub(crate) fn write(&mut self, updates: TrieUpdates) {
        assert!(updates.account_nodes.is_sorted_by(|left, right| left.0 < right.0));
        assert!(
            updates.storage_nodes.is_sorted_by(|left, right| (left.0, left.1) < (right.0, right.1))
        );
        for account in updates.wiped_storage {
            self.storages.retain(|(owner, _), _| *owner != account);
        }
        for (path, rlp) in updates.account_nodes {
            match rlp {
                Some(rlp) => drop(self.accounts.insert(path, rlp)),
                None => drop(self.accounts.remove(&path)),
            }
        }
        for (account, path, rlp) in updates.storage_nodes {
            match rlp {
                Some(rlp) => drop(self.storages.insert((account, path), rlp)),
                None => drop(self.storages.remove(&(account, path))),
            }
        }
    }
}

impl NodeSource for StoredNodes {
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(self.accounts.get(path).cloned())
    }

    fn storage_node(&self, account: &B256, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(self.storages.get(&(*account, *path)).cloned())
    }
}
