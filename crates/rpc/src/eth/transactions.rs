//! Transactions and their receipts.

use crate::{
    api::Api,
    args::Args,
    block_id::BlockSelector,
    error::RpcError,
    json::{Answer, Json},
    txpool::wire,
    wire::{WireTransaction, receipts},
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use weir_primitives::Transaction;

/// `eth_getTransactionByHash`: sealed, else in the pool, else `null`.
pub(crate) fn transaction(api: &Api, args: &Args<'_>) -> Answer {
    let hash = args.hash(0)?;
    if let Some((block, index)) = api.chain().transaction(&hash)? {
        return Json::of(&WireTransaction::of(&block, index, false));
    }
    Json::of(&api.chain().pool_transaction(&hash).as_ref().map(wire))
}

/// `eth_getTransactionReceipt`: of a sealed transaction, else `null`.
pub(crate) fn receipt(api: &Api, args: &Args<'_>) -> Answer {
    let Some((block, index)) = api.chain().transaction(&args.hash(0)?)? else {
        return Ok(Json::null());
    };
    Json::of(&receipts(api.spec(), &block).nth(index))
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
    let hash = args.hash(0)?;
    if let Some((block, index)) = api.chain().transaction(&hash)? {
        return block.block.transactions().get(index).map_or_else(|| Ok(Json::null()), encoded);
    }
    match api.chain().pool_transaction(&hash) {
        Some(pooled) => encoded(&pooled.transaction),
        None => Ok(Json::null()),
    }
}
