//! Pool states in the block that is being built.

use super::{
    Discovery, PoolArena,
    apply::{check_events, evidence, is_same_pool},
    membership::MAX_POOLS,
};
use crate::{
    ApplyError, EventRecord, Pool, PoolFilter, PoolId, PoolIdx, PoolSnapshot, PoolStatic, Protocol,
    pool::Sync, pools::Pools,
};
use alloy_primitives::{Address, B256};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use weir_primitives::BlockRef;

/// Where counters of open blocks begin: far above those of any arena, and no two alike in a process, so that a state of one
/// open block is never taken for that of another, or of the arena.
static OPEN_COUNTER: AtomicU64 = AtomicU64::new(1 << 63);

fn next_count() -> u64 {
    OPEN_COUNTER.fetch_add(1, Ordering::Relaxed)
}

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenApplied {
    /// Pools whose state may have changed, ascending, each once.
    pub touched: Vec<PoolIdx>,
    /// Pools that the events contradicted. Whether that is so for good, the sealed block decides.
    pub halted: Vec<PoolIdx>,
    /// Pools that the step created, a part of `touched`.
    pub created: Vec<PoolIdx>,
    /// Events of pools that are not there or whose state is not known.
    pub ignored: u32,
}

/// The states of an arena's pools with the steps of the open block on top.
///
/// The arena does not change: pools are shared with it until a step touches them, and dropping the value undoes all steps.
/// Pools that the block creates join here as they will join the arena when it is sealed, under indices of their own.
#[derive(Debug, Clone)]
pub struct OpenPools {
    chain_id: u64,
    /// The open block; its hash, which it does not have yet, is zero.
    block: BlockRef,
    /// The arena's counters when the block was opened.
    generation: u64,
    arena_topology: u64,
    /// The arena's as long as no pool has joined.
    topology: u64,
    discovery: Discovery,
    is_verifying: bool,
    pools: Pools,
    /// Transaction and log index of the last event.
    last: Option<(u32, u32)>,
}

impl OpenPools {
    /// The arena's pools at its tip, in an open block of this timestamp on top of it; `None` for an arena without a tip.
    pub fn on(arena: &PoolArena, timestamp: u64) -> Option<Self> {
        let tip = arena.tip?;
        let block = BlockRef {
            number: tip.number + 1,
            hash: B256::ZERO,
            parent_hash: tip.hash,
            timestamp: timestamp.max(tip.timestamp),
        };
        Some(Self {
            chain_id: arena.config.chain_id,
            block,
            generation: arena.generation,
            arena_topology: arena.topology,
            topology: arena.topology,
            discovery: arena.config.discovery.clone(),
            is_verifying: arena.config.is_verifying,
            pools: arena.pools.clone(),
            last: None,
        })
    }

    /// The open block: its number, its parent's hash and its timestamp. Its hash is zero.
    pub const fn block(&self) -> BlockRef {
        self.block
    }

    /// Whether the arena is still as it was when the block was opened.
    pub const fn is_on(&self, arena: &PoolArena) -> bool {
        self.generation == arena.generation && self.arena_topology == arena.topology
    }

    /// Applies the next step's events. They are checked first: on an error nothing has changed.
    ///
    /// # Errors
    /// [`ApplyError::ForeignPool`] and [`ApplyError::EventsOutOfOrder`].
    pub fn apply(&mut self, events: &[EventRecord]) -> Result<OpenApplied, ApplyError> {
        self.last = check_events(self.chain_id, self.last, events)?;
        let mut applied = OpenApplied::default();
        for record in events {
            self.apply_record(&mut applied, record);
        }
        applied.touched.sort_unstable();
        applied.touched.dedup();
        Ok(applied)
    }

    fn apply_record(&mut self, applied: &mut OpenApplied, record: &EventRecord) {
        let found = self.pools.find(&record.pool.id);
        if record.event.is_creation() {
            return self.apply_creation(applied, record, found);
        }
        let Some((idx, pool)) = found.and_then(|idx| Some((idx, self.pools.get(idx)?))) else {
            applied.ignored += 1;
            return;
        };
        if pool.sync == Sync::Unsynced {
            applied.ignored += 1;
            return;
        }
        let is_change = pool.is_changed_by(&record.event);
        let is_checked =
            self.is_verifying && pool.previous.is_some() && record.event.is_v2_evidence();
        if !is_change && !is_checked {
            return;
        }
        let before = pool.state.core();
        let Some(pool) = self.pools.get_mut(idx) else { return };
        let transition = if is_change {
            pool.transition(&record.event, self.block.number, self.is_verifying)
        } else {
            pool.check_evidence(&record.event, self.block.number)
        };
        if transition.divergence.is_some() {
            let found = evidence(self.block, record, before.swap_state(), &transition);
            pool.halt = pool.halt.take().or(found);
            applied.halted.push(idx);
        }
        pool.nonce = next_count();
        applied.touched.push(idx);
    }

    fn apply_creation(
        &mut self,
        applied: &mut OpenApplied,
        record: &EventRecord,
        found: Option<PoolIdx>,
    ) {
        let number = self.block.number;
        let begun = PoolStatic::of_creation(record.pool, &record.event).and_then(|statics| {
            if let Some(idx) = found {
                let held = self.pools.get(idx)?;
                let is_expected =
                    held.is_expecting_creation() && is_same_pool(held.statics(), &statics);
                return is_expected.then_some((idx, None));
            }
            let is_wanted =
                self.discovery.is_wanted(&statics.factory) && self.pools.count() < MAX_POOLS;
            let mut pool = Pool::unsynced(statics).filter(|_| is_wanted)?;
            pool.is_fork_settled = statics.protocol != Protocol::UniswapV3;
            Some((PoolIdx(self.pools.slots() as u32), Some(pool)))
        });
        let Some((idx, new)) = begun else {
            applied.ignored += 1;
            return;
        };
        if let Some(pool) = new {
            self.pools.insert(idx, pool);
            self.topology = next_count();
            applied.created.push(idx);
        }
        if let Some(pool) = self.pools.get_mut(idx) {
            pool.begin(&record.event, number);
            pool.nonce = next_count();
            applied.touched.push(idx);
        }
    }

    /// An immutable view of the pools after the steps so far. Its tip is the open block, and it answers for no other block.
    pub fn snapshot(&self) -> Arc<PoolSnapshot> {
        Arc::new(PoolSnapshot {
            chain_id: self.chain_id,
            tip: Some(self.block),
            generation: next_count(),
            topology: self.topology,
            pools: self.pools.clone(),
            ring: crate::undo::UndoRing::default(),
        })
    }
}

/// Whose logs the next step's events come from: those of the arena's pools, and of the pools that the steps so far created.
impl PoolFilter for OpenPools {
    fn is_pool(&self, pool: &PoolId) -> bool {
        self.pools.find(pool).is_some()
    }

    fn is_factory(&self, factory: &Address) -> bool {
        self.discovery.is_wanted(factory)
    }

    fn is_singleton(&self, contract: &Address) -> bool {
        self.pools.has_singleton(contract)
    }

    fn tokens(&self, pool: &PoolId) -> Option<(Address, Address)> {
        self.pools.tokens(pool)
    }

    fn is_kept_by(&self, id: &B256, contract: &Address) -> bool {
        self.pools.is_kept_by(id, contract)
    }
}
