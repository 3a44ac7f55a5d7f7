//! What can be said about a transaction without any state.

use crate::{Fork, IntrinsicGas, TransactionRejected, intrinsic_gas, transaction::spec_id};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_eips::{eip4844::VERSIONED_HASH_VERSION_KZG, eip7825::MAX_TX_GAS_LIMIT_OSAKA};
use alloy_primitives::U256;
use revm::primitives::{eip3860::MAX_INITCODE_SIZE, hardfork::SpecId};
use weir_primitives::Transaction;

/// Checks the rules that no state can change: type, chain id, nonce, fees, gas limit, lists.
///
/// Passing them does not make a transaction valid in a block; failing one makes it invalid in every block under
/// the rules of `fork`. A pool can therefore refuse it for good.
pub fn validate_context_free(
    tx: &Transaction,
    fork: Fork,
    chain_id: u64,
) -> Result<IntrinsicGas, TransactionRejected> {
    check_type(tx, fork, chain_id)?;
    if tx.nonce() == u64::MAX {
        return Err(TransactionRejected::NonceMax);
    }
    if let Some(tip) = tx.max_priority_fee_per_gas()
        && tx.max_fee_per_gas() < tip
    {
        return Err(TransactionRejected::PriorityFeeAboveMaxFee);
    }
    if U256::from(tx.max_fee_per_gas()).checked_mul(U256::from(tx.gas_limit())).is_none() {
        return Err(TransactionRejected::CostOverflow);
    }
    check_lists(tx)?;
    if Fork::Shanghai <= fork && tx.is_create() && MAX_INITCODE_SIZE < tx.input().len() {
        return Err(TransactionRejected::InitCodeTooLong);
    }
    check_gas_limit(tx, fork)
}

fn check_type(tx: &Transaction, fork: Fork, chain_id: u64) -> Result<(), TransactionRejected> {
    let since = match tx {
        Transaction::Legacy(_) => Fork::Frontier,
        Transaction::Eip2930(_) => Fork::Berlin,
        Transaction::Eip1559(_) => Fork::London,
        Transaction::Eip4844(_) => Fork::Cancun,
        Transaction::Eip7702(_) => Fork::Prague,
    };
    if fork < since {
        return Err(TransactionRejected::TypeNotActive { ty: tx.ty() });
    }
    match tx.chain_id() {
        // EIP-155: before it, a signature cannot name a chain.
        Some(_) if tx.is_legacy() && fork < Fork::SpuriousDragon => {
            Err(TransactionRejected::WrongChainId)
        }
        Some(id) if id != chain_id => Err(TransactionRejected::WrongChainId),
        _ => Ok(()),
    }
}

fn check_lists(tx: &Transaction) -> Result<(), TransactionRejected> {
    if let Some(hashes) = tx.blob_versioned_hashes() {
        if hashes.is_empty() {
            return Err(TransactionRejected::NoBlobs);
        }
        if hashes.iter().any(|hash| hash[0] != VERSIONED_HASH_VERSION_KZG) {
            return Err(TransactionRejected::BlobHashVersion);
        }
    }
    if tx.authorization_list().is_some_and(|list| list.is_empty()) {
        return Err(TransactionRejected::NoAuthorizations);
    }
    Ok(())
}

fn check_gas_limit(tx: &Transaction, fork: Fork) -> Result<IntrinsicGas, TransactionRejected> {
    let gas_limit = tx.gas_limit();
    let gas = intrinsic_gas(tx, fork);
    if gas_limit < gas.intrinsic {
        return Err(TransactionRejected::IntrinsicGasTooLow { gas_limit, required: gas.intrinsic });
    }
    if gas_limit < gas.floor {
        return Err(TransactionRejected::GasFloorTooLow { gas_limit, required: gas.floor });
    }
    // EIP-8037 replaces the cap of EIP-7825 by a cap on one part of the gas.
    if spec_id(fork) == SpecId::OSAKA && MAX_TX_GAS_LIMIT_OSAKA < gas_limit {
        return Err(TransactionRejected::GasLimitAboveCap {
            gas_limit,
            cap: MAX_TX_GAS_LIMIT_OSAKA,
        });
    }
    Ok(gas)
}
