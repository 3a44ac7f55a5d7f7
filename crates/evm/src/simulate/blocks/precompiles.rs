//! State overrides of whole blocks, and precompiles that they move or replace.

use super::BlockSimulationError;
use crate::{ExecutionError, machine, overlay::Overlay, simulate::StateOverrides};
use alloy_evm::{EthEvm, EvmEnv, eth::EthEvmContext, precompiles::PrecompilesMap};
use alloy_primitives::{
    Address,
    map::{AddressSet, HashSet},
};
use revm::{
    handler::{EthPrecompiles, PrecompileProvider},
    interpreter::{CallInputs, InterpreterResult},
    primitives::hardfork::SpecId,
};

/// An EVM with precompiles that are not those of the fork; the inspector is always called.
pub(super) fn assemble<I, P>(
    overlay: Overlay,
    env: EvmEnv,
    inspector: I,
    precompiles: P,
) -> EthEvm<Overlay, I, P> {
    let inner = machine::assemble_with(overlay, env, inspector, true).into_inner();
    EthEvm::new(inner.with_precompiles(precompiles), true)
}

/// The precompiles of a block that may move or replace some. The addresses that the fork gives them stay warm, and no others
/// become so (EIP-2929): a transaction's access list does not depend on overrides.
pub(crate) struct SimulatedPrecompiles {
    active: PrecompilesMap,
    warm: AddressSet,
}

impl SimulatedPrecompiles {
    /// The precompiles of a fork.
    pub(super) fn of_fork(spec: SpecId) -> Self {
        let active = PrecompilesMap::from(EthPrecompiles::new(spec));
        let warm = active.addresses().copied().collect();
        Self { active, warm }
    }

    /// Those that answer, to be moved and replaced.
    pub(super) const fn active(&mut self) -> &mut PrecompilesMap {
        &mut self.active
    }
}

impl PrecompileProvider<EthEvmContext<Overlay>> for SimulatedPrecompiles {
    type Output = InterpreterResult;

    fn set_spec(&mut self, _spec: SpecId) -> bool {
        false
    }

    fn run(
        &mut self,
        context: &mut EthEvmContext<Overlay>,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        self.active.run(context, inputs)
    }

    fn warm_addresses(&self) -> &AddressSet {
        &self.warm
    }

    fn contains(&self, address: &Address) -> bool {
        self.active.get(address).is_some()
    }
}

/// Pretends that the state is as `overrides` say. A precompile whose account is overridden is gone, or answers
/// elsewhere if it is moved.
pub(super) fn apply(
    overlay: &mut Overlay,
    precompiles: &mut PrecompilesMap,
    overrides: &StateOverrides,
) -> Result<(), BlockSimulationError> {
    let moves = moves(precompiles, overrides)?;
    precompiles.move_precompiles(moves).expect("each source was found to be a precompile");
    let mut addresses: Vec<&Address> = overrides.keys().collect();
    addresses.sort_unstable();
    for address in addresses {
        let change = &overrides[address];
        if change.move_precompile_to.is_none() && precompiles.get(address).is_some() {
            precompiles.apply_precompile(address, |_| None);
        }
        overlay.pretend(*address, change).map_err(ExecutionError::from)?;
    }
    Ok(())
}

/// The moves, in the order of their sources.
fn moves(
    precompiles: &PrecompilesMap,
    overrides: &StateOverrides,
) -> Result<Vec<(Address, Address)>, BlockSimulationError> {
    let moved =
        overrides.iter().filter_map(|(from, change)| Some((*from, change.move_precompile_to?)));
    let mut moves: Vec<(Address, Address)> = moved.collect();
    moves.sort_unstable();
    let mut targets = HashSet::new();
    for (address, to) in &moves {
        if precompiles.get(address).is_none() {
            return Err(BlockSimulationError::NotAPrecompile { address: *address });
        }
        if address == to {
            return Err(BlockSimulationError::MovedToItself { address: *address });
        }
        if !targets.insert(*to) {
            return Err(BlockSimulationError::MovedTwice { address: *to });
        }
        if overrides.contains_key(to) {
            return Err(BlockSimulationError::AlreadyOverridden { address: *to });
        }
    }
    Ok(moves)
}
