//! The dense store: slots by index, and indices by name.

use crate::{Pool, PoolId, PoolIdx, PoolKey};
use alloy_primitives::{
    Address, B256, keccak256,
    map::{AddressMap, B256Map},
};
use std::sync::Arc;

/// Indices by pool id; all pools of an arena are of one chain.
#[derive(Debug, Clone, Default)]
struct Index {
    addresses: AddressMap<PoolIdx>,
    ids: B256Map<PoolIdx>,
    /// How many pools each singleton keeps.
    singletons: AddressMap<u32>,
}

/// Pools by dense index. Cheap to clone: pools are shared until they change.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pools {
    slots: Vec<Option<Arc<Pool>>>,
    index: Arc<Index>,
    count: u32,
}

impl Pools {
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    pub(crate) const fn slots(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    pub(crate) fn find(&self, id: &PoolId) -> Option<PoolIdx> {
        match id {
            PoolId::Address(address) => self.index.addresses.get(address),
            PoolId::Id(id) => self.index.ids.get(id),
        }
        .copied()
    }

    /// Whether any pool is kept by that contract.
    #[inline]
    pub(crate) fn has_singleton(&self, contract: &Address) -> bool {
        self.index.singletons.contains_key(contract)
    }

    /// Whether the pool of this id is kept by that contract.
    pub(crate) fn is_kept_by(&self, id: &B256, contract: &Address) -> bool {
        let pool = self.find(&PoolId::Id(*id)).and_then(|idx| self.get(idx));
        pool.is_some_and(|pool| pool.statics().factory == *contract)
    }

    /// The tokens of a pool.
    pub(crate) fn tokens(&self, pool: &PoolId) -> Option<(Address, Address)> {
        let statics = self.find(pool).and_then(|idx| self.get(idx))?.statics();
        Some((statics.token0, statics.token1))
    }

    pub(crate) fn get(&self, idx: PoolIdx) -> Option<&Pool> {
        self.slots.get(idx.get())?.as_deref()
    }

    /// The pool for changing, copied first if a snapshot shares it.
    #[inline]
    pub(crate) fn get_mut(&mut self, idx: PoolIdx) -> Option<&mut Pool> {
        self.slots.get_mut(idx.get())?.as_mut().map(Arc::make_mut)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PoolIdx, &Pool)> {
        let pools = self.slots.iter().enumerate();
        pools.filter_map(|(index, pool)| Some((PoolIdx(index as u32), pool.as_deref()?)))
    }

    pub(crate) fn insert(&mut self, idx: PoolIdx, pool: Pool) {
        let index = Arc::make_mut(&mut self.index);
        match pool.statics().key.id {
            PoolId::Address(address) => index.addresses.insert(address, idx),
            PoolId::Id(id) => {
                *index.singletons.entry(pool.statics().factory).or_default() += 1;
                index.ids.insert(id, idx)
            }
        };
        if idx.get() == self.slots.len() {
            self.slots.push(None);
        }
        debug_assert!(self.slots[idx.get()].is_none(), "a slot holds one pool");
        self.slots[idx.get()] = Some(Arc::new(pool));
        self.count += 1;
    }

    pub(crate) fn remove(&mut self, idx: PoolIdx) -> Option<PoolKey> {
        let pool = self.slots.get_mut(idx.get())?.take()?;
        let key = pool.statics().key;
        let index = Arc::make_mut(&mut self.index);
        match &key.id {
            PoolId::Address(address) => index.addresses.remove(address),
            PoolId::Id(id) => {
                let singleton = pool.statics().factory;
                if let Some(pools) = index.singletons.get_mut(&singleton) {
                    *pools -= 1;
                    if *pools == 0 {
                        index.singletons.remove(&singleton);
                    }
                }
                index.ids.remove(id)
            }
        };
        self.count -= 1;
        Some(key)
    }

    /// Keccak-256 over the states of all pools, in the order of their names. Halts, nonces and indices are not in it:
    /// two arenas that took different ways to the same chain state agree.
    pub(crate) fn digest(&self) -> B256 {
        let mut pools: Vec<_> = self.iter().map(|(_, pool)| pool).collect();
        pools.sort_unstable_by_key(|pool| pool.statics().key);
        let mut bytes = Vec::new();
        for pool in pools {
            pool.encode_state(&mut bytes);
        }
        keccak256(bytes)
    }
}
