//! `debug_`: consensus encodings.

use crate::{
    api::{Api, Located},
    args::Args,
    block_id::BlockSelector,
    error::RpcError,
    eth,
    json::{Answer, Json},
};
use alloy_consensus::TxReceipt;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::Bytes;
use weir_primitives::Receipt;

fn block(api: &Api, args: &Args<'_>) -> Result<Located, RpcError> {
    let selector = args.required_block(0)?;
    api.block(selector)?.ok_or_else(|| not_found(selector))
}

fn not_found(selector: BlockSelector) -> RpcError {
    RpcError::server(match selector {
        BlockSelector::Number(number) => format!("block #{number} not found"),
        BlockSelector::Hash { hash, .. } => format!("block {hash} not found"),
        _ => "block not found".to_owned(),
    })
}

/// `debug_getRawHeader`: the header's RLP.
pub(crate) fn raw_header(api: &Api, args: &Args<'_>) -> Answer {
    let selector = args.required_block(0)?;
    let header = api.header(selector)?.ok_or_else(|| not_found(selector))?;
    Json::of(&Bytes::from(alloy_rlp::encode(header.inner())))
}

/// `debug_getRawBlock`: the block's RLP.
pub(crate) fn raw_block(api: &Api, args: &Args<'_>) -> Answer {
    let located = block(api, args)?;
    Json::of(&Bytes::from(alloy_rlp::encode(located.block().block.block())))
}

/// `debug_getRawReceipts`: the receipts as the receipts trie holds them.
pub(crate) fn raw_receipts(api: &Api, args: &Args<'_>) -> Answer {
    let located = block(api, args)?;
    let encode = |receipt: &Receipt| Bytes::from(receipt.with_bloom_ref().encoded_2718());
    Json::of(&located.block().receipts.iter().map(encode).collect::<Vec<_>>())
}

/// `debug_getRawTransaction`: the transaction as the transactions trie holds it.
pub(crate) fn raw_transaction(api: &Api, args: &Args<'_>) -> Answer {
    eth::raw_transaction(api, args)
}
