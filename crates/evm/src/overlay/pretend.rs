//! The state of a block made to look otherwise, for calls that are simulated.

use super::{Overlay, ReadError};
use crate::simulate::AccountOverride;
use alloy_primitives::{Address, keccak256};
use revm::state::Bytecode;

impl Overlay {
    /// Pretends that an account is as `change` says. Codes and slots that it does not name stay.
    pub(crate) fn pretend(
        &mut self,
        address: Address,
        change: &AccountOverride,
    ) -> Result<(), ReadError> {
        let code = change.code.as_ref().map(|code| (keccak256(code), code));
        if let Some((hash, code)) = code.filter(|(_, code)| !code.is_empty()) {
            let code = Bytecode::new_raw_checked(code.clone())
                .unwrap_or_else(|_| Bytecode::new_legacy(code.clone()));
            self.created_codes.insert(hash, code);
        }
        let entry = self.entry(address)?;
        let mut account = entry.now.unwrap_or_default();
        account.nonce = change.nonce.unwrap_or(account.nonce);
        account.balance = change.balance.unwrap_or(account.balance);
        account.code_hash = code.map_or(account.code_hash, |(hash, _)| hash);
        entry.now = Some(account);
        if change.state.is_some() {
            entry.wipe();
        }
        let slots = change.state.as_ref().or(change.state_diff.as_ref());
        for (slot, value) in slots.into_iter().flatten() {
            entry.write((*slot).into(), (*value).into());
        }
        Ok(())
    }
}
