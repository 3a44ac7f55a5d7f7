//! From plain addresses and slots to the hashed keys of the tries.

use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, HashMap},
};
use rayon::prelude::*;
use weir_primitives::{Account, AccountDiff, StateDiff};
use weir_trie::{AccountChange, HashedDiff, LeafAccount, keccak256_each};

/// Keys that one thread hashes at a time (about 0.1 us each).
const CHUNK_KEYS: usize = 256;

/// Hashes and sorts the keys of a diff.
pub fn hash_diff(diff: &StateDiff) -> HashedDiff {
    KeyHashes::default().hash_diff(diff)
}

/// Keccak-256 of addresses and slots that are met again and again while a block is built.
#[derive(Debug, Default)]
pub struct KeyHashes {
    addresses: AddressMap<B256>,
    slots: HashMap<U256, B256>,
}

impl KeyHashes {
    /// Hashes what is not known yet, with several lanes at once.
    pub fn learn(
        &mut self,
        addresses: impl IntoIterator<Item = Address>,
        slots: impl IntoIterator<Item = U256>,
    ) {
        let addresses = addresses.into_iter().filter(|one| !self.addresses.contains_key(one));
        let addresses: Vec<Address> = addresses.collect();
        let keys: Vec<&[u8]> = addresses.iter().map(|address| address.as_slice()).collect();
        let hashes = keccak256_each(&keys);
        self.addresses.extend(addresses.into_iter().zip(hashes));
        let slots: Vec<U256> =
            slots.into_iter().filter(|one| !self.slots.contains_key(one)).collect();
        let keys: Vec<[u8; 32]> = slots.iter().map(U256::to_be_bytes).collect();
        let keys: Vec<&[u8]> = keys.iter().map(<[u8; 32]>::as_slice).collect();
        let hashes = keccak256_each(&keys);
        self.slots.extend(slots.into_iter().zip(hashes));
    }

    /// Keccak-256 of an address.
    pub fn address(&self, address: &Address) -> B256 {
        self.addresses.get(address).copied().unwrap_or_else(|| keccak256(address))
    }

    /// Keccak-256 of a slot's number.
    pub fn slot(&self, slot: &U256) -> B256 {
        self.slots.get(slot).copied().unwrap_or_else(|| keccak256(slot.to_be_bytes::<32>()))
    }

    /// Hashes and sorts the keys of a diff; those that are known are not hashed again.
    pub fn hash_diff(&self, diff: &StateDiff) -> HashedDiff {
        let plain: Vec<(&Address, &AccountDiff)> = diff.accounts.iter().collect();
        let known: Vec<Option<B256>> =
            plain.iter().map(|(address, _)| self.addresses.get(*address).copied()).collect();
        let keys = || hash_rest(known, |index| plain[index].0.as_slice());
        let changes = plain.par_iter().with_min_len(CHUNK_KEYS / 8);
        let changes = changes.map(|(_, diff)| self.change(diff));
        let (keys, changes) = rayon::join(keys, || changes.collect::<Vec<_>>());
        let mut accounts: Vec<(B256, AccountChange)> = keys.into_iter().zip(changes).collect();
        accounts.sort_unstable_by_key(|(key, _)| *key);
        HashedDiff { accounts }
    }

    fn change(&self, diff: &AccountDiff) -> AccountChange {
        let known = diff.slots.keys().map(|slot| self.slots.get(slot).copied()).collect();
        let plain: Vec<[u8; 32]> = diff.slots.keys().map(U256::to_be_bytes).collect();
        let keys = hash_rest(known, |index| &plain[index]);
        let after = diff.slots.values().map(|change| change.after);
        let mut slots: Vec<_> = keys.into_iter().zip(after).collect();
        slots.sort_unstable_by_key(|(key, _)| *key);
        AccountChange {
            account: diff.after.map(leaf_account),
            is_storage_wiped: diff.is_storage_wiped,
            slots,
        }
    }
}

/// All hashes, of which some are known; `key` gives what the others are of.
fn hash_rest<'a>(known: Vec<Option<B256>>, key: impl Fn(usize) -> &'a [u8]) -> Vec<B256> {
    let unknown = (0..known.len()).filter(|index| known[*index].is_none());
    let unknown: Vec<&[u8]> = unknown.map(key).collect();
    let mut hashed = hash_keys(&unknown).into_iter();
    known.into_iter().filter_map(|hash| hash.or_else(|| hashed.next())).collect()
}

/// Hashes keys on the threads that are free.
fn hash_keys(keys: &[&[u8]]) -> Vec<B256> {
    if keys.len() <= CHUNK_KEYS {
        return keccak256_each(keys);
    }
    keys.par_chunks(CHUNK_KEYS).flat_map_iter(keccak256_each).collect()
}

const fn leaf_account(account: Account) -> LeafAccount {
    LeafAccount { nonce: account.nonce, balance: account.balance, code_hash: account.code_hash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_primitives::SlotDiff;

    #[test]
    fn large_and_small_diffs_are_hashed_alike_and_sorted() {
        let mut diff = StateDiff::default();
        for index in 0..2_000u64 {
            let account = Account { nonce: index, ..Account::default() };
            let mut changed = AccountDiff { after: Some(account), ..AccountDiff::default() };
            let slot = SlotDiff { before: U256::ZERO, after: U256::from(index) };
            changed.slots.insert(U256::from(index), slot);
            diff.accounts.insert(Address::left_padding_from(&index.to_be_bytes()), changed);
        }
        let hashed = hash_diff(&diff);
        let mut known = KeyHashes::default();
        let met = diff
            .accounts
            .iter()
            .filter(|(_, change)| change.after.is_some_and(|account| account.nonce % 3 == 0));
        let met: Vec<Address> = met.map(|(address, _)| *address).collect();
        known.learn(met.clone(), (0..700).map(U256::from));
        known.learn(met, [U256::from(3)]);
        assert_eq!(known.hash_diff(&diff), hashed);
        assert_eq!(hashed.accounts.len(), 2_000);
        assert!(hashed.accounts.is_sorted_by(|left, right| left.0 < right.0));
        for (address, change) in diff.accounts {
            let mut single = StateDiff::default();
            single.accounts.insert(address, change);
            let expected = hash_diff(&single).accounts.remove(0);
            let found = hashed.accounts.binary_search_by_key(&expected.0, |(key, _)| *key).unwrap();
            assert_eq!(hashed.accounts[found], expected);
        }
    }
}
