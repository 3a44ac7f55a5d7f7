//! The state before a transaction, for tracers that show it.

use crate::overlay::{Overlay, ReadError};
use alloy_primitives::{Address, B256, U256};
use revm::{
    Database, DatabaseRef,
    state::{AccountInfo, Bytecode},
};
use std::cell::RefCell;

/// An overlay that is read through a shared reference. Reading fills its cache and changes nothing.
pub(super) struct Before<'a>(RefCell<&'a mut Overlay>);

impl<'a> Before<'a> {
    pub(super) const fn new(overlay: &'a mut Overlay) -> Self {
        Self(RefCell::new(overlay))
    }
}

impl DatabaseRef for Before<'_> {
    type Error = ReadError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        self.0.borrow_mut().basic(address)
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, ReadError> {
        self.0.borrow_mut().code_by_hash(code_hash)
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, ReadError> {
        self.0.borrow_mut().storage(address, slot)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, ReadError> {
        self.0.borrow_mut().block_hash(number)
    }
}
