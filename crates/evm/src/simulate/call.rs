//! Running one call on a state.

use super::{BlockOverrides, CallOutcome, CallRequest, SimulationError, StateOverrides, overrides};
use crate::{
    ChainSpec, ExecutionError, Fork, TransactionRejected,
    machine::{self, Machine},
    overlay::{Overlay, ReadError},
};
use alloy_evm::{Evm, EvmEnv};
use alloy_primitives::B256;
use revm::context_interface::{
    block::BlobExcessGasAndPrice,
    result::{EVMError, ExecutionResult},
};
use std::sync::Arc;
use weir_primitives::{Header, StateProvider};

/// A state and a block in which calls are tried. Nothing that a call changes is seen by the next one.
pub struct Simulation {
    spec: Arc<ChainSpec>,
    pub(super) header: Header,
    pub(super) state: Arc<dyn StateProvider>,
    /// Most gas of a call, whatever it asks for.
    pub(super) gas_cap: u64,
    /// Wei per blob gas, if it is not what the header says.
    blob_base_fee: Option<u128>,
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulation")
            .field("block", &self.header.number)
            .field("gas_cap", &self.gas_cap)
            .finish_non_exhaustive()
    }
}

impl Simulation {
    /// Calls run in the block `header` on `state`; for a sealed block that is the state after it, as in geth.
    pub fn new(
        spec: Arc<ChainSpec>,
        header: Header,
        state: Arc<dyn StateProvider>,
        gas_cap: u64,
    ) -> Self {
        Self { spec, header, state, gas_cap, blob_base_fee: None }
    }

    /// Pretends that accounts are as `overrides` say.
    pub fn with_state_overrides(
        mut self,
        overrides: &StateOverrides,
    ) -> Result<Self, SimulationError> {
        self.state = overrides::apply(self.state, overrides)?;
        Ok(self)
    }

    /// Pretends that the block is as `overrides` say.
    pub fn with_block_overrides(mut self, overrides: &BlockOverrides) -> Self {
        overrides.apply(&mut self.header);
        self.blob_base_fee = overrides.blob_base_fee;
        self
    }

    /// Executes a call.
    ///
    /// As in geth, nonce, sender's code, chain id and block gas limit are not checked, fees only if the request
    /// names them, and the balance always.
    pub fn call(&self, request: &CallRequest) -> Result<CallOutcome, SimulationError> {
        request.check()?;
        let gas_limit = self.gas_limit(request);
        let result = self.with_machine(request, |machine, nonce| {
            transact(machine, request, (gas_limit, nonce))
        })?;
        Ok(CallOutcome::from_evm(result))
    }

    pub(super) fn fork(&self) -> Fork {
        self.spec.fork_of(&self.header)
    }

    /// The gas that the request asks for, within the cap.
    pub(crate) fn gas_limit(&self, request: &CallRequest) -> u64 {
        request.gas.unwrap_or(self.gas_cap).min(self.gas_cap)
    }

    pub(crate) fn env(&self, request: &CallRequest) -> EvmEnv {
        let mut env = self.spec.evm_env(&self.header);
        env.cfg_env.disable_nonce_check = true;
        env.cfg_env.disable_eip3607 = true;
        env.cfg_env.disable_base_fee = true;
        env.cfg_env.disable_block_gas_limit = true;
        env.cfg_env.tx_chain_id_check = false;
        env.cfg_env.tx_gas_limit_cap = Some(u64::MAX);
        if request.fee_cap() == 0 {
            // Who pays nothing sees a base fee of nothing: otherwise the fee cap would be below it.
            env.block_env.basefee = 0;
        } else {
            env.cfg_env.disable_base_fee = false;
        }
        if let (Some(fee), Some(blobs)) =
            (self.blob_base_fee, &mut env.block_env.blob_excess_gas_and_price)
        {
            blobs.blob_gasprice = fee;
        } else if request.max_fee_per_blob_gas.unwrap_or_default() == 0
            && let Some(blobs) = &mut env.block_env.blob_excess_gas_and_price
        {
            *blobs = BlobExcessGasAndPrice { excess_blob_gas: 0, blob_gasprice: 0 };
        }
        env
    }

    pub(crate) fn overlay(&self) -> Overlay {
        Overlay::new(Arc::clone(&self.spec.codes), Arc::clone(&self.state))
    }

    /// Runs `body` with an EVM in which nothing is ever committed, and the sender's nonce.
    pub(super) fn with_machine<R>(
        &self,
        request: &CallRequest,
        body: impl FnOnce(&mut Machine, u64) -> Result<R, SimulationError>,
    ) -> Result<R, SimulationError> {
        let mut overlay = self.overlay();
        let sender = overlay.account(request.sender()).map_err(ExecutionError::from)?;
        let mut machine = machine::assemble(overlay, &self.env(request));
        let result = body(&mut machine, sender.unwrap_or_default().nonce);
        machine::dismantle(machine);
        result
    }
}

/// Executes the request with this gas limit and sender nonce; what it changed is forgotten.
pub(super) fn transact(
    machine: &mut Machine,
    request: &CallRequest,
    (gas_limit, nonce): (u64, u64),
) -> Result<ExecutionResult, SimulationError> {
    let env = request.to_env(gas_limit, nonce);
    let (ty, block_gas_limit) = (env.tx_type, machine.block().gas_limit);
    match machine.transact_raw(env) {
        Ok(outcome) => Ok(outcome.result),
        Err(error) => {
            machine::discard(machine);
            Err(refused(error, ty, (gas_limit, block_gas_limit)))
        }
    }
}

/// Names an EVM error of a simulated call.
pub(super) fn refused(error: EVMError<ReadError>, ty: u8, limits: (u64, u64)) -> SimulationError {
    match error {
        EVMError::Transaction(invalid) => TransactionRejected::from_evm(invalid, ty, limits).into(),
        EVMError::Database(ReadError(error)) => error.into(),
        EVMError::Header(_) | EVMError::Custom(_) | EVMError::CustomAny(_) => {
            ExecutionError::Evm { hash: B256::ZERO }.into()
        }
    }
}
