//! Several chains in one process.

use crate::{GateRefusal, LiquidityHandle, LiquidityHealth, gate_check};
use std::collections::BTreeMap;
use weir_arena::PoolKey;

/// Why an engine does not join a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The set has an engine of that chain.
    #[error("chain is followed already: chain={chain_id}")]
    Occupied {
        /// EIP-155 chain id.
        chain_id: u64,
    },
}

/// The engines of one process by chain, one each.
#[derive(Debug, Clone, Default)]
pub struct LiquiditySet {
    handles: BTreeMap<u64, LiquidityHandle>,
}

impl LiquiditySet {
    /// An empty set.
    pub const fn new() -> Self {
        Self { handles: BTreeMap::new() }
    }

    /// Adds an engine.
    ///
    /// # Errors
    /// If there is one of its chain: which of the two would answer?
    pub fn insert(&mut self, handle: LiquidityHandle) -> Result<(), SetError> {
        let chain_id = handle.chain_id();
        if self.handles.contains_key(&chain_id) {
            return Err(SetError::Occupied { chain_id });
        }
        self.handles.insert(chain_id, handle);
        Ok(())
    }

    /// The engine of a chain.
    pub fn get(&self, chain_id: u64) -> Option<&LiquidityHandle> {
        self.handles.get(&chain_id)
    }

    /// All engines, ascending by chain.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &LiquidityHandle)> {
        self.handles.iter().map(|(chain_id, handle)| (*chain_id, handle))
    }

    /// Every engine's health, ascending by chain.
    pub fn health(&self) -> Vec<(u64, LiquidityHealth)> {
        self.iter().map(|(chain_id, handle)| (chain_id, handle.health())).collect()
    }

    /// Whether a pool of any chain may be traded on now.
    ///
    /// # Errors
    /// Why not.
    pub fn gate_check(&self, pool: PoolKey) -> Result<(), GateRefusal> {
        let handle = self.get(pool.chain_id).ok_or(GateRefusal::Unknown { pool })?;
        gate_check(&handle.view(), [pool])
    }
}
