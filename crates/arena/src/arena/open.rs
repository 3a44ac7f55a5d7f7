//! Pool states in the block that is being built.

use super::{
    PoolArena,
    apply::{check_events, evidence},
};
use crate::{ApplyError, EventRecord, PoolIdx, PoolSnapshot, pool::Sync, pools::Pools};
use alloy_primitives::B256;
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
    /// Events of pools that are not in the arena or whose state is not known, and creations: pools join with sealed blocks.
    pub ignored: u32,
}

/// The states of an arena's pools with the steps of the open block on top.
///
/// The arena does not change: pools are shared with it until a step touches them, and dropping the value undoes all steps.
#[derive(Debug, Clone)]
pub struct OpenPools {
    chain_id: u64,
    /// The open block; its hash, which it does not have yet, is zero.
    block: BlockRef,
    /// The arena's counters when the block was opened.
    generation: u64,
    topology: u64,
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
            topology: arena.topology,
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
        self.generation == arena.generation && self.topology == arena.topology
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
        let Some((idx, pool)) = found.and_then(|idx| Some((idx, self.pools.get(idx)?))) else {
            applied.ignored += 1;
            return;
        };
        if record.event.is_creation() || pool.sync == Sync::Unsynced {
            applied.ignored += 1;
            return;
        }
        let is_change = pool.is_changed_by(&record.event);
        let is_checked = self.is_verifying && pool.previous.is_some();
        if !is_change && !is_checked {
            return;
        }
        let before = pool.state.core();
        let Some(pool) = self.pools.get_mut(idx) else { return };
        let transition = if is_change {
            pool.transition(&record.event, self.block.number, self.is_verifying)
        } else {
            pool.check_evidence(&record.event)
        };
        if transition.divergence.is_some() {
            let found = evidence(self.block, record, before.swap_state(), &transition);
            pool.halt = pool.halt.take().or(found);
            applied.halted.push(idx);
        }
        pool.nonce = next_count();
        applied.touched.push(idx);
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
