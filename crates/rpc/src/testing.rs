//! `testing_`: what tests of execution clients ask for (execution-apis). Nothing here changes the chain.

use crate::{
    api::{Api, StateView},
    args::{Args, invalid},
    block_id::BlockSelector,
    error::RpcError,
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_consensus::Transaction as _;
use alloy_eips::{Encodable2718, eip4895::Withdrawal};
use alloy_primitives::{Address, B256, Bloom, Bytes, U64, U256};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use weir_evm::{
    BlockAttributes, OpenBlock, SealedHeader, TransactionError, UnsealedBlock, decode_transaction,
    recover_sender,
};
use weir_primitives::{ExecutedBlock, Transaction};

/// What the gas limit of a block moves to: the default of Ethereum's execution clients.
const GAS_LIMIT_TARGET: u64 = 60_000_000;
/// A block's gas limit differs from its parent's by less than this part of it (Yellow Paper, section 4.4.4).
const GAS_LIMIT_BOUND_DIVISOR: u64 = 1_024;

/// What the consensus layer decides about a block (engine API, `PayloadAttributesV3`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PayloadAttributes {
    timestamp: U64,
    prev_randao: B256,
    suggested_fee_recipient: Address,
    withdrawals: Option<Vec<Withdrawal>>,
    parent_beacon_block_root: Option<B256>,
}

/// A built block as the engine API has it (`ExecutionPayloadV3`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadView {
    parent_hash: B256,
    fee_recipient: Address,
    state_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    prev_randao: B256,
    block_number: Quantity,
    gas_limit: Quantity,
    gas_used: Quantity,
    timestamp: Quantity,
    extra_data: Bytes,
    base_fee_per_gas: Quantity,
    block_hash: B256,
    transactions: Vec<Bytes>,
    withdrawals: Option<Vec<Withdrawal>>,
    blob_gas_used: Option<Quantity>,
    excess_blob_gas: Option<Quantity>,
}

#[derive(Default, Serialize)]
struct BlobsView {
    commitments: [Bytes; 0],
    proofs: [Bytes; 0],
    blobs: [Bytes; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EnvelopeView {
    execution_payload: PayloadView,
    /// Tips that the block pays, in wei.
    block_value: U256,
    /// A pool without blobs has none.
    blobs_bundle: BlobsView,
    execution_requests: Vec<Bytes>,
    should_override_builder: bool,
}

/// `testing_buildBlockV1`: the block of these transactions on top of a block; without a list, of those of the pool that can be
/// executed. A listed one that cannot is an error.
pub(crate) fn build_block(api: &Api, args: &Args<'_>) -> Answer {
    let parent = args.hash(0)?;
    let attributes: PayloadAttributes = args.value(1)?;
    let listed: Option<Vec<Bytes>> = args.optional(2)?;
    let extra_data: Option<Bytes> = args.optional(3)?;
    let on = BlockSelector::Hash { hash: parent, require_canonical: true };
    let StateView { header, state } = api.state(on)?;
    let parent = SealedHeader::new(header);
    let attributes = attributes.of_block(&parent, extra_data.unwrap_or_default());
    let spec = Arc::clone(api.chain().spec());
    let mut block = OpenBlock::begin(spec, &parent, attributes, state).map_err(refused)?;
    match listed {
        Some(listed) => append_listed(&mut block, &listed)?,
        None => append_pooled(api, &mut block)?,
    }
    let unsealed = block.finish().map_err(refused)?;
    let root = api.chain().root_after(parent.number, unsealed.diff())?;
    let requests = unsealed.requests().iter().cloned().collect();
    let block_value = tips(&unsealed);
    Json::of(&EnvelopeView {
        execution_payload: PayloadView::of(&unsealed.seal(root)),
        block_value,
        blobs_bundle: BlobsView::default(),
        execution_requests: requests,
        should_override_builder: false,
    })
}

fn refused(error: impl std::fmt::Display) -> RpcError {
    RpcError::server(error.to_string())
}

fn append_listed(block: &mut OpenBlock, listed: &[Bytes]) -> Result<(), RpcError> {
    for (index, raw) in listed.iter().enumerate() {
        let wrong = |why: &dyn std::fmt::Display| invalid(2, format!("[{index}]: {why}"));
        let transaction = decode_transaction(raw).map_err(|error| wrong(&error))?;
        let sender = recover_sender(&transaction).map_err(|error| wrong(&error))?;
        block.execute(Arc::new(transaction), sender).map_err(refused)?;
    }
    Ok(())
}

fn append_pooled(api: &Api, block: &mut OpenBlock) -> Result<(), RpcError> {
    for pooled in api.chain().pool_content().pending {
        match block.execute(pooled.transaction, pooled.sender) {
            Ok(_) | Err(TransactionError::Rejected(_)) => {}
            Err(error) => return Err(refused(error)),
        }
    }
    Ok(())
}

/// What the transactions pay the beneficiary above the base fee, in wei.
fn tips(block: &UnsealedBlock) -> U256 {
    let base_fee = block.header().base_fee_per_gas.unwrap_or(0);
    let mut gas_before = 0;
    let paid = block.transactions().iter().zip(block.receipts().iter()).map(|(one, receipt)| {
        let gas = receipt.cumulative_gas_used - gas_before;
        gas_before = receipt.cumulative_gas_used;
        let tip = one.effective_tip_per_gas(base_fee).unwrap_or(0);
        U256::from(gas) * U256::from(tip)
    });
    paid.fold(U256::ZERO, U256::saturating_add)
}

impl PayloadAttributes {
    fn of_block(self, parent: &SealedHeader, extra_data: Bytes) -> BlockAttributes {
        let (limit, step) = (parent.gas_limit, parent.gas_limit / GAS_LIMIT_BOUND_DIVISOR - 1);
        BlockAttributes {
            timestamp: self.timestamp.to(),
            beneficiary: self.suggested_fee_recipient,
            prev_randao: self.prev_randao,
            gas_limit: GAS_LIMIT_TARGET.clamp(limit - step, limit + step),
            extra_data,
            parent_beacon_block_root: self.parent_beacon_block_root,
            withdrawals: self.withdrawals,
        }
    }
}

impl PayloadView {
    fn of(block: &ExecutedBlock) -> Self {
        let (header, body) = (block.block.header(), &block.block.block().body);
        let encode = |transaction: &Transaction| Bytes::from(transaction.encoded_2718());
        Self {
            parent_hash: header.parent_hash,
            fee_recipient: header.beneficiary,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            prev_randao: header.mix_hash,
            block_number: header.number.into(),
            gas_limit: header.gas_limit.into(),
            gas_used: header.gas_used.into(),
            timestamp: header.timestamp.into(),
            extra_data: header.extra_data.clone(),
            base_fee_per_gas: header.base_fee_per_gas.unwrap_or(0).into(),
            block_hash: block.block.hash(),
            transactions: block.block.transactions().iter().map(encode).collect(),
            withdrawals: body.withdrawals.as_ref().map(|all| all.to_vec()),
            blob_gas_used: header.blob_gas_used.map(Into::into),
            excess_blob_gas: header.excess_blob_gas.map(Into::into),
        }
    }
}
