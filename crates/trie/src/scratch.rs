//! Roots built from all leaves: the reference the incremental trie is checked against.

use crate::{LeafAccount, TrieLeaf};
use alloy_primitives::{B256, U256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};

/// Root of a state given as `(hashed address, account, storage root)`, sorted by key, each once.
///
/// # Panics
/// If the keys are not in strictly ascending order.
pub fn state_root_from_scratch(
    accounts: impl IntoIterator<Item = (B256, LeafAccount, B256)>,
) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, account, storage_root) in accounts {
        let leaf = TrieLeaf { account, storage_root }.encode();
        builder.add_leaf(Nibbles::unpack_array(&key.0), &leaf);
    }
    builder.root()
}

/// Root of a storage trie given as `(hashed slot, value)`, sorted by key, each once; zero values are left out.
///
/// # Panics
/// If the keys are not in strictly ascending order.
pub fn storage_root_from_scratch(slots: impl IntoIterator<Item = (B256, U256)>) -> B256 {
    let mut builder = HashBuilder::default();
    let mut is_empty = true;
    for (key, value) in slots {
        if !value.is_zero() {
            is_empty = false;
            builder.add_leaf(Nibbles::unpack_array(&key.0), &alloy_rlp::encode(value));
        }
    }
    if is_empty { EMPTY_ROOT_HASH } else { builder.root() }
}
