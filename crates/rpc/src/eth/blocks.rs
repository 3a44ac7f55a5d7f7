//! Blocks, their counts and their receipts.

use crate::{
    api::{Api, Located},
    args::Args,
    block_id::BlockSelector,
    debug::roots_after_each,
    error::RpcError,
    json::{Answer, Json},
    wire::{WireBlock, receipts},
};

/// `eth_blockNumber`: the unsafe head.
pub(crate) fn block_number(api: &Api, _: &Args<'_>) -> Answer {
    Ok(Json::quantity(api.chain().heads().unsafe_head().number.into()))
}

/// The block a hash or a number argument names.
fn located(api: &Api, args: &Args<'_>, by: By) -> Result<Option<Located>, RpcError> {
    let selector = match by {
        By::Hash => BlockSelector::Hash { hash: args.hash(0)?, require_canonical: false },
        By::Number => args.block_number(0)?,
    };
    api.block(selector)
}

#[derive(Clone, Copy)]
enum By {
    Hash,
    Number,
}

fn block(api: &Api, args: &Args<'_>, by: By) -> Answer {
    let is_full = args.flag(1)?;
    match located(api, args, by)? {
        Some(located) => Json::of(&WireBlock::new(&located, is_full)),
        None => Ok(Json::null()),
    }
}

/// `eth_getBlockByHash`.
pub(crate) fn block_by_hash(api: &Api, args: &Args<'_>) -> Answer {
    block(api, args, By::Hash)
}

/// `eth_getBlockByNumber`.
pub(crate) fn block_by_number(api: &Api, args: &Args<'_>) -> Answer {
    block(api, args, By::Number)
}

/// `eth_getBlockReceipts`.
pub(crate) fn block_receipts(api: &Api, args: &Args<'_>) -> Answer {
    match api.block(args.required_block(0)?)? {
        Some(located) => {
            let block = located.block();
            let roots = roots_after_each(api, block)?;
            let root = |index: usize| roots.as_ref().and_then(|roots| roots.get(index)).copied();
            let receipts = receipts(api.spec(), block).enumerate();
            Json::of(&receipts.map(|(at, one)| one.with_root(root(at))).collect::<Vec<_>>())
        }
        None => Ok(Json::null()),
    }
}

fn count(located: Option<&Located>, count: fn(&Located) -> usize) -> Answer {
    Ok(located.map_or_else(Json::null, |located| Json::quantity(count(located) as u128)))
}

fn transactions_of(located: &Located) -> usize {
    located.block().block.transactions().len()
}

fn uncles_of(located: &Located) -> usize {
    located.block().block.block().body.ommers.len()
}

/// `eth_getBlockTransactionCountByHash`.
pub(crate) fn transaction_count_by_hash(api: &Api, args: &Args<'_>) -> Answer {
    count(located(api, args, By::Hash)?.as_ref(), transactions_of)
}

/// `eth_getBlockTransactionCountByNumber`.
pub(crate) fn transaction_count_by_number(api: &Api, args: &Args<'_>) -> Answer {
    count(located(api, args, By::Number)?.as_ref(), transactions_of)
}

/// `eth_getUncleCountByBlockHash`.
pub(crate) fn uncle_count_by_hash(api: &Api, args: &Args<'_>) -> Answer {
    count(located(api, args, By::Hash)?.as_ref(), uncles_of)
}

/// `eth_getUncleCountByBlockNumber`.
pub(crate) fn uncle_count_by_number(api: &Api, args: &Args<'_>) -> Answer {
    count(located(api, args, By::Number)?.as_ref(), uncles_of)
}

fn uncle(api: &Api, args: &Args<'_>, by: By) -> Answer {
    let index = usize::try_from(args.u64(1)?).unwrap_or(usize::MAX);
    let located = located(api, args, by)?;
    let ommers = located.as_ref().map(|located| &located.block().block.block().body.ommers);
    match ommers.and_then(|ommers| ommers.get(index)) {
        Some(header) => Json::of(&crate::wire::WireHeader { hash: header.hash_slow(), header }),
        None => Ok(Json::null()),
    }
}

/// `eth_getUncleByBlockHashAndIndex`.
pub(crate) fn uncle_by_block_hash(api: &Api, args: &Args<'_>) -> Answer {
    uncle(api, args, By::Hash)
}

/// `eth_getUncleByBlockNumberAndIndex`.
pub(crate) fn uncle_by_block_number(api: &Api, args: &Args<'_>) -> Answer {
    uncle(api, args, By::Number)
}
