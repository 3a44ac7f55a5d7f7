//! `debug_trace*`: blocks executed again under geth's tracers.

use super::not_found;
use crate::{
    api::Api,
    args::{Args, invalid},
    block_id::BlockSelector,
    error::{INTERNAL_ERROR, RpcError},
    eth::{WireBlockOverrides, WireCall, WireStateOverrides, refused, simulation_on},
    json::{Answer, Json},
};
use alloy_primitives::{B256, U64};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use weir_evm::{
    DiffState, ExecutionError,
    trace::{Trace, TraceError, TraceOptions, states_after_each, trace_block},
};
use weir_primitives::{ExecutedBlock, StateProvider};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TransactionView {
    tx_hash: B256,
    result: Trace,
}

/// The state on which a block was executed. Genesis was not.
pub(crate) fn parent_state(
    api: &Api,
    block: &ExecutedBlock,
) -> Result<Arc<dyn StateProvider>, RpcError> {
    let reference = block.reference();
    let Some(parent) = reference.number.checked_sub(1) else {
        return Err(RpcError::server("genesis is not traceable"));
    };
    let canonical = api.chain().header_by_number(reference.number)?;
    if canonical.is_none_or(|header| header.hash() != reference.hash) {
        return Err(RpcError::server("block is not canonical: its parent's state is not kept"));
    }
    Ok(api.chain().state_at(parent)?)
}

fn trace(api: &Api, selector: BlockSelector, options: &TraceOptions) -> Answer {
    let located = api.block(selector)?.ok_or_else(|| not_found(selector))?;
    let block = located.block();
    let state = parent_state(api, block)?;
    let traces = trace_block(api.chain().spec(), &block.block, state, options, None);
    let views = traces.map_err(failed)?.into_iter();
    let views = views.map(|traced| TransactionView { tx_hash: traced.hash, result: traced.trace });
    Json::of(&views.collect::<Vec<_>>())
}

/// `debug_traceBlockByNumber`.
pub(crate) fn block_by_number(api: &Api, args: &Args<'_>) -> Answer {
    let selector = match args.block_number(0)? {
        BlockSelector::Pending => BlockSelector::Latest,
        selector => selector,
    };
    trace(api, selector, &args.optional(1)?.unwrap_or_default())
}

/// `debug_traceBlockByHash`.
pub(crate) fn block_by_hash(api: &Api, args: &Args<'_>) -> Answer {
    let selector = BlockSelector::Hash { hash: args.hash(0)?, require_canonical: false };
    trace(api, selector, &args.optional(1)?.unwrap_or_default())
}

/// `debug_traceTransaction`: of a sealed transaction.
pub(crate) fn transaction(api: &Api, args: &Args<'_>) -> Answer {
    let hash = args.hash(0)?;
    let options: TraceOptions = args.optional(1)?.unwrap_or_default();
    let (block, index) =
        api.chain().transaction(&hash)?.ok_or_else(|| RpcError::server("transaction not found"))?;
    let state = parent_state(api, &block)?;
    let traces = trace_block(api.chain().spec(), &block.block, state, &options, Some(index));
    match traces.map_err(failed)?.pop() {
        Some(traced) => Json::of(&traced.trace),
        None => Err(RpcError::server("transaction not found")),
    }
}

/// A tracer's options, and what the call pretends.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallOptions {
    #[serde(flatten)]
    options: TraceOptions,
    state_overrides: Option<WireStateOverrides>,
    block_overrides: Option<WireBlockOverrides>,
    /// Whether the call runs before this transaction of the block, not after the block.
    tx_index: Option<U64>,
}

/// `debug_traceCall`.
pub(crate) fn call(api: &Api, args: &Args<'_>) -> Answer {
    let request = args.value::<WireCall>(0)?.try_into()?;
    let selector = args.block(1)?;
    let CallOptions { options, state_overrides, block_overrides, tx_index } =
        args.optional(2)?.unwrap_or_default();
    let mut view = api.state(selector)?;
    if let Some(index) = tx_index {
        view.state = before_transaction(api, selector, index.to())?;
    }
    let simulation = simulation_on(api, view, state_overrides, block_overrides)?;
    Json::of(&simulation.trace(&request, &options).map_err(failed)?)
}

/// The state before a transaction of a block.
fn before_transaction(
    api: &Api,
    selector: BlockSelector,
    index: u64,
) -> Result<Arc<dyn StateProvider>, RpcError> {
    let located = api.block(selector)?.ok_or_else(|| not_found(selector))?;
    let block = located.block();
    let transactions = block.block.transactions().len();
    let index = usize::try_from(index).ok().filter(|index| *index < transactions);
    let index = index.ok_or_else(|| {
        invalid(2, format!("txIndex is out of range: the block has {transactions} transactions"))
    })?;
    let parent = parent_state(api, block)?;
    let Some(before) = index.checked_sub(1) else { return Ok(parent) };
    let states = states_after_each(api.chain().spec(), &block.block, Arc::clone(&parent));
    let diff = states.map_err(failed)?.swap_remove(before);
    Ok(Arc::new(DiffState::open(parent, Arc::new(diff))))
}

/// What a request for a trace answers when there is none.
pub(crate) fn failed(error: TraceError) -> RpcError {
    match error {
        TraceError::UnknownTracer { .. } | TraceError::Settings { .. } => {
            RpcError::invalid_params(error.to_string())
        }
        TraceError::TooManySteps { .. } => RpcError::limit(error.to_string()),
        TraceError::Call(error) => refused(error),
        TraceError::Failed(ExecutionError::State(error)) => error.into(),
        TraceError::Block(_) | TraceError::Failed(_) => {
            tracing::error!(%error, "block cannot be traced");
            RpcError::new(INTERNAL_ERROR, error.to_string())
        }
    }
}
