//! A state with a change on top.

use alloc::sync::Arc;
use alloy_primitives::{Address, B256, Bytes, U256};
use weir_primitives::{Account, KECCAK_EMPTY, StateDiff, StateError, StateProvider};

/// The state after a [`StateDiff`] is applied to another state; nothing is copied.
///
/// Serves the `pending` tag over an open block, and blocks whose diff is not in the store yet.
#[derive(Clone)]
pub struct DiffState {
    base: Arc<dyn StateProvider>,
    diff: Arc<StateDiff>,
    /// Number and hash of the block whose change this is, if it is sealed.
    block: Option<(u64, B256)>,
}

impl core::fmt::Debug for DiffState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DiffState")
            .field("block", &self.block)
            .field("accounts", &self.diff.accounts.len())
            .finish_non_exhaustive()
    }
}

impl DiffState {
    /// `diff` on top of `base`, in a block that has no hash yet.
    pub fn open(base: Arc<dyn StateProvider>, diff: Arc<StateDiff>) -> Self {
        Self { base, diff, block: None }
    }

    /// `diff` on top of `base`, where `diff` is what block `number` with `hash` changed.
    pub fn sealed(
        base: Arc<dyn StateProvider>,
        diff: Arc<StateDiff>,
        number: u64,
        hash: B256,
    ) -> Self {
        Self { base, diff, block: Some((number, hash)) }
    }
}

impl StateProvider for DiffState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        match self.diff.accounts.get(address) {
            Some(account) => Ok(account.after),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let Some(account) = self.diff.accounts.get(address) else {
            return self.base.storage(address, slot);
        };
        match account.slots.get(slot) {
            Some(changed) => Ok(changed.after),
            None if account.is_storage_wiped || account.before.is_none() => Ok(U256::ZERO),
            None => self.base.storage(address, slot),
        }
    }

    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        let Some(account) = self.diff.accounts.get(address) else {
            return self.base.has_storage(address);
        };
        if account.slots.values().any(|slot| !slot.after.is_zero()) {
            return Ok(true);
        }
        if account.is_storage_wiped || account.before.is_none() {
            return Ok(false);
        }
        // Only accounts without code and nonce are asked for, and those cannot clear slots.
        self.base.has_storage(address)
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        if *code_hash == KECCAK_EMPTY {
            return Ok(Some(Bytes::new()));
        }
        match self.diff.codes.get(code_hash) {
            Some(code) => Ok(Some(code.clone())),
            None => self.base.code(code_hash),
        }
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        match self.block {
            Some((own, hash)) if own == number => Ok(Some(hash)),
            Some((own, _)) if own < number => Ok(None),
            _ => self.base.block_hash(number),
        }
    }
}
