//! A transaction in the pool.

use alloy_consensus::Transaction as _;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, U256};
use std::sync::Arc;
use weir_primitives::{Conditions, Transaction};

/// A transaction with its recovered sender and the fields by which the pool sorts, so that no operation decodes,
/// hashes or recovers anything again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTransaction {
    /// The signed transaction.
    pub tx: Arc<Transaction>,
    /// Transaction hash.
    pub hash: B256,
    /// Recovered sender.
    pub sender: Address,
    /// Length of the EIP-2718 encoding, in bytes.
    pub encoded_length: usize,
    /// Position in the order of arrival, unique in the pool. It survives a restart, so the order does too.
    pub arrival: u64,
    /// When it came in, in seconds on the caller's clock: [`TxPool::expire`](crate::TxPool::expire) compares it. Not lower
    /// for one that arrived later.
    pub received_at: u64,
    /// Nonce.
    pub nonce: u64,
    /// Gas limit.
    pub gas_limit: u64,
    /// Fee cap: the most wei paid per gas, base fee included (the gas price of types 0 and 1).
    pub max_fee_per_gas: u128,
    /// Tip cap: the most wei paid per gas to the block's beneficiary (the gas price of types 0 and 1).
    pub max_priority_fee_per_gas: u128,
    /// The balance that the sender must hold: gas limit times fee cap plus value, in wei; the largest U256 if that overflows.
    pub cost: U256,
    /// What must hold for it to be executed (ERC-7796); `None` for most.
    pub conditions: Option<Arc<Conditions>>,
}

impl PoolTransaction {
    /// Takes a transaction whose sender the caller has recovered.
    pub fn new(tx: Arc<Transaction>, sender: Address, arrival: u64) -> Self {
        let max_fee_per_gas = tx.max_fee_per_gas();
        Self {
            hash: *tx.tx_hash(),
            sender,
            encoded_length: tx.encode_2718_len(),
            arrival,
            received_at: 0,
            nonce: tx.nonce(),
            gas_limit: tx.gas_limit(),
            max_fee_per_gas,
            max_priority_fee_per_gas: tx.max_priority_fee_per_gas().unwrap_or(max_fee_per_gas),
            cost: checked_cost(&tx).unwrap_or(U256::MAX),
            tx,
            conditions: None,
        }
    }

    /// The same transaction, come in at this time.
    #[must_use]
    pub const fn at(mut self, seconds: u64) -> Self {
        self.received_at = seconds;
        self
    }

    /// The same transaction, to be executed under these conditions alone.
    #[must_use]
    pub fn under(mut self, conditions: Option<Arc<Conditions>>) -> Self {
        self.conditions = conditions;
        self
    }

    /// What one gas earns the beneficiary at this base fee in wei, or `None` if the fee cap is below the base fee.
    pub fn effective_tip(&self, base_fee: u64) -> Option<u128> {
        let headroom = self.max_fee_per_gas.checked_sub(u128::from(base_fee))?;
        Some(headroom.min(self.max_priority_fee_per_gas))
    }
}

/// Gas limit times fee cap plus value, in wei, or `None` if it does not fit in 256 bits.
pub(crate) fn checked_cost(tx: &Transaction) -> Option<U256> {
    // 64 + 128 bits: the product fits.
    let gas = U256::from(tx.gas_limit()) * U256::from(tx.max_fee_per_gas());
    gas.checked_add(tx.value())
}
