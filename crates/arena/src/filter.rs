//! Whose logs matter.

use crate::PoolId;
use alloy_primitives::{Address, map::HashSet};

/// Says which logs of a block belong into its envelope.
pub trait PoolFilter {
    /// Whether this pool's events are wanted.
    fn is_pool(&self, pool: &PoolId) -> bool;

    /// Whether pools created by this factory are wanted from their creation on.
    fn is_factory(&self, factory: &Address) -> bool;
}

/// Everything that looks like a pool: for a chain of one's own, where every pool matters.
#[derive(Debug, Clone, Copy, Default)]
pub struct WatchAll;

impl PoolFilter for WatchAll {
    fn is_pool(&self, _pool: &PoolId) -> bool {
        true
    }

    fn is_factory(&self, _factory: &Address) -> bool {
        true
    }
}

/// Named pools, and all pools of named factories from their creation on.
#[derive(Debug, Clone, Default)]
pub struct WatchSet {
    /// The pools.
    pub pools: HashSet<PoolId>,
    /// The factories.
    pub factories: HashSet<Address>,
}

impl PoolFilter for WatchSet {
    fn is_pool(&self, pool: &PoolId) -> bool {
        self.pools.contains(pool)
    }

    fn is_factory(&self, factory: &Address) -> bool {
        self.factories.contains(factory)
    }
}
