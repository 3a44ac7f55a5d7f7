//! The state of a block while it is executed, looked at from outside: what is read leaves no trace in the block.

use super::{Entry, Overlay};
use alloy_primitives::{Address, B256, Bytes, U256};
use weir_primitives::{Account, AccountDiff, StateError, StateProvider};

/// The state as it is now.
pub(crate) struct Peek<'a>(pub(crate) &'a Overlay);

impl Overlay {
    fn existing(&self, address: &Address) -> Option<&Entry> {
        let place = usize::try_from(*self.places.get(address)?).ok()?;
        self.entries.get(place).map(|(_, entry)| entry)
    }

    /// The balance of an account as it is now, in wei.
    pub(crate) fn peek_balance(&self, address: &Address) -> Result<U256, StateError> {
        Ok(Peek(self).account(address)?.unwrap_or_default().balance)
    }

    /// What the block so far has changed of an account, if that is something of its storage.
    pub(crate) fn storage_change(
        &self,
        address: &Address,
    ) -> Result<Option<AccountDiff>, StateError> {
        let Some(entry) = self.existing(address) else { return Ok(None) };
        let diff = entry.diff(address, &*self.state)?;
        Ok(diff.filter(|diff| diff.is_storage_wiped || !diff.slots.is_empty()))
    }
}

impl StateProvider for Peek<'_> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        match self.0.existing(address) {
            Some(entry) => Ok(entry.now),
            None => self.0.state.account(address),
        }
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let Some(entry) = self.0.existing(address) else {
            return self.0.state.storage(address, slot);
        };
        match entry.slots.get(slot) {
            Some(slot) => Ok(slot.now),
            None if entry.is_wiped || entry.before.is_none() => Ok(U256::ZERO),
            None => self.0.state.storage(address, slot),
        }
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        match self.0.created_codes.get(code_hash) {
            Some(code) => Ok(Some(code.original_bytes())),
            None => self.0.state.code(code_hash),
        }
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        self.0.state.block_hash(number)
    }
}
