//! Roots of lists: transactions, receipts, withdrawals.

use crate::{
    merkle::MerkleTrie,
    source::{EmptyNodes, Loader},
};
use alloc::vec::Vec;
use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use core::fmt;

/// The trie of a list that grows: values at the keys `rlp(0)`, `rlp(1)` and so on (Yellow Paper, section 4.3.2).
pub struct OrderedTrie {
    trie: MerkleTrie,
    count: usize,
    value: Vec<u8>,
}

impl Default for OrderedTrie {
    fn default() -> Self {
        Self { trie: MerkleTrie::new(EMPTY_ROOT_HASH), count: 0, value: Vec::new() }
    }
}

impl fmt::Debug for OrderedTrie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrderedTrie").field("count", &self.count).finish_non_exhaustive()
    }
}

impl OrderedTrie {
    /// Adds the next value: what `encode` appends to an empty buffer, which must be something.
    pub fn push(&mut self, encode: impl FnOnce(&mut Vec<u8>)) {
        self.value.clear();
        encode(&mut self.value);
        let loader = Loader { source: &EmptyNodes, account: None };
        let key = Nibbles::unpack(alloy_rlp::encode_fixed_size(&self.count));
        let pushed = self.trie.insert(&key, &self.value, &loader);
        pushed.expect("a trie that starts empty loads nothing");
        self.count += 1;
    }

    /// Values so far.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no value yet.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The root of the values so far. Hashes what is new since the last call, and what stands above it.
    pub fn root(&mut self) -> B256 {
        let root = self.trie.root();
        // Nobody stores these nodes.
        self.trie.updates.clear();
        root
    }
}

/// Root of the trie of the values at the keys `rlp(0)` to `rlp(count - 1)`.
///
/// `encode` appends the value at an index to an empty buffer; no value may be empty.
pub fn ordered_root(count: usize, mut encode: impl FnMut(usize, &mut Vec<u8>)) -> B256 {
    let mut trie = OrderedTrie::default();
    for index in 0..count {
        trie.push(|out| encode(index, out));
    }
    trie.root()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::root::ordered_trie_root_with_encoder;

    #[test]
    fn lists_of_every_length_have_the_root_of_the_reference() {
        for count in (0..300).chain([1_000, 70_000]) {
            let value = |index: usize, out: &mut Vec<u8>| {
                out.extend_from_slice(&index.to_be_bytes()[(8 - index % 8).min(7)..]);
                out.extend((0..index % 61).map(|byte| byte as u8));
            };
            let items: Vec<usize> = (0..count).collect();
            let expected = ordered_trie_root_with_encoder(&items, |index, out| value(*index, out));
            assert_eq!(ordered_root(count, value), expected, "count={count}");
        }
    }

    #[test]
    fn a_list_that_grows_has_the_root_of_each_length() {
        let value = |index: usize, out: &mut Vec<u8>| out.extend_from_slice(&[7; 40][index % 40..]);
        let mut trie = OrderedTrie::default();
        assert!(trie.is_empty() && trie.root() == EMPTY_ROOT_HASH);
        for index in 0..700 {
            trie.push(|out| value(index, out));
            if index % 5 == 0 || (120..140).contains(&index) {
                assert_eq!(trie.root(), ordered_root(index + 1, value), "index={index}");
            }
        }
        assert_eq!((trie.len(), trie.root()), (700, ordered_root(700, value)));
    }
}
