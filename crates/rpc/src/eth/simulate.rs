//! `eth_simulateV1`.

use super::{
    call_request::{WireBlockOverrides, WireCall, state_overrides},
    execute::{WireStateOverrides, reverted},
};
use crate::{
    api::{Api, Located},
    args::Args,
    backend::BackendError,
    error::{INTERNAL_ERROR, INVALID_PARAMS, RpcError, SERVER_ERROR, simulation as codes},
    json::{Answer, Json},
    wire::{LogPlace, Quantity, WireBlock, WireLog},
};
use alloy_primitives::Bytes;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};
use weir_evm::{
    ExecutionError, SealedHeader, TransactionRejected,
    simulate::{
        BlockCalls, BlockSimulation, BlockSimulationError, CallOutcome, SimulatedBlock,
        SimulatedCall,
    },
};
use weir_primitives::{ExecutedBlock, StateDiff};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSimulation {
    block_state_calls: Vec<WireBlockCalls>,
    #[serde(default)]
    trace_transfers: bool,
    #[serde(default)]
    validation: bool,
    #[serde(default)]
    return_full_transactions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireBlockCalls {
    block_overrides: Option<WireBlockOverrides>,
    state_overrides: Option<WireStateOverrides>,
    calls: Option<Vec<WireCall>>,
}

impl TryFrom<WireBlockCalls> for BlockCalls {
    type Error = RpcError;

    fn try_from(wire: WireBlockCalls) -> Result<Self, RpcError> {
        let calls = wire.calls.unwrap_or_default().into_iter().map(TryInto::try_into);
        Ok(Self {
            block: wire.block_overrides.unwrap_or_default().into(),
            state: wire.state_overrides.map(state_overrides).transpose()?.unwrap_or_default(),
            calls: calls.collect::<Result<_, _>>()?,
        })
    }
}

/// `eth_simulateV1`: blocks of calls on top of a block, each on the state after the one before.
pub(crate) fn simulate(api: &Api, args: &Args<'_>) -> Answer {
    let wire: WireSimulation = args.value(0)?;
    if wire.block_state_calls.is_empty() {
        return Err(RpcError::invalid_params("empty input"));
    }
    let is_full = wire.return_full_transactions;
    let view = api.state(args.block(1)?)?;
    let number = view.header.number;
    let base = SealedHeader::new(view.header);
    let blocks = wire.block_state_calls.into_iter().map(TryInto::try_into);
    let simulation = BlockSimulation {
        blocks: blocks.collect::<Result<_, RpcError>>()?,
        traces_transfers: wire.trace_transfers,
        validates: wire.validation,
        gas_budget: api.config.call_gas_max,
    };
    let mut rootless: Option<BackendError> = None;
    let mut root_after = |diff: &StateDiff| match api.chain().root_after(number, diff) {
        Ok(root) => Some(root),
        Err(error) => {
            rootless = Some(error);
            None
        }
    };
    let spec = Arc::clone(api.chain().spec());
    let simulated = simulation.run(spec, base, view.state, &mut root_after);
    if let Some(error) = rootless {
        return Err(error.into());
    }
    let simulated = simulated.map_err(refused)?;
    let located: Vec<(Located, Vec<SimulatedCall>)> = simulated.into_iter().map(located).collect();
    let views = located.iter().map(|(located, calls)| BlockView {
        block: WireBlock::new(located, is_full),
        calls: calls_view(located.block(), calls),
    });
    Json::of(&views.collect::<Vec<_>>())
}

fn located(simulated: SimulatedBlock) -> (Located, Vec<SimulatedCall>) {
    let SimulatedBlock { block, calls } = simulated;
    let block = ExecutedBlock { block: Arc::new(block), receipts: Arc::default(), diff: None };
    (Located::Sealed(block), calls)
}

#[derive(Serialize)]
struct BlockView<'a> {
    #[serde(flatten)]
    block: WireBlock<'a>,
    calls: Vec<CallView<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallView<'a> {
    return_data: Cow<'a, Bytes>,
    logs: Vec<WireLog>,
    gas_used: Quantity,
    max_used_gas: Quantity,
    status: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RpcError>,
}

