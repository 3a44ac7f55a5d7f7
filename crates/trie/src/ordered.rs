//! Roots of lists: transactions, receipts, withdrawals.

use crate::{
    merkle::MerkleTrie,
    source::{EmptyNodes, Loader},
};
use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// Root of the trie of the values at the keys `rlp(0)` to `rlp(count - 1)` (Yellow Paper, section 4.3.2).
///
/// `encode` appends the value at an index to an empty buffer; no value may be empty.
pub fn ordered_root(count: usize, mut encode: impl FnMut(usize, &mut Vec<u8>)) -> B256 {
    let mut trie = MerkleTrie::new(EMPTY_ROOT_HASH);
    let loader = Loader { source: &EmptyNodes, account: None };
    let mut value = Vec::new();
    for index in 0..count {
        value.clear();
        encode(index, &mut value);
        let key = Nibbles::unpack(alloy_rlp::encode_fixed_size(&index));
        trie.insert(&key, &value, &loader).expect("a trie that starts empty loads nothing");
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
}
