//! Whose logs matter.

use crate::PoolId;
use alloy_primitives::{Address, B256, map::HashSet};

/// Says which logs of a block belong into its envelope.
pub trait PoolFilter {
    /// Whether this pool's events are wanted.
    fn is_pool(&self, pool: &PoolId) -> bool;

    /// Whether pools created by this factory, or initialized in this PoolManager, are wanted from then on.
    fn is_factory(&self, factory: &Address) -> bool;

    /// Whether this contract keeps pools by id whose events are wanted (a Uniswap V4 PoolManager).
    fn is_singleton(&self, contract: &Address) -> bool;

    /// The lower and the higher token of a pool that is a contract, if they are known: what they move is then compared with
    /// the pool's events, as [`crate::PoolEvent::TransferShortfall`] says.
    fn tokens(&self, _pool: &PoolId) -> Option<(Address, Address)> {
        None
    }

    /// Whether the pool of this id is wanted, and this contract the one that keeps it.
    ///
    /// Any contract can emit a PoolManager's events with any id: without this question it could write into the states
    /// of others' pools.
    fn is_kept_by(&self, id: &B256, contract: &Address) -> bool {
        self.is_singleton(contract) && self.is_pool(&PoolId::Id(*id))
    }
}

/// Everything that looks like a pool: for a chain of one's own, where every pool matters. It remembers nothing, so
/// that two singletons with a pool of the same id are not told apart.
#[derive(Debug, Clone, Copy, Default)]
pub struct WatchAll;

impl PoolFilter for WatchAll {
    fn is_pool(&self, _pool: &PoolId) -> bool {
        true
    }

    fn is_factory(&self, _factory: &Address) -> bool {
        true
    }

    fn is_singleton(&self, _contract: &Address) -> bool {
        true
    }
}

/// Named pools, and all pools of named factories from their creation on.
#[derive(Debug, Clone, Default)]
pub struct WatchSet {
    /// The pools.
    pub pools: HashSet<PoolId>,
    /// The factories, and the PoolManagers all of whose pools are wanted.
    pub factories: HashSet<Address>,
    /// The contracts that keep those of `pools` that have ids.
    pub singletons: HashSet<Address>,
}

impl PoolFilter for WatchSet {
    fn is_pool(&self, pool: &PoolId) -> bool {
        self.pools.contains(pool)
    }

    fn is_factory(&self, factory: &Address) -> bool {
        self.factories.contains(factory)
    }

    fn is_singleton(&self, contract: &Address) -> bool {
        self.singletons.contains(contract)
    }
}
