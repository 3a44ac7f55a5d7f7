//! From plain addresses and slots to the hashed keys of the tries.

use alloy_primitives::{Address, B256, U256};
use rayon::prelude::*;
use weir_primitives::{Account, AccountDiff, StateDiff};
use weir_trie::{AccountChange, HashedDiff, LeafAccount, keccak256_each};

/// Keys that one thread hashes at a time (about 0.1 us each).
const CHUNK_KEYS: usize = 256;

/// Hashes and sorts the keys of a diff.
pub fn hash_diff(diff: &StateDiff) -> HashedDiff {
    let plain: Vec<(&Address, &AccountDiff)> = diff.accounts.iter().collect();
    let addresses: Vec<&[u8]> = plain.iter().map(|(address, _)| address.as_slice()).collect();
    let changes = plain.par_iter().with_min_len(CHUNK_KEYS / 8).map(|(_, diff)| change(diff));
    let (keys, changes) = rayon::join(|| hash_keys(&addresses), || changes.collect::<Vec<_>>());
    let mut accounts: Vec<(B256, AccountChange)> = keys.into_iter().zip(changes).collect();
    accounts.sort_unstable_by_key(|(key, _)| *key);
    HashedDiff { accounts }
}

/// Hashes keys on the threads that are free.
fn hash_keys(keys: &[&[u8]]) -> Vec<B256> {
    if keys.len() <= CHUNK_KEYS {
        return keccak256_each(keys);
    }
    keys.par_chunks(CHUNK_KEYS).flat_map_iter(keccak256_each).collect()
}

fn change(diff: &AccountDiff) -> AccountChange {
    let (plain, after): (Vec<[u8; 32]>, Vec<U256>) =
        diff.slots.iter().map(|(slot, change)| (slot.to_be_bytes(), change.after)).unzip();
    let plain: Vec<&[u8]> = plain.iter().map(<[u8; 32]>::as_slice).collect();
    let mut slots: Vec<_> = hash_keys(&plain).into_iter().zip(after).collect();
    slots.sort_unstable_by_key(|(key, _)| *key);
    AccountChange {
        account: diff.after.map(leaf_account),
        is_storage_wiped: diff.is_storage_wiped,
        slots,
    }
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
