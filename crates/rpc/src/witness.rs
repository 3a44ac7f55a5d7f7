//! `debug_`: what a block needs to be executed without any state.

use crate::{
    api::Api,
    args::{Args, invalid},
    block_id::BlockSelector,
    error::RpcError,
    json::{Answer, Json},
};
use alloy_primitives::{B256, Bytes};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use weir_evm::{ExecutionWitness, SealedHeader};
use weir_primitives::BlockRef;

/// In which form a witness is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WitnessMode {
    /// Nodes, codes and headers: what execution-apis proposes.
    Canonical,
    /// With `keys`, too.
    Legacy,
}

impl WitnessMode {
    /// Reads argument `index`; canonical if missing.
    pub(crate) fn parse(args: &Args<'_>, index: usize) -> Result<Self, RpcError> {
        let mode: Option<String> = args.optional(index)?;
        match mode.as_deref() {
            None | Some("canonical") => Ok(Self::Canonical),
            Some("legacy") => Ok(Self::Legacy),
            Some(mode) => {
                Err(invalid(index, format!("mode {mode:?} is neither canonical nor legacy")))
            }
        }
    }

    fn of(self, witness: &ExecutionWitness) -> Value {
        match self {
            Self::Canonical => witness.to_json(),
            Self::Legacy => witness.to_legacy_json(),
        }
    }
}

/// The sealed block that a selector means. Nothing is known of the open one, and genesis was not executed.
fn sealed(api: &Api, selector: BlockSelector) -> Result<SealedHeader, RpcError> {
    if selector == BlockSelector::Pending {
        return Err(RpcError::invalid_params("the pending block has no witness"));
    }
    let header = api.header(selector)?.ok_or_else(RpcError::header_not_found)?;
    if header.number == 0 {
        return Err(RpcError::invalid_params("the genesis block has no witness"));
    }
    Ok(header)
}

fn witness(api: &Api, header: &SealedHeader) -> Result<Arc<ExecutionWitness>, RpcError> {
    Ok(api.chain().witness(header.number, &header.hash())?)
}

/// `debug_executionWitness`: the witness of a block; code 4444 if it is no longer kept.
pub(crate) fn execution_witness(api: &Api, args: &Args<'_>) -> Answer {
    let mode = WitnessMode::parse(args, 1)?;
    let header = sealed(api, args.required_block(0)?)?;
    Json::of(&mode.of(&*witness(api, &header)?))
}

/// `debug_executionWitnessByBlockHash`: the same by hash.
pub(crate) fn execution_witness_by_hash(api: &Api, args: &Args<'_>) -> Answer {
    let mode = WitnessMode::parse(args, 1)?;
    let selector = BlockSelector::Hash { hash: args.hash(0)?, require_canonical: false };
    let header = sealed(api, selector)?;
    Json::of(&mode.of(&*witness(api, &header)?))
}

/// A witness in its binary form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generated {
    witness: Bytes,
    /// Bytes.
    witness_size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_count: Option<usize>,
}

impl Generated {
    fn new(witness: &ExecutionWitness) -> Self {
        let witness = Bytes::from(witness.to_binary());
        let witness_size = witness.len();
        Self { witness, witness_size, block_number: None, transaction_count: None }
    }
}

/// `debug_generateWitness`: the witness of a transaction as if it were alone in the next block. Nothing is changed.
pub(crate) fn generate_witness(api: &Api, args: &Args<'_>) -> Answer {
    let witness = api.chain().transaction_witness(&args.bytes(0)?)?;
    Json::of(&Generated::new(&witness))
}

/// `debug_generateBlockWitness`: the witness of a sealed block in its binary form. Nothing is built.
pub(crate) fn generate_block_witness(api: &Api, args: &Args<'_>) -> Answer {
    let header = sealed(api, args.block(0)?)?;
    let witness = witness(api, &header)?;
    let block =
        api.chain().block_by_hash(&header.hash())?.ok_or_else(RpcError::header_not_found)?;
    Json::of(&Generated {
        block_number: Some(header.number),
        transaction_count: Some(block.receipts.len()),
        ..Generated::new(&witness)
    })
}

/// An event of `debug_executionWitnessStream`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WitnessEvent {
    block_number: u64,
    block_hash: B256,
    witness: Value,
}

impl WitnessEvent {
    /// The event of a block, `None` if its witness is not there.
    pub(crate) fn of(api: &Api, block: BlockRef, mode: WitnessMode) -> Option<Self> {
        let witness = match api.chain().witness(block.number, &block.hash) {
            Ok(witness) => witness,
            Err(error) => {
                tracing::warn!(%error, number = block.number, "witness is left out of the stream");
                return None;
            }
        };
        let witness = mode.of(&witness);
        Some(Self { block_number: block.number, block_hash: block.hash, witness })
    }
}
