//! Which keys a layer surely does not have: of the many layers that a reader passes, most have nothing for it.

use crate::kv::Table;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Entries for one word: two bits each, so that about one key in a hundred that is not there seems to be.
const ENTRIES_PER_WORD: usize = 4;

/// Hash of a key, the same for every layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyHash(u64);

impl KeyHash {
    pub(super) fn of(table: Table, key: &[u8]) -> Self {
        Self(FixedState::with_seed(table as u64).hash_one(key))
    }

    /// Its two bits in their word.
    const fn mask(self) -> u64 {
        (1 << (self.0 & 63)) | (1 << ((self.0 >> 6) & 63))
    }
}

/// A Bloom filter whose bits for one key are in one word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// A power of two of them, or none.
    words: Box<[u64]>,
}

impl Filter {
    /// An empty filter for so many keys.
    pub(super) fn for_entries(entries: usize) -> Self {
        let words = entries.div_ceil(ENTRIES_PER_WORD);
        Self { words: vec![0; words.next_power_of_two()].into() }
    }

    const fn word(&self, hash: KeyHash) -> usize {
        (hash.0 >> 12) as usize & (self.words.len() - 1)
    }

    pub(super) fn insert(&mut self, hash: KeyHash) {
        self.words[self.word(hash)] |= hash.mask();
    }

    /// Whether the key may be there; if not, it is not.
    pub(super) fn may_have(&self, hash: KeyHash) -> bool {
        // Without words nothing is known.
        self.words.is_empty() || self.words[self.word(hash)] & hash.mask() == hash.mask()
    }

    /// Memory in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_there_are_found_and_few_others() {
        let key = |index: u32| KeyHash::of(Table::Accounts, &index.to_be_bytes());
        let mut filter = Filter::for_entries(10_000);
        (0..10_000).for_each(|index| filter.insert(key(index)));
        assert!((0..10_000).all(|index| filter.may_have(key(index))));
        let false_ones = (10_000..20_000).filter(|index| filter.may_have(key(*index))).count();
        assert!(false_ones < 300, "{false_ones} of 10000");
        let other_table = |index: u32| KeyHash::of(Table::Storage, &index.to_be_bytes());
        assert!((0..10_000).filter(|index| filter.may_have(other_table(*index))).count() < 300);
    }

    #[test]
    fn a_filter_that_is_not_filled_yet_hides_nothing() {
        assert!(Filter::default().may_have(KeyHash::of(Table::Meta, b"head")));
        assert!(!Filter::for_entries(0).may_have(KeyHash::of(Table::Meta, b"head")));
    }
}
