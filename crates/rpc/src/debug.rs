//! `debug_`: consensus encodings and traces.

mod trace;
pub(crate) use trace::{
    block_by_hash as trace_block_by_hash, block_by_number as trace_block_by_number,
    call as trace_call, failed as trace_failed, parent_state, transaction as trace_transaction,
};

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
use alloy_primitives::{B256, Bytes, logs_bloom};
use alloy_rlp::Encodable;
use weir_evm::{Fork, trace::states_after_each};
use weir_primitives::{ExecutedBlock, Receipt};

fn block(api: &Api, args: &Args<'_>) -> Result<Located, RpcError> {
    let selector = args.required_block(0)?;
    api.block(selector)?.ok_or_else(|| not_found(selector))
}

pub(crate) fn not_found(selector: BlockSelector) -> RpcError {
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
    let block = located.block();
    let encoded: Vec<Bytes> = match roots_after_each(api, block)? {
        Some(roots) => {
            let receipts = block.receipts.iter().zip(roots);
            receipts.map(|(receipt, root)| with_root(receipt, root)).collect()
        }
        None => {
            let encode = |receipt: &Receipt| Bytes::from(receipt.with_bloom_ref().encoded_2718());
            block.receipts.iter().map(encode).collect()
        }
    };
    Json::of(&encoded)
}

/// The state root after each transaction, which receipts state before Byzantium (EIP-658). They are not stored: the
/// block is executed again. `None` for blocks since then.
pub(crate) fn roots_after_each(
    api: &Api,
    block: &ExecutedBlock,
) -> Result<Option<Vec<B256>>, RpcError> {
    let header = block.block.header();
    if block.receipts.is_empty()
        || api.spec().is_active(Fork::Byzantium, header.number, header.timestamp)
    {
        return Ok(None);
    }
    let state = parent_state(api, block)?;
    let states = states_after_each(api.chain().spec(), &block.block, state);
    let states = states.map_err(trace_failed)?;
    let roots = states.iter().map(|diff| api.chain().root_after(header.number - 1, diff));
    Ok(Some(roots.collect::<Result<_, _>>()?))
}

/// A receipt with a state root where later ones have a status.
fn with_root(receipt: &Receipt, root: B256) -> Bytes {
    let mut payload = Vec::new();
    root.encode(&mut payload);
    receipt.cumulative_gas_used.encode(&mut payload);
    logs_bloom(&receipt.logs).encode(&mut payload);
    receipt.logs.encode(&mut payload);
    let mut encoded = Vec::with_capacity(payload.len() + 4);
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut encoded);
    encoded.extend(payload);
    encoded.into()
}

/// `debug_getRawTransaction`: the transaction as the transactions trie holds it.
pub(crate) fn raw_transaction(api: &Api, args: &Args<'_>) -> Answer {
    eth::raw_transaction(api, args)
}
