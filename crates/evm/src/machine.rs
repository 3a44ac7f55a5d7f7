//! Putting an EVM together around an overlay, and taking it apart again.

mod idle;

use crate::{
    AmsterdamRules, ExecutionError,
    overlay::{Overlay, ReadError},
};
use alloc::boxed::Box;
use alloy_evm::{EthEvm, Evm, EvmEnv, eth::EthEvmContext};
use alloy_primitives::{Address, Bytes, KECCAK256_EMPTY};
use revm::{
    Context, MainBuilder, MainContext,
    bytecode::opcode,
    context::TxEnv,
    context_interface::{
        Host as _,
        result::{EVMError, ExecutionResult, HaltReason},
    },
    database_interface::DatabaseCommit,
    handler::{EthPrecompiles, SYSTEM_ADDRESS},
    inspector::NoOpInspector,
    interpreter::{
        Instruction, InstructionContext, InstructionResult, instructions::host,
        interpreter::EthInterpreter,
    },
};

/// An EVM over the state of an open block.
///
/// It holds buffers that cannot cross threads, so an [`crate::OpenBlock`] keeps only the state between calls, and each
/// thread keeps one idle EVM: building one costs more than a transfer.
pub(crate) type Machine<I = NoOpInspector> = EthEvm<Overlay, I, EthPrecompiles>;

type Host = EthEvmContext<Overlay>;

/// An EVM that executes in the block `env` on the state `overlay`.
pub(crate) fn assemble(overlay: Overlay, env: &EvmEnv) -> Box<Machine> {
    match idle::take() {
        // What the EVM derives from its configuration is the same for the same fork.
        Some(mut machine) if machine.ctx().cfg.spec == env.cfg_env.spec => {
            let context = machine.ctx_mut();
            context.block = env.block_env.clone();
            context.cfg = env.cfg_env.clone();
            context.journaled_state.database = overlay;
            context.error = Ok(());
            machine
        }
        _ => Box::new(assemble_with(overlay, env.clone(), NoOpInspector {}, false)),
    }
}

/// Takes the state out of an EVM and lets it wait for its next use.
pub(crate) fn dismantle(mut machine: Box<Machine>) -> Overlay {
    discard(&mut machine);
    let database = &mut machine.ctx_mut().journaled_state.database;
    let overlay = core::mem::replace(database, Overlay::vacant());
    idle::keep(machine);
    overlay
}

/// [`assemble`] with an inspector, which is called if `inspects`.
pub(crate) fn assemble_with<I>(
    overlay: Overlay,
    env: EvmEnv,
    inspector: I,
    inspects: bool,
) -> Machine<I> {
    let amsterdam = AmsterdamRules::of(&env);
    let mut inner = Context::mainnet()
        .with_block(env.block_env)
        .with_cfg(env.cfg_env)
        .with_db(overlay)
        .build_mainnet_with_inspector(inspector);
    inner.instruction.instruction_table_mut()[usize::from(opcode::EXTCODEHASH)] =
        Instruction::new(ext_code_hash);
    if let Some(rules) = amsterdam {
        rules.configure_instructions(inner.instruction.gas_table_mut());
    }
    EthEvm::new(inner, inspects)
}

/// `EXTCODEHASH`, for which an account with storage but no code is like any other without code.
///
/// The overlay shows such an account under the code hash zero (EIP-7610). Other accounts have that hash only if
/// they are empty, and then no balance.
fn ext_code_hash(
    context: InstructionContext<'_, Host, EthInterpreter>,
) -> Result<(), InstructionResult> {
    let address = context.interpreter.stack.peek(0).map(|word| Address::from_word(word.into()));
    host::extcodehash(InstructionContext {
        interpreter: &mut *context.interpreter,
        host: &mut *context.host,
    })?;
    if let (Ok(address), Ok(hash)) = (address, context.interpreter.stack.peek(0))
        && hash.is_zero()
        && context.host.balance(address).is_some_and(|balance| !balance.data.is_zero())
    {
        // The instruction has just left a word there, so it can be replaced.
        let _ = context.interpreter.stack.set(0, KECCAK256_EMPTY.into());
    }
    Ok(())
}

/// Forgets everything that a transaction left in the EVM without committing it.
pub(crate) fn discard(machine: &mut Machine) {
    drop(machine.ctx_mut().journaled_state.finalize());
}

/// An EVM over an overlay, whatever its inspector and its precompiles.
pub(crate) trait OverlayEvm:
    Evm<DB = Overlay, Tx = TxEnv, Error = EVMError<ReadError>, HaltReason = HaltReason>
{
}

impl<T> OverlayEvm for T where
    T: Evm<DB = Overlay, Tx = TxEnv, Error = EVMError<ReadError>, HaltReason = HaltReason>
{
}

/// Calls a system contract as the system address does (EIP-4788, 2935, 7002, 7251) and keeps what it changed.
pub(crate) fn system_call(
    machine: &mut impl OverlayEvm,
    contract: Address,
    data: Bytes,
) -> Result<ExecutionResult, ExecutionError> {
    let outcome = machine
        .transact_system_call(SYSTEM_ADDRESS, contract, data)
        .map_err(|error| fatal(error, contract))?;
    machine.db_mut().commit(outcome.state);
    Ok(outcome.result)
}

/// An EVM error of a system call: only failed reads can happen, the rest is a broken set-up.
fn fatal(error: EVMError<ReadError>, contract: Address) -> ExecutionError {
    match error {
        EVMError::Database(ReadError(error)) => ExecutionError::State(error),
        _ => ExecutionError::SystemCallInvalid { contract },
    }
}
