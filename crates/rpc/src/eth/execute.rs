//! Calls that change nothing.

use super::{
    call_request::{WireAccountOverride, WireBlockOverrides, WireCall, state_overrides},
    revert::revert_reason,
};
use crate::{
    api::{Api, StateView},
    args::Args,
    error::{EXECUTION_REVERTED, RpcError},
    json::{Answer, Json},
    wire::Quantity,
};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, hex, map::HashMap};
use serde::Serialize;
use std::sync::Arc;
use weir_evm::{
    ExecutionError,
    simulate::{BlockOverrides, CallOutcome, CallRequest, Simulation, SimulationError},
};

/// What a call pretends about accounts, by address.
pub(crate) type WireStateOverrides = HashMap<Address, WireAccountOverride>;

/// The call and the state and block it runs in.
fn simulation(api: &Api, args: &Args<'_>) -> Result<(Simulation, CallRequest), RpcError> {
    let request = args.value::<WireCall>(0)?.try_into()?;
    let view = api.state(args.block(1)?)?;
    let simulation = simulation_on(api, view, args.optional(2)?, args.optional(3)?)?;
    Ok((simulation, request))
}

/// Where single calls run: on a state, with what is pretended.
pub(crate) fn simulation_on(
    api: &Api,
    view: StateView,
    state: Option<WireStateOverrides>,
    block: Option<WireBlockOverrides>,
) -> Result<Simulation, RpcError> {
    let state = state.map(state_overrides).transpose()?.unwrap_or_default();
    if state.values().any(|account| account.move_precompile_to.is_some()) {
        return Err(RpcError::invalid_params(
            "state override \"movePrecompileToAddress\" is for eth_simulateV1 only",
        ));
    }
    if let Some(name) = block.as_ref().and_then(WireBlockOverrides::of_whole_blocks) {
        return Err(RpcError::invalid_params(format!(
            "block override \"{name}\" is for eth_simulateV1 only"
        )));
    }
    let block = block.map_or_else(BlockOverrides::default, Into::into);
    let spec = Arc::clone(api.chain().spec());
    let simulation = Simulation::new(spec, view.header, view.state, api.config.call_gas_max)
        .with_state_overrides(&state)
        .map_err(refused)?;
    Ok(simulation.with_block_overrides(&block))
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

pub(super) fn reverted(output: &Bytes) -> RpcError {
    let message = match revert_reason(output) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    };
    RpcError::new(EXECUTION_REVERTED, message).with_data(hex::encode_prefixed(output))
}

pub(crate) fn refused(error: SimulationError) -> RpcError {
    match error {
        SimulationError::Reverted { output } => reverted(&output),
        SimulationError::Failed(ExecutionError::State(error)) => error.into(),
        other => RpcError::server(other.to_string()),
    }
}
