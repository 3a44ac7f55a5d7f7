//! The hashes of blocks that are simulated, beside those of the chain.

use alloy_primitives::{Address, B256, Bytes, U256, map::HashMap};
use parking_lot::RwLock;
use std::sync::Arc;
use weir_primitives::{Account, StateError, StateProvider};

/// A state whose later block hashes are those of simulated blocks.
pub(super) struct SimulatedAncestors {
    base: Arc<dyn StateProvider>,
    /// Number of the last block of the chain that counts.
    number: u64,
    hashes: RwLock<HashMap<u64, B256>>,
}

impl SimulatedAncestors {
    pub(super) fn new(base: Arc<dyn StateProvider>, number: u64) -> Self {
        Self { base, number, hashes: RwLock::default() }
    }

    pub(super) fn push(&self, number: u64, hash: B256) {
        self.hashes.write().insert(number, hash);
    }
}

impl StateProvider for SimulatedAncestors {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.base.account(address)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        self.base.storage(address, slot)
    }

    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        self.base.has_storage(address)
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        self.base.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        if number <= self.number {
            return self.base.block_hash(number);
        }
        Ok(self.hashes.read().get(&number).copied())
    }
}
