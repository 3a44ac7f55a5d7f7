//! State of earlier blocks, from the head's state and what was changed since.

use crate::Snapshot;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use std::{fmt, ops::ControlFlow, sync::Arc};
use weir_primitives::{Account, StateError, StateProvider};

/// First bytes of the code of an account that delegates to another (EIP-7702).
const DELEGATION_PREFIX: [u8; 3] = [0xef, 0x01, 0x00];

/// The state after a block below the head of `base`. A read costs two look-ups, however old the block is.
///
/// Exact, storage wipes included.
pub struct HistoricalState {
    base: Arc<dyn Snapshot>,
    number: u64,
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
    /// The state after block `number`.
    ///
    /// # Errors
    /// [`StateError::Pruned`] if it is not kept, or not there yet.
    pub fn new(base: Arc<dyn Snapshot>, number: u64) -> Result<Self, StateError> {
        check_kept(&*base, number)?;
        Ok(Self { base, number })
    }

    /// The number of the block whose state this is.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Whether an account is now a contract of its own, which nobody can have created where there was storage (EIP-7610).
    fn is_contract_now(&self, address: &Address) -> Result<bool, StateError> {
        let account = self.base.account(address)?.filter(Account::has_code);
        let Some(account) = account else { return Ok(false) };
        let code = self.base.code(&account.code_hash)?;
        Ok(code.is_some_and(|code| !code.starts_with(&DELEGATION_PREFIX)))
    }
}

/// Whether the state after block `number` can be read.
pub(crate) fn check_kept(base: &dyn Snapshot, number: u64) -> Result<(), StateError> {
    let oldest = base.history_oldest()?;
    if number < oldest || base.head().number < number {
        return Err(StateError::Pruned { block: number, oldest });
    }
    Ok(())
}

impl StateProvider for HistoricalState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.base.account_at(self.number, &keccak256(address))?)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let (account, slot) = (keccak256(address), keccak256(B256::from(*slot)));
        Ok(self.base.slot_at(self.number, &account, &slot)?)
    }

    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        // Asked only of accounts with neither nonce nor code at this block: those have storage from genesis or from
        // before EIP-161, and what is there now tells, unless the account has become a contract meanwhile.
        if self.is_contract_now(address)? {
            return Ok(false);
        }
        let account = keccak256(address);
        let (mut found, mut failed) = (false, None);
        self.base.visit_storage(&account, &mut |slot, _| {
            match self.base.slot_at(self.number, &account, &slot) {
                Ok(value) => found = !value.is_zero(),
                Err(error) => failed = Some(error),
            }
            if found || failed.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        failed.map_or(Ok(found), |error| Err(error.into()))
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        self.base.code(code_hash)
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        if number <= self.number { self.base.block_hash(number) } else { Ok(None) }
    }
}
