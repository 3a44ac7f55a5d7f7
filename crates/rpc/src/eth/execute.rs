//! Calls that change nothing.

use super::{
    call_request::{WireBlockOverrides, WireCall, state_overrides},
    revert::revert_reason,
};
use crate::{
    api::Api,
    args::Args,
    error::{EXECUTION_REVERTED, RpcError},
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Bytes, hex};
use serde::Serialize;
use std::sync::Arc;
use weir_evm::{
    ExecutionError,
    simulate::{BlockOverrides, CallOutcome, CallRequest, Simulation, SimulationError},
};

/// The call and the state and block it runs in.
fn simulation(api: &Api, args: &Args<'_>) -> Result<(Simulation, CallRequest), RpcError> {
    let request = args.value::<WireCall>(0)?.try_into()?;
    let view = api.state(args.block(1)?)?;
    let state = args.optional(2)?.map(state_overrides).transpose()?.unwrap_or_default();
    let block =
        args.optional::<WireBlockOverrides>(3)?.map_or_else(BlockOverrides::default, Into::into);
    let spec = Arc::clone(api.chain().spec());
    let simulation = Simulation::new(spec, view.header, view.state, api.config.call_gas_max)
        .with_state_overrides(&state)
        .map_err(refused)?
        .with_block_overrides(&block);
    Ok((simulation, request))
}

/// `eth_call`: what the call returns.
pub(crate) fn call(api: &Api, args: &Args<'_>) -> Answer {
    let (simulation, request) = simulation(api, args)?;
    match simulation.call(&request).map_err(refused)? {
        CallOutcome::Success { output, .. } => Json::of(&output),
        CallOutcome::Revert { output, .. } => Err(reverted(&output)),
        CallOutcome::Halt { cause, .. } => Err(RpcError::server(cause.to_string())),
    }
}

/// `eth_estimateGas`: the gas limit the call needs.
pub(crate) fn estimate_gas(api: &Api, args: &Args<'_>) -> Answer {
    let (simulation, request) = simulation(api, args)?;
    let gas = simulation.estimate_gas(&request).map_err(refused)?;
    Ok(Json::quantity(gas.into()))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessListView {
    access_list: AccessList,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    gas_used: Quantity,
}

/// `eth_createAccessList`: what the call touches, also when it fails.
pub(crate) fn create_access_list(api: &Api, args: &Args<'_>) -> Answer {
    let (simulation, request) = simulation(api, args)?;
    let found = simulation.create_access_list(&request).map_err(refused)?;
    let error = match &found.outcome {
        CallOutcome::Success { .. } => None,
        CallOutcome::Revert { .. } => Some("execution reverted".to_owned()),
        CallOutcome::Halt { cause, .. } => Some(cause.to_string()),
    };
    let gas_used = found.outcome.gas_used().into();
    Json::of(&AccessListView { access_list: found.access_list, error, gas_used })
}

fn reverted(output: &Bytes) -> RpcError {
    let message = match revert_reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    };
    RpcError::new(EXECUTION_REVERTED, message).with_data(hex::encode_prefixed(output))
}

fn refused(error: SimulationError) -> RpcError {
    match error {
        SimulationError::Reverted { output } => reverted(&output),
        SimulationError::Failed(ExecutionError::State(error)) => error.into(),
        other => RpcError::server(other.to_string()),
    }
}
