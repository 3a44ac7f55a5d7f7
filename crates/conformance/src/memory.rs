//! The state of a test, in memory.

use crate::json::RawState;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::HashMap};
use weir_primitives::{
    Account, AccountDiff, KECCAK_EMPTY, SlotDiff, StateDiff, StateError, StateProvider,
};
use weir_trie::{EMPTY_ROOT_HASH, EmptyNodes, StateTrie, TrieError};

/// How blocks are found by number.
#[derive(Debug, Clone)]
pub(crate) enum BlockHashes {
    /// State tests define the hash of block `n` as Keccak-256 of `n` in decimal.
    OfNumbers,
    /// The ancestors of a block, by number.
    Known(HashMap<u64, B256>),
}

/// A whole state.
#[derive(Debug, Clone)]
pub(crate) struct MemoryState {
    accounts: HashMap<Address, (Account, HashMap<U256, U256>)>,
    codes: HashMap<B256, Bytes>,
    pub(crate) hashes: BlockHashes,
}

impl MemoryState {
    /// The state that a file describes.
    pub(crate) fn parse(raw: &RawState, hashes: BlockHashes) -> Result<Self, String> {
        let mut state = Self { accounts: HashMap::default(), codes: HashMap::default(), hashes };
        for (address, account) in raw {
            let code = account.code.0.clone();
            let code_hash = if code.is_empty() { KECCAK_EMPTY } else { keccak256(&code) };
            state.codes.insert(code_hash, code);
            let mut slots = HashMap::default();
            for (slot, value) in &account.storage {
                let value: U256 = value.require("slot")?;
                if !value.is_zero() {
                    slots.insert(slot.0, value);
                }
            }
            let account = Account {
                nonce: account.nonce.require("nonce")?,
                balance: account.balance.require("balance")?,
                code_hash,
            };
            state.accounts.insert(*address, (account, slots));
        }
        Ok(state)
    }

    /// The state after a block.
    pub(crate) fn apply(&mut self, diff: &StateDiff) {
        self.codes.extend(diff.codes.iter().map(|(hash, code)| (*hash, code.clone())));
        for (address, change) in &diff.accounts {
            let Some(after) = change.after else {
                self.accounts.remove(address);
                continue;
            };
            let (account, slots) = self.accounts.entry(*address).or_default();
            *account = after;
            if change.is_storage_wiped {
                slots.clear();
            }
            for (slot, value) in &change.slots {
                if value.after.is_zero() {
                    slots.remove(slot);
                } else {
                    slots.insert(*slot, value.after);
                }
            }
        }
    }

    /// The whole state as a change to nothing.
    fn as_diff(&self) -> StateDiff {
        let mut diff = StateDiff::default();
        for (address, (account, slots)) in &self.accounts {
            let slots = slots
                .iter()
                .map(|(slot, after)| (*slot, SlotDiff { before: U256::ZERO, after: *after }))
                .collect();
            let change =
                AccountDiff { before: None, after: Some(*account), is_storage_wiped: false, slots };
            diff.accounts.insert(*address, change);
        }
        diff
    }

    /// The state trie of this state.
    pub(crate) fn trie(&self) -> Result<StateTrie, TrieError> {
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        trie.apply(&weir_storage::hash_diff(&self.as_diff()), &EmptyNodes)?;
        Ok(trie)
    }

    /// The first difference to another state, in words.
    pub(crate) fn difference(&self, expected: &Self) -> Option<String> {
        for (address, (account, slots)) in &expected.accounts {
            let Some((found, found_slots)) = self.accounts.get(address) else {
                return Some(format!("account {address} is missing"));
            };
            if found != account {
                return Some(format!("account {address} is {found:?}, not {account:?}"));
            }
            if let Some((slot, value)) =
                slots.iter().find(|(slot, value)| found_slots.get(*slot) != Some(*value))
            {
                let found = found_slots.get(slot).copied().unwrap_or_default();
                return Some(format!("slot {slot} of {address} is {found}, not {value}"));
            }
            if let Some(slot) = found_slots.keys().find(|slot| !slots.contains_key(*slot)) {
                return Some(format!("slot {slot} of {address} is not empty"));
            }
        }
        let extra = self.accounts.keys().find(|address| !expected.accounts.contains_key(*address));
        extra.map(|address| format!("account {address} should not exist"))
    }
}

impl StateProvider for MemoryState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.accounts.get(address).map(|(account, _)| *account))
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let account = self.accounts.get(address);
        Ok(account.and_then(|(_, slots)| slots.get(slot)).copied().unwrap_or_default())
    }

    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        Ok(self.accounts.get(address).is_some_and(|(_, slots)| !slots.is_empty()))
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        Ok(self.codes.get(code_hash).cloned())
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        Ok(match &self.hashes {
            BlockHashes::OfNumbers => Some(keccak256(number.to_string())),
            BlockHashes::Known(hashes) => hashes.get(&number).copied(),
        })
    }
}
