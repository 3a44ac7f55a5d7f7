//! Which pools have to be read, and who is reading them.

use crate::ReadError;
use alloy_primitives::map::{HashMap, HashSet};
use weir_arena::{Hydration, PoolArena, PoolKey, PoolStatic, PoolStatus};
use weir_primitives::BlockRef;

/// Pools to be read at one block. Hand it to a [`StateReader`](crate::StateReader), and the answers back to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Names the request.
    pub id: u64,
    /// The block, by hash.
    pub at: BlockRef,
    /// The pools.
    pub pools: Vec<PoolStatic>,
}

/// The answers to a [`Work`]. Pools that are missing count as not read.
#[derive(Debug)]
pub struct WorkDone {
    /// The request.
    pub id: u64,
    /// What was read of each pool.
    pub reads: Vec<(PoolKey, Result<Hydration, ReadError>)>,
}

/// Requests under way.
#[derive(Debug, Default)]
pub(crate) struct Hydrations {
    requests: HashMap<u64, BlockRef>,
    owners: HashMap<PoolKey, u64>,
    /// Pools that had no contract: they wait for their creation, or for another branch of the chain.
    absent: HashSet<PoolKey>,
}

impl Hydrations {
    /// Requests for all pools that need one, within the limits.
    pub(crate) fn due(
        &mut self,
        arena: &PoolArena,
        (batch_pools, batches_max): (usize, usize),
        next_id: &mut u64,
    ) -> Vec<Work> {
        let (Some(at), free) = (arena.tip(), batches_max.saturating_sub(self.requests.len()))
        else {
            return Vec::new();
        };
        if free == 0 {
            return Vec::new();
        }
        let is_due = |pool: &PoolStatic| {
            !self.owners.contains_key(&pool.key) && !self.absent.contains(&pool.key)
        };
        let unsynced = arena.pools().filter(|(_, pool)| pool.status() == PoolStatus::Unsynced);
        let due: Vec<PoolStatic> =
            unsynced.map(|(_, pool)| *pool.statics()).filter(is_due).collect();
        let mut work = Vec::new();
        for pools in due.chunks(batch_pools.max(1)).take(free) {
            let id = *next_id;
            *next_id += 1;
            self.requests.insert(id, at);
            self.owners.extend(pools.iter().map(|pool| (pool.key, id)));
            work.push(Work { id, at, pools: pools.to_vec() });
        }
        work
    }

    /// Ends a request: the block it was for.
    pub(crate) fn end(&mut self, id: u64) -> Option<BlockRef> {
        self.requests.remove(&id)
    }

    /// Ends the claim of a request on a pool. `false` if it had none: the pool left meanwhile.
    pub(crate) fn release_from(&mut self, pool: &PoolKey, id: u64) -> bool {
        let is_owner = self.owners.get(pool) == Some(&id);
        if is_owner {
            self.owners.remove(pool);
        }
        is_owner
    }

    /// Ends all claims of a request.
    pub(crate) fn release_all(&mut self, id: u64) {
        self.owners.retain(|_, owner| *owner != id);
    }

    /// A pool leaves: what is being read of it is of no use.
    pub(crate) fn forget(&mut self, pool: &PoolKey) {
        self.owners.remove(pool);
        self.absent.remove(pool);
    }

    pub(crate) fn note_absent(&mut self, pool: PoolKey) {
        self.absent.insert(pool);
    }

    /// An event of the pool was seen: it is there now.
    pub(crate) fn note_seen(&mut self, pool: &PoolKey) {
        if !self.absent.is_empty() {
            self.absent.remove(pool);
        }
    }

    /// The chain is another one now.
    pub(crate) fn retry_absent(&mut self) {
        self.absent.clear();
    }
}
