//! The phases of a transaction by the draft of April 2026 (EIP-8037), where the executor has a later one.

use crate::{
    machine::{Machine, assemble_with},
    overlay::{Overlay, ReadError},
};
use alloy_evm::{EthEvm, Evm, EvmEnv, eth::EthEvmContext};
use revm::{
    context::{Evm as InnerEvm, TxEnv},
    context_interface::{
        Cfg, ContextTr, JournalTr, Transaction,
        cfg::gas::{GasTracker, InitialAndFloorGas},
        result::{EVMError, HaltReason, InvalidTransaction, ResultAndState},
        transaction::TransactionType,
    },
    handler::{
        EthFrame, EthPrecompiles, FrameResult, Handler, instructions::EthInstructions,
        pre_execution, validation,
    },
    inspector::NoOpInspector,
    interpreter::interpreter::EthInterpreter,
};

type Inner = InnerEvm<
    EthEvmContext<Overlay>,
    NoOpInspector,
    EthInstructions<EthInterpreter, EthEvmContext<Overlay>>,
    EthPrecompiles,
    EthFrame,
>;

/// Executes a transaction by the draft of April 2026. The caller commits.
pub(crate) fn transact(
    machine: &mut Machine,
    tx: TxEnv,
) -> Result<ResultAndState, EVMError<ReadError>> {
    let env = EvmEnv { cfg_env: machine.cfg_env().clone(), block_env: machine.block().clone() };
    let vacant = assemble_with(Overlay::vacant(), env, NoOpInspector {}, false);
    let mut inner = core::mem::replace(machine, vacant).into_inner();
    inner.ctx.tx = tx;
    let result = AprilHandler.run(&mut inner);
    let state = inner.ctx.journaled_state.finalize();
    *machine = EthEvm::new(inner, false);
    Ok(ResultAndState { result: result?, state })
}

/// State gas of creations and delegations is charged before execution, and what a failed transaction spent is spent.
struct AprilHandler;

impl Handler for AprilHandler {
    type Evm = Inner;
    type Error = EVMError<ReadError>;
    type HaltReason = HaltReason;

    fn validate_initial_tx_gas(
        &self,
        evm: &mut Self::Evm,
    ) -> Result<InitialAndFloorGas, Self::Error> {
        let (cfg, tx) = (evm.ctx.cfg(), evm.ctx.tx());
        let params = cfg.gas_params();
        let mut gas = validation::validate_initial_tx_gas_with_gas_params(
            tx,
            *cfg.spec(),
            params,
            cfg.is_eip7623_disabled(),
            cfg.is_amsterdam_eip8037_enabled(),
            cfg.tx_gas_limit_cap(),
            None,
        )?;
        let creation = if tx.kind().is_create() { params.create_state_gas() } else { 0 };
        let delegation = params.new_account_state_gas() + params.tx_eip7702_state_gas_bytecode();
        let delegations = delegation.saturating_mul(tx.authorization_list_len() as u64);
        gas.set_initial_state_gas(creation.saturating_add(delegations));
        let (gas_limit, initial_gas) = (tx.gas_limit(), gas.initial_total_gas());
        if gas_limit < initial_gas {
            let invalid =
                InvalidTransaction::CallGasCostMoreThanGasLimit { gas_limit, initial_gas };
            return Err(invalid.into());
        }
        Ok(gas)
    }

    /// An authority that exists gives the gas of a new account back.
    fn apply_eip7702_auth_list(
        &self,
        evm: &mut Self::Evm,
        gas: &mut GasTracker,
    ) -> Result<Option<u64>, Self::Error> {
        if evm.ctx.tx().tx_type() != TransactionType::Eip7702 {
            return Ok(Some(0));
        }
        let chain_id = evm.ctx.cfg().chain_id();
        let account_gas = evm.ctx.cfg().gas_params().new_account_state_gas();
        let (tx, journal) = evm.ctx.tx_journal_mut();
        let existing = pre_execution::apply_auth_list::<_, Self::Error>(
            chain_id,
            tx.authorization_list(),
            journal,
        )?;
        gas.refill_reservoir(existing.saturating_mul(account_gas));
        Ok(Some(0))
    }

    fn last_frame_result(
        &mut self,
        evm: &mut Self::Evm,
        frame_result: &mut FrameResult,
        parent_gas: &mut GasTracker,
    ) -> Result<(), Self::Error> {
        let has_failed = !frame_result.instruction_result().is_ok();
        let tracker = frame_result.gas_mut().tracker_mut();
        let spent = if has_failed { tracker.state_gas_spent() } else { 0 };
        if has_failed {
            // With nothing noted, nothing is rolled back.
            tracker.set_state_gas_spent(0);
            tracker.set_state_gas_spilled(0);
        }
        revm::handler::MainnetHandler::<_, Self::Error, EthFrame>::default().last_frame_result(
            evm,
            frame_result,
            parent_gas,
        )?;
        let tracker = frame_result.gas_mut().tracker_mut();
        tracker.set_state_gas_spent(tracker.state_gas_spent().saturating_add(spent));
        Ok(())
    }
}
