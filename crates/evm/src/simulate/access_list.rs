//! The addresses and slots that a call touches.

use super::{CallOutcome, CallRequest, Simulation, SimulationError, call::refused};
use crate::{ExecutionError, machine, overlay::Overlay};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_evm::{Evm, EvmEnv};
use alloy_primitives::{Address, B256, U256, map::HashSet};
use revm::{
    Inspector,
    bytecode::opcode,
    context_interface::result::ExecutionResult,
    handler::EthPrecompiles,
    interpreter::{
        Interpreter,
        interpreter_types::{InputsTr, Jumps},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Rounds after which a list that still grows is returned as it is; geth has no bound.
const ROUNDS_MAX: usize = 16;

/// What `eth_createAccessList` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessListOutcome {
    /// The list, by address and slot in ascending order.
    pub access_list: AccessList,
    /// How the call ends with this list; its gas includes the list's.
    pub outcome: CallOutcome,
}

impl Simulation {
    /// Finds the access list of a call: executed with the list found so far until the list does not change.
    ///
    /// Sender, recipient and precompiles are left out, being warm anyway.
    pub fn create_access_list(
        &self,
        request: &CallRequest,
    ) -> Result<AccessListOutcome, SimulationError> {
        request.check()?;
        let mut overlay = self.overlay();
        let sender = request.sender();
        let nonce =
            overlay.account(sender).map_err(ExecutionError::from)?.unwrap_or_default().nonce;
        let to = request.to.unwrap_or_else(|| sender.create(request.nonce.unwrap_or(nonce)));
        let mut env = self.env(request);
        let mut request = request.clone();
        let gas_limit = self.gas_limit(&request);
        let mut rounds = 0;
        loop {
            let tracer = AccessTracer::new(&env, [sender, to]);
            let (result, list, parts) = trace(overlay, env, tracer, (&request, gas_limit, nonce));
            (overlay, env) = parts;
            rounds += 1;
            let is_stable = request.access_list.as_ref() == Some(&list);
            let outcome = CallOutcome::from_evm(result?);
            if is_stable || rounds == ROUNDS_MAX {
                return Ok(AccessListOutcome { access_list: list, outcome });
            }
            request.access_list = Some(list);
        }
    }
}

type Traced = (Result<ExecutionResult, SimulationError>, AccessList, (Overlay, EvmEnv));

fn trace(
    overlay: Overlay,
    env: EvmEnv,
    tracer: AccessTracer,
    (request, gas_limit, nonce): (&CallRequest, u64, u64),
) -> Traced {
    let block_gas_limit = env.block_env.gas_limit;
    let mut evm = machine::assemble_with(overlay, env, tracer, true);
    let tx = request.to_env(gas_limit, nonce);
    let ty = tx.tx_type;
    let result = evm
        .transact_raw(tx)
        .map(|outcome| outcome.result)
        .map_err(|error| refused(error, ty, (gas_limit, block_gas_limit)));
    let list = evm.components().1.list();
    (result, list, evm.finish())
}

/// Notes the operands of every opcode that reads an account or a slot.
#[derive(Debug)]
struct AccessTracer {
    excluded: HashSet<Address>,
    accesses: BTreeMap<Address, BTreeSet<B256>>,
}

impl AccessTracer {
    fn new(env: &EvmEnv, excluded: [Address; 2]) -> Self {
        let precompiles = EthPrecompiles::new(env.cfg_env.spec);
        let excluded = precompiles.warm_addresses().iter().copied().chain(excluded).collect();
        Self { excluded, accesses: BTreeMap::new() }
    }

    fn note(&mut self, address: Address) {
        if !self.excluded.contains(&address) {
            self.accesses.entry(address).or_default();
        }
    }

    fn list(&self) -> AccessList {
        let items = self.accesses.iter().map(|(address, slots)| AccessListItem {
            address: *address,
            storage_keys: slots.iter().copied().collect(),
        });
        AccessList(items.collect())
    }
}

fn address(word: U256) -> Address {
    Address::from_word(word.into())
}

impl<CTX> Inspector<CTX> for AccessTracer {
    fn step(&mut self, interpreter: &mut Interpreter, _context: &mut CTX) {
        match interpreter.bytecode.opcode() {
            opcode::SLOAD | opcode::SSTORE => {
                if let Ok(slot) = interpreter.stack.peek(0) {
                    let contract = interpreter.input.target_address();
                    self.accesses.entry(contract).or_default().insert(slot.into());
                }
            }
            opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::EXTCODESIZE
            | opcode::BALANCE
            | opcode::SELFDESTRUCT => {
                if let Ok(word) = interpreter.stack.peek(0) {
                    self.note(address(word));
                }
            }
            opcode::CALL | opcode::CALLCODE | opcode::DELEGATECALL | opcode::STATICCALL => {
                if let Ok(word) = interpreter.stack.peek(1) {
                    self.note(address(word));
                }
            }
            _ => {}
        }
    }
}
