//! What a store must write so that the trie can be loaded from it later.

use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// Changed nodes by path since the last [`StateTrie::take_updates`](crate::StateTrie::take_updates).
///
/// To be applied in one transaction in this order: `wiped_storage` first, then the nodes. Sorted, each path once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrieUpdates {
    /// Nodes of the account trie: RLP, or `None` to delete.
    pub account_nodes: Vec<(Nibbles, Option<Bytes>)>,
    /// Nodes of storage tries by Keccak-256 of the address: RLP, or `None` to delete.
    pub storage_nodes: Vec<(B256, Nibbles, Option<Bytes>)>,
    /// Accounts of which every stored storage node is deleted first.
    pub wiped_storage: Vec<B256>,
}

impl TrieUpdates {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.account_nodes.is_empty()
            && self.storage_nodes.is_empty()
            && self.wiped_storage.is_empty()
    }
}
