//! The keys under which a verifier finds accounts and slots in its trie.

use alloc::vec::Vec;
use alloy_consensus::Transaction;
use alloy_primitives::{
    Address, B256, U256, keccak256,
    map::{AddressMap, HashMap},
};
use weir_primitives::{AccountDiff, RecoveredBlock, StateDiff};
use weir_trie::{AccountChange, HashedDiff, LeafAccount, keccak256_each};

/// Keccak-256 of addresses and slots, each computed once a block. Not the store's: what is checked must not check itself.
#[derive(Debug, Default)]
pub(crate) struct WitnessKeys {
    accounts: AddressMap<B256>,
    slots: HashMap<U256, B256>,
}

impl WitnessKeys {
    /// The keys of senders and recipients, hashed several at a time: nearly all of them are read.
    pub(crate) fn of_block(block: &RecoveredBlock) -> Self {
        let recipients = block.transactions().iter().filter_map(Transaction::to);
        let named = block.senders().iter().copied().chain(recipients);
        let named: Vec<Address> = named.chain([block.header().beneficiary]).collect();
        let plain: Vec<&[u8]> = named.iter().map(|address| address.as_slice()).collect();
        let hashes = keccak256_each(&plain);
        Self { accounts: named.into_iter().zip(hashes).collect(), slots: HashMap::default() }
    }

    pub(crate) fn account(&mut self, address: &Address) -> B256 {
        *self.accounts.entry(*address).or_insert_with(|| keccak256(address))
    }

    pub(crate) fn slot(&mut self, slot: &U256) -> B256 {
        *self.slots.entry(*slot).or_insert_with(|| keccak256(slot.to_be_bytes::<32>()))
    }

    /// A diff by hashed keys, sorted.
    pub(crate) fn hashed(&mut self, diff: &StateDiff) -> HashedDiff {
        let changes = diff.accounts.iter();
        let mut accounts: Vec<(B256, AccountChange)> =
            changes.map(|(address, diff)| (self.account(address), self.change(diff))).collect();
        accounts.sort_unstable_by_key(|(key, _)| *key);
        HashedDiff { accounts }
    }

    fn change(&mut self, diff: &AccountDiff) -> AccountChange {
        let slots = diff.slots.iter().map(|(slot, change)| (self.slot(slot), change.after));
        let mut slots: Vec<(B256, U256)> = slots.collect();
        slots.sort_unstable_by_key(|(key, _)| *key);
        let account = diff.after.map(|account| LeafAccount {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
        });
        AccountChange { account, is_storage_wiped: diff.is_storage_wiped, slots }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_primitives::{Account, SlotDiff};

    #[test]
    fn keys_are_hashes_whether_they_are_met_before_or_not() {
        let mut keys = WitnessKeys::default();
        let (met, new) = (Address::repeat_byte(1), Address::repeat_byte(2));
        assert_eq!(keys.account(&met), keccak256(met));
        assert_eq!(keys.slot(&U256::from(7)), keccak256(B256::from(U256::from(7))));
        let mut diff = StateDiff::default();
        for (address, nonce) in [(met, 1), (new, 2)] {
            let after = Some(Account { nonce, ..Account::default() });
            let mut change = AccountDiff { after, ..AccountDiff::default() };
            for slot in [7, 8] {
                let after = U256::from(nonce * 10 + slot);
                change.slots.insert(U256::from(slot), SlotDiff { before: U256::ZERO, after });
            }
            diff.accounts.insert(address, change);
        }
        let hashed = keys.hashed(&diff);
        assert!(hashed.accounts.is_sorted_by(|left, right| left.0 < right.0));
        assert_eq!(hashed.accounts.len(), 2);
        for (address, nonce) in [(met, 1), (new, 2)] {
            let found = hashed.accounts.iter().find(|(key, _)| *key == keccak256(address));
            let (_, change) = found.expect("every account is there");
            assert_eq!(change.account.map(|account| account.nonce), Some(nonce));
            assert!(change.slots.is_sorted_by(|left, right| left.0 < right.0));
            for slot in [7, 8] {
                let key = keccak256(B256::from(U256::from(slot)));
                assert!(change.slots.contains(&(key, U256::from(nonce * 10 + slot))));
            }
        }
    }
}
