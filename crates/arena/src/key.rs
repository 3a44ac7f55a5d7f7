//! What names a pool.

use alloy_primitives::Address;
use std::fmt;
use weir_primitives::PoolId;

/// A pool on some chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolKey {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The pool on that chain.
    pub id: PoolId,
}

impl PoolKey {
    /// The key of a pool that is a contract.
    pub const fn address(chain_id: u64, address: Address) -> Self {
        Self { chain_id, id: PoolId::Address(address) }
    }
}

impl fmt::Display for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.chain_id, self.id)
    }
}

/// Dense index of a pool in one arena.
///
/// Stable while the pool is in the arena. An index is given to another pool only after the first has left and the
/// arena's topology counter has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolIdx(pub u32);

impl PoolIdx {
    /// The index for a slice.
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}
