//! From plain addresses and slots to the hashed keys of the tries.

use alloy_primitives::{Address, B256, keccak256};
use rayon::prelude::*;
use weir_primitives::{Account, AccountDiff, StateDiff};
use weir_trie::{AccountChange, HashedDiff, LeafAccount};

/// Fewest changed leaves that are hashed on several threads (one hash takes about 0.3 us).
const PARALLEL_LEAVES_MIN: usize = 1024;

/// Hashes and sorts the keys of a diff.
pub fn hash_diff(diff: &StateDiff) -> HashedDiff {
    let mut accounts: Vec<(B256, AccountChange)> = if diff.leaves() < PARALLEL_LEAVES_MIN {
        diff.accounts.iter().map(hash_account).collect()
    } else {
        let plain: Vec<_> = diff.accounts.iter().collect();
        plain.into_par_iter().map(hash_account).collect()
    };
    accounts.sort_unstable_by_key(|(key, _)| *key);
    HashedDiff { accounts }
}

fn hash_account((address, diff): (&Address, &AccountDiff)) -> (B256, AccountChange) {
    let hash_slot = |(slot, change): (&_, &weir_primitives::SlotDiff)| {
        (keccak256(alloy_primitives::B256::from(*slot)), change.after)
    };
    let mut slots: Vec<_> = diff.slots.iter().map(hash_slot).collect();
    slots.sort_unstable_by_key(|(key, _)| *key);
    let change = AccountChange {
        account: diff.after.map(leaf_account),
        is_storage_wiped: diff.is_storage_wiped,
        slots,
    };
    (keccak256(address), change)
}

const fn leaf_account(account: Account) -> LeafAccount {
    LeafAccount { nonce: account.nonce, balance: account.balance, code_hash: account.code_hash }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
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
