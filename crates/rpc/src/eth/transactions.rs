//! Transactions and their receipts.

use crate::{
    api::Api,
    args::Args,
    backend::PoolTransaction,
    block_id::BlockSelector,
    debug::roots_after_each,
    error::RpcError,
    json::{Answer, Json},
    txpool::wire,
    wire::{WireTransaction, receipts},
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes};
use weir_primitives::{ExecutedBlock, Transaction};

/// Where a transaction is.
enum Found {
    Sealed(ExecutedBlock, usize),
    Pooled(PoolTransaction),
}

/// Looks on the chain, then in the pool.
fn found(api: &Api, hash: &B256) -> Result<Option<Found>, RpcError> {
    let sealed = || -> Result<Option<Found>, RpcError> {
        let place = api.chain().transaction(hash)?;
        Ok(place.map(|(block, index)| Found::Sealed(block, index)))
    };
    if let Some(found) = sealed()? {
        return Ok(Some(found));
    }
    if let Some(pooled) = api.chain().pool_transaction(hash) {
        return Ok(Some(Found::Pooled(pooled)));
    }
    // It may have gone from the pool to the chain between the two.
    sealed()
}

/// `eth_getTransactionByHash`: sealed, else in the pool, else `null`.
pub(crate) fn transaction(api: &Api, args: &Args<'_>) -> Answer {
    let hash = args.hash(0)?;
    match found(api, &hash)? {
        Some(Found::Sealed(block, index)) => Json::of(&WireTransaction::of(&block, index, false)),
        Some(Found::Pooled(pooled)) => Json::of(&wire(&pooled)),
        None => Ok(Json::null()),
    }
}

/// `eth_getTransactionReceipt`: of a sealed transaction, else `null`.
pub(crate) fn receipt(api: &Api, args: &Args<'_>) -> Answer {
    let Some((block, index)) = api.chain().transaction(&args.hash(0)?)? else {
        return Ok(Json::null());
    };
    let roots = roots_after_each(api, &block)?;
    let root = roots.and_then(|roots| roots.get(index).copied());
    Json::of(&receipts(api.spec(), &block).nth(index).map(|receipt| receipt.with_root(root)))
}

#[derive(Clone, Copy)]
enum Form {
    Object,
    Raw,
}

/// A transaction by block and index, `null` if either does not exist.
fn by_index(api: &Api, selector: BlockSelector, index: u64, form: Form) -> Answer {
    let Some(located) = api.block(selector)? else { return Ok(Json::null()) };
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    let block = located.block();
    match form {
        Form::Object => Json::of(&WireTransaction::of(block, index, located.is_pending())),
        Form::Raw => {
            block.block.transactions().get(index).map_or_else(|| Ok(Json::null()), encoded)
        }
    }
}

fn by_hash_selector(args: &Args<'_>) -> Result<BlockSelector, RpcError> {
    Ok(BlockSelector::Hash { hash: args.hash(0)?, require_canonical: false })
}

/// `eth_getTransactionByBlockHashAndIndex`.
pub(crate) fn transaction_by_block_hash(api: &Api, args: &Args<'_>) -> Answer {
    by_index(api, by_hash_selector(args)?, args.u64(1)?, Form::Object)
}

/// `eth_getTransactionByBlockNumberAndIndex`.
pub(crate) fn transaction_by_block_number(api: &Api, args: &Args<'_>) -> Answer {
    by_index(api, args.block_number(0)?, args.u64(1)?, Form::Object)
}

/// `eth_getRawTransactionByBlockHashAndIndex`.
pub(crate) fn raw_transaction_by_block_hash(api: &Api, args: &Args<'_>) -> Answer {
    by_index(api, by_hash_selector(args)?, args.u64(1)?, Form::Raw)
}

/// `eth_getRawTransactionByBlockNumberAndIndex`.
pub(crate) fn raw_transaction_by_block_number(api: &Api, args: &Args<'_>) -> Answer {
    by_index(api, args.block_number(0)?, args.u64(1)?, Form::Raw)
}

fn encoded(transaction: &Transaction) -> Answer {
    Json::of(&Bytes::from(transaction.encoded_2718()))
}

/// `eth_getRawTransactionByHash`: the encoding, `null` if the transaction is unknown.
pub(crate) fn raw_transaction(api: &Api, args: &Args<'_>) -> Answer {
    match found(api, &args.hash(0)?)? {
        Some(Found::Sealed(block, index)) => {
            block.block.transactions().get(index).map_or_else(|| Ok(Json::null()), encoded)
        }
        Some(Found::Pooled(pooled)) => encoded(&pooled.transaction),
        None => Ok(Json::null()),
    }
}
