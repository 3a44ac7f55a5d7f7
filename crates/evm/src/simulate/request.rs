//! What a caller asks to be executed.

use super::SimulationError;
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::{context::TxEnv, context_interface::either::Either};

/// The call object of `eth_call` and its kin. Absent fields have geth's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallRequest {
    /// The sender; the zero address by default.
    pub from: Option<Address>,
    /// The contract called; absent for a creation.
    pub to: Option<Address>,
    /// Gas limit; the cap of the simulation by default.
    pub gas: Option<u64>,
    /// Wei per gas; excludes the EIP-1559 fields. No fee is charged if neither is given.
    pub gas_price: Option<u128>,
    /// Most wei per gas (EIP-1559).
    pub max_fee_per_gas: Option<u128>,
    /// Most wei per gas for the proposer (EIP-1559).
    pub max_priority_fee_per_gas: Option<u128>,
    /// Most wei per blob gas (EIP-4844).
    pub max_fee_per_blob_gas: Option<u128>,
    /// Wei sent along.
    pub value: Option<U256>,
    /// Nonce; not checked, and the account's own by default.
    pub nonce: Option<u64>,
    /// Call data, or the code that creates a contract.
    pub input: Bytes,
    /// Addresses and slots declared in advance (EIP-2930).
    pub access_list: Option<AccessList>,
    /// Delegations set before the call (EIP-7702).
    pub authorization_list: Option<Vec<SignedAuthorization>>,
    /// Hashes of blobs (EIP-4844).
    pub blob_versioned_hashes: Option<Vec<B256>>,
}

impl CallRequest {
    /// The sender.
    pub fn sender(&self) -> Address {
        self.from.unwrap_or_default()
    }

    /// Most wei per gas that the sender pays; zero if it names no price.
    pub(crate) fn fee_cap(&self) -> u128 {
        self.gas_price.or(self.max_fee_per_gas).unwrap_or_default()
    }

    pub(crate) fn check(&self) -> Result<(), SimulationError> {
        if self.gas_price.is_some()
            && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some())
        {
            return Err(SimulationError::ConflictingFees);
        }
        Ok(())
    }

    /// The transaction as the EVM takes it.
    pub(crate) fn to_env(&self, gas_limit: u64, nonce: u64) -> TxEnv {
        let authorizations = self.authorization_list.clone().unwrap_or_default();
        let mut env = TxEnv {
            caller: self.sender(),
            gas_limit,
            gas_price: self.fee_cap(),
            gas_priority_fee: self.max_priority_fee_per_gas,
            kind: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value.unwrap_or_default(),
            data: self.input.clone(),
            nonce: self.nonce.unwrap_or(nonce),
            chain_id: None,
            access_list: self.access_list.clone().unwrap_or_default(),
            blob_hashes: self.blob_versioned_hashes.clone().unwrap_or_default(),
            max_fee_per_blob_gas: self.max_fee_per_blob_gas.unwrap_or_default(),
            authorization_list: authorizations.into_iter().map(Either::Left).collect(),
            tx_type: 0,
        };
        env.tx_type = self.transaction_type();
        env
    }

    /// The type whose rules the call follows (EIP-2718).
    fn transaction_type(&self) -> u8 {
        if self.authorization_list.as_ref().is_some_and(|list| !list.is_empty()) {
            4
        } else if self.blob_versioned_hashes.as_ref().is_some_and(|hashes| !hashes.is_empty()) {
            3
        } else if self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some() {
            2
        } else if self.access_list.is_some() {
            1
        } else {
            0
        }
    }
}
