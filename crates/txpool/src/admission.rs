//! What can be refused without looking at any state, so outside the pool's lock.

use crate::{PoolError, PoolTransaction, transaction::checked_cost};
use alloy_consensus::Transaction as _;

/// Encoded length of a transaction accepted at most, in bytes (as go-ethereum).
pub const DEFAULT_MAX_TRANSACTION_BYTES: usize = 128 * 1024;
/// Init code accepted at most since Shanghai, in bytes (EIP-3860).
pub const MAX_INIT_CODE_BYTES: usize = 2 * 24_576;
/// Gas of one transaction at most since Osaka (EIP-7825).
pub const MAX_TRANSACTION_GAS: u64 = 1 << 24;
/// Types 0 to 2 and 4; see [`AdmissionRules::types`].
pub const TYPES_PRAGUE: u8 = 0b1_0111;

/// What the next block's rules and the node's policy demand of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionRules {
    /// Chain id.
    pub chain_id: u64,
    /// Whether a type 0 transaction may leave out the chain id (before EIP-155).
    pub allows_unprotected: bool,
    /// Bit n is set if EIP-2718 type n is accepted. Type 3 (blobs) is refused whatever its bit says.
    pub types: u8,
    /// Encoded length at most, in bytes.
    pub max_transaction_bytes: usize,
    /// Init code of a creation at most, in bytes; `None` before Shanghai.
    pub max_init_code_bytes: Option<usize>,
    /// Gas limit of a block.
    pub block_gas_limit: u64,
    /// Gas limit of a transaction; `None` before Osaka.
    pub max_transaction_gas: Option<u64>,
    /// Smallest tip cap accepted, in wei per gas.
    pub min_tip: u128,
}

impl AdmissionRules {
    /// Osaka's rules with the default policy: EIP-155 required, 128 KiB, no least tip.
    pub const fn osaka(chain_id: u64, block_gas_limit: u64) -> Self {
        Self {
            chain_id,
            allows_unprotected: false,
            types: TYPES_PRAGUE,
            max_transaction_bytes: DEFAULT_MAX_TRANSACTION_BYTES,
            max_init_code_bytes: Some(MAX_INIT_CODE_BYTES),
            block_gas_limit,
            max_transaction_gas: Some(MAX_TRANSACTION_GAS),
            min_tip: 0,
        }
    }
}

/// The gas that a transaction needs before any code runs, as the EVM crate computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntrinsicGas {
    /// Base, calldata, access list, authorizations and init code words.
    pub initial: u64,
    /// The floor of EIP-7623; 0 before Prague.
    pub floor: u64,
}

/// Checks everything that needs no state. The sender's signature was checked when it was recovered.
///
/// A fee cap below the current base fee is no error: such a transaction waits in the pool.
///
/// # Errors
/// The first rule broken, in go-ethereum's order.
pub fn validate(
    transaction: &PoolTransaction,
    intrinsic: IntrinsicGas,
    rules: &AdmissionRules,
) -> Result<(), PoolError> {
    check_form(transaction, rules)?;
    check_fees(transaction, rules)?;
    check_gas(transaction, intrinsic, rules)
}

fn check_form(transaction: &PoolTransaction, rules: &AdmissionRules) -> Result<(), PoolError> {
    let tx = &*transaction.tx;
    let ty = tx.tx_type() as u8;
    if tx.is_eip4844() || rules.types & (1 << ty) == 0 {
        return Err(PoolError::UnsupportedType { ty });
    }
    if transaction.encoded_length > rules.max_transaction_bytes {
        return Err(PoolError::Oversized {
            size: transaction.encoded_length,
            limit: rules.max_transaction_bytes,
        });
    }
    match tx.chain_id() {
        Some(have) if have != rules.chain_id => {
            return Err(PoolError::WrongChainId { have, want: rules.chain_id });
        }
        None if !rules.allows_unprotected => return Err(PoolError::Unprotected),
        _ => {}
    }
    if let Some(limit) = rules.max_init_code_bytes
        && tx.is_create()
        && tx.input().len() > limit
    {
        return Err(PoolError::InitCodeTooLarge { size: tx.input().len(), limit });
    }
    if tx.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(PoolError::EmptyAuthorizationList);
    }
    if transaction.nonce == u64::MAX {
        return Err(PoolError::NonceMax { address: transaction.sender });
    }
    Ok(())
}

fn check_fees(transaction: &PoolTransaction, rules: &AdmissionRules) -> Result<(), PoolError> {
    let (fee_cap, tip_cap) = (transaction.max_fee_per_gas, transaction.max_priority_fee_per_gas);
    if tip_cap > fee_cap {
        return Err(PoolError::TipAboveFeeCap { address: transaction.sender, tip_cap, fee_cap });
    }
    if tip_cap < rules.min_tip {
        return Err(PoolError::TipTooLow { tip_cap, minimum: rules.min_tip });
    }
    if checked_cost(&transaction.tx).is_none() {
        return Err(PoolError::CostOverflow { address: transaction.sender });
    }
    Ok(())
}

const fn check_gas(
    transaction: &PoolTransaction,
    intrinsic: IntrinsicGas,
    rules: &AdmissionRules,
) -> Result<(), PoolError> {
    let gas_limit = transaction.gas_limit;
    if gas_limit > rules.block_gas_limit {
        let block_gas_limit = rules.block_gas_limit;
        return Err(PoolError::ExceedsBlockGasLimit { gas_limit, block_gas_limit });
    }
    if let Some(cap) = rules.max_transaction_gas
        && gas_limit > cap
    {
        return Err(PoolError::GasLimitTooHigh { gas_limit, cap });
    }
    if gas_limit < intrinsic.initial {
        return Err(PoolError::IntrinsicGas { gas_limit, needed: intrinsic.initial });
    }
    if gas_limit < intrinsic.floor {
        return Err(PoolError::FloorDataGas { gas_limit, needed: intrinsic.floor });
    }
    Ok(())
}
