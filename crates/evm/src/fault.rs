//! A bug to be caught: what a failed transaction touched stays warm for the next (base/base#3806).
//!
//! Only in blocks that are built, never in blocks that are checked, and only in a chain that asks for it. For tests of
//! the self-check of sequencers; not part of a release build.

use crate::{machine::Machine, overlay::ReadError};
use alloy_primitives::{Address, U256};
use revm::context_interface::JournalTr;

/// What failed transactions left in the journal.
#[derive(Debug, Default)]
pub(crate) struct Stains(Vec<(Address, Vec<U256>)>);

impl Stains {
    /// Leaves an account and its slots as they are in the journal.
    pub(crate) fn leave(&mut self, address: Address, slots: Vec<U256>) {
        self.0.push((address, slots));
    }

    /// Puts what was left into the journal of the next transaction.
    pub(crate) fn put_back(&mut self, machine: &mut Machine) -> Result<(), ReadError> {
        let journal = &mut machine.ctx_mut().journaled_state;
        for (address, slots) in self.0.drain(..) {
            journal.load_account(address)?;
            for slot in slots {
                journal.sload(address, slot)?;
            }
        }
        Ok(())
    }
}
