//! State of recent blocks, from the head's state and the diffs since.

use crate::Snapshot;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use std::{fmt, sync::Arc};
use weir_primitives::{Account, StateDiff, StateError, StateProvider};

/// The state after a block below the head of `base`.
///
/// Exact, storage wipes included: what a wipe removed without naming it in the diff is kept by the store.
pub struct HistoricalState {
    base: Arc<dyn Snapshot>,
    number: u64,
    newer: Vec<Arc<StateDiff>>,
}

impl fmt::Debug for HistoricalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoricalState")
            .field("number", &self.number)
            .field("head", &self.base.head().number)
            .finish_non_exhaustive()
    }
}

impl HistoricalState {
    /// The state after block `number`; `newer` are the diffs of the blocks `number + 1` to the head of `base`, in order.
    ///
    /// # Panics
    /// If there is not exactly one diff for each block after `number` up to the head.
    pub fn new(base: Arc<dyn Snapshot>, number: u64, newer: Vec<Arc<StateDiff>>) -> Self {
        assert_eq!(
            number + newer.len() as u64,
            base.head().number,
            "one diff for each block after the one asked for"
        );
        Self { base, number, newer }
    }

    /// The number of the block whose state this is.
    pub const fn number(&self) -> u64 {
        self.number
    }

    fn wiped_slot(&self, number: u64, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let (account, slot) = (keccak256(address), keccak256(B256::from(*slot)));
        Ok(self.base.wiped_slot(number, &account, &slot)?)
    }
}

impl StateProvider for HistoricalState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        match self.newer.iter().find_map(|diff| diff.accounts.get(address)) {
            Some(change) => Ok(change.before),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        for (number, diff) in (self.number + 1..).zip(&self.newer) {
            let Some(change) = diff.accounts.get(address) else { continue };
            if let Some(slot) = change.slots.get(slot) {
                return Ok(slot.before);
            }
            if change.before.is_none() {
                return Ok(U256::ZERO);
            }
            if change.is_storage_wiped || change.after.is_none() {
                return self.wiped_slot(number, address, slot);
            }
        }
        self.base.storage(address, slot)
    }

    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        // Asked only of accounts with neither nonce nor code, whose storage nothing can have changed since.
        self.base.has_storage(address)
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        self.base.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        if number <= self.number { self.base.block_hash(number) } else { Ok(None) }
    }
}
