//! One transaction under one tracer.

use super::{
    Trace, TraceError, TraceOptions,
    limit::{Budget, RECORDED_BYTES_MAX, RECORDED_STEPS_MAX, STEPS_MAX, StepLimit},
    state::Before,
};
use crate::{
    ExecutionError, TransactionRejected, machine::Machine, overlay::ReadError,
    simulate::SimulationError,
};
use alloy_evm::Evm;
use alloy_primitives::B256;
use alloy_rpc_types_trace::geth::GethDebugTracerType;
use revm::{
    context::TxEnv,
    context_interface::result::{EVMError, ResultAndState},
};
use revm_inspectors::tracing::{
    DebugInspector, DebugInspectorError, TraceLimitBehavior, TraceLimits, TracingInspector,
    TransactionContext,
};

/// A tracer with its limit. The limit comes first, so that nothing is recorded beyond it.
pub(super) type Tracer = (StepLimit, DebugInspector);

/// How much of an unknown tracer's name is echoed.
const NAME_ECHO_CHARS_MAX: usize = 64;

/// A tracer for one transaction, within what is left of the request's budget.
pub(super) fn new(options: &TraceOptions, budget: &mut Budget) -> Result<Tracer, TraceError> {
    if let Some(GethDebugTracerType::JsTracer(code)) = &options.tracer
        && !code.is_empty()
    {
        let name = code.chars().take(NAME_ECHO_CHARS_MAX).collect();
        return Err(TraceError::UnknownTracer { name });
    }
    let tracer = DebugInspector::new(options.clone())
        .map_err(|error| TraceError::Settings { reason: error.to_string() })?;
    let records_steps =
        matches!(tracer, DebugInspector::Default(..) | DebugInspector::Erc7562Tracer(..));
    let (left, most) = match records_steps {
        true => (budget.recorded, RECORDED_STEPS_MAX),
        false => (budget.steps, STEPS_MAX),
    };
    Ok((StepLimit { left, most, is_exceeded: false }, bounded(tracer)))
}

/// The tracer with a bound on what it keeps.
fn bounded(tracer: DebugInspector) -> DebugInspector {
    let limits = TraceLimits::default()
        .set_max_recorded_bytes(Some(RECORDED_BYTES_MAX))
        .set_behavior(TraceLimitBehavior::Halt);
    let bound = |inspector: TracingInspector| inspector.with_limits(limits);
    match tracer {
        DebugInspector::CallTracer(inspector, config) => {
            DebugInspector::CallTracer(bound(inspector), config)
        }
        DebugInspector::PreStateTracer(inspector, config) => {
            DebugInspector::PreStateTracer(bound(inspector), config)
        }
        DebugInspector::FlatCallTracer(inspector) => {
            DebugInspector::FlatCallTracer(bound(inspector))
        }
        DebugInspector::Erc7562Tracer(inspector, config) => {
            DebugInspector::Erc7562Tracer(bound(inspector), config)
        }
        DebugInspector::Default(inspector, config) => {
            DebugInspector::Default(bound(inspector), config)
        }
        other => other,
    }
}

/// A traced transaction, not committed.
pub(super) struct Traced {
    pub(super) trace: Trace,
    pub(super) outcome: ResultAndState,
}

/// Executes a transaction under the tracer; its changes are left to the caller.
pub(super) fn run(
    machine: &mut Machine<Tracer>,
    env: TxEnv,
    place: Option<TransactionContext>,
) -> Result<Traced, TraceError> {
    let outcome = machine.transact_raw(env.clone());
    let block = machine.block().clone();
    let gas = (env.gas_limit, block.gas_limit);
    let (overlay, (limit, tracer), _) = machine.components_mut();
    if limit.is_exceeded {
        return Err(TraceError::TooManySteps { steps_max: limit.most });
    }
    let outcome = outcome.map_err(|error| failed(error, env.tx_type, gas))?;
    let mut before = Before::new(overlay);
    let trace =
        tracer.get_result(place, &env, &block, &outcome, &mut before).map_err(
            |error| match error {
                DebugInspectorError::Database(ReadError(error)) => {
                    ExecutionError::State(error).into()
                }
                error => TraceError::Settings { reason: error.to_string() },
            },
        )?;
    Ok(Traced { trace, outcome })
}

fn failed(error: EVMError<ReadError>, ty: u8, limits: (u64, u64)) -> TraceError {
    match error {
        EVMError::Transaction(invalid) => {
            let reason = TransactionRejected::from_evm(invalid, ty, limits);
            SimulationError::Rejected(reason).into()
        }
        EVMError::Database(ReadError(error)) => ExecutionError::State(error).into(),
        EVMError::Custom(reason) => TraceError::Settings { reason },
        EVMError::Header(_) | EVMError::CustomAny(_) => {
            ExecutionError::Evm { hash: B256::ZERO }.into()
        }
    }
}