fn calls_view<'a>(block: &ExecutedBlock, calls: &'a [SimulatedCall]) -> Vec<CallView<'a>> {
    calls.iter().enumerate().map(|(index, call)| call_view(block, index, call)).collect()
}

fn call_view<'a>(block: &ExecutedBlock, index: usize, call: &'a SimulatedCall) -> CallView<'a> {
    let nothing = || Cow::Owned(Bytes::new());
    let (return_data, error) = match &call.outcome {
        CallOutcome::Success { output, .. } => (Cow::Borrowed(output), None),
        CallOutcome::Revert { output, .. } => (nothing(), Some(reverted(output))),
        CallOutcome::Halt { cause, .. } => {
            (nothing(), Some(RpcError::new(codes::VM_ERROR, cause.to_string())))
        }
    };
    let header = block.block.header();
    let transaction = &block.block.transactions()[index];
    let place = |log_index| LogPlace {
        block_number: header.number,
        block_hash: Some(block.block.hash()),
        block_timestamp: header.timestamp,
        transaction_hash: *transaction.tx_hash(),
        transaction_index: index as u64,
        log_index,
        removed: false,
    };
    CallView {
        return_data,
        logs: call.logs.iter().map(|log| WireLog::new(&log.log, place(log.index))).collect(),
        gas_used: call.outcome.gas_used().into(),
        max_used_gas: call.gas_used_max.into(),
        status: Quantity(u128::from(error.is_none())),
        error,
    }
}

/// The code that the specification of the method gives an error.
fn refused(error: BlockSimulationError) -> RpcError {
    if let BlockSimulationError::Failed(ExecutionError::State(error)) = error {
        return error.into();
    }
    let code = match &error {
        BlockSimulationError::NumberOrder { .. } => codes::BLOCK_NUMBER_ORDER,
        BlockSimulationError::TimestampOrder { .. } => codes::BLOCK_TIMESTAMP_ORDER,
        BlockSimulationError::TooManyBlocks { .. } | BlockSimulationError::TooManyCalls { .. } => {
            codes::CLIENT_LIMIT
        }
        BlockSimulationError::BlockGasExhausted { .. } => codes::BLOCK_GAS_LIMIT,
        BlockSimulationError::MovedToItself { .. } => codes::MOVED_TO_ITSELF,
        BlockSimulationError::MovedTwice { .. } => codes::MOVED_TWICE,
        BlockSimulationError::Rejected { reason, .. } => rejected(reason),
        BlockSimulationError::ConflictingFees
        | BlockSimulationError::RecipientMissing
        | BlockSimulationError::NotAPrecompile { .. }
        | BlockSimulationError::AlreadyOverridden { .. } => SERVER_ERROR,
        BlockSimulationError::RootUnknown | BlockSimulationError::Failed(_) => INTERNAL_ERROR,
    };
    RpcError::new(code, error.to_string())
}

const fn rejected(reason: &TransactionRejected) -> i32 {
    match reason {
        TransactionRejected::NonceTooLow { .. } => codes::NONCE_TOO_LOW,
        TransactionRejected::NonceTooHigh { .. } => codes::NONCE_TOO_HIGH,
        TransactionRejected::FeeBelowBaseFee => codes::BASE_FEE_TOO_LOW,
        TransactionRejected::IntrinsicGasTooLow { .. }
        | TransactionRejected::GasFloorTooLow { .. } => codes::INTRINSIC_GAS,
        TransactionRejected::InsufficientFunds { .. } => codes::INSUFFICIENT_FUNDS,
        TransactionRejected::SenderHasCode => codes::SENDER_NOT_EOA,
        TransactionRejected::InitCodeTooLong => codes::INIT_CODE_TOO_LONG,
        TransactionRejected::PriorityFeeAboveMaxFee => INVALID_PARAMS,
        _ => INTERNAL_ERROR,
    }
}
