//! The undo ring: pre-images of what each block touched.

use crate::{
    LookupError, Pool, PoolIdx, Protocol, SwapState52,
    pool::{Sync, Touch},
    state::Core,
    transition::RangeChange,
};
use std::{collections::VecDeque, sync::Arc};
use weir_primitives::BlockRef;

/// A pool as it was before a block, recorded at the block's first touch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PreImage {
    pub(crate) idx: PoolIdx,
    /// The slot's incarnation: the pool may leave the whitelist while the record lives.
    pub(crate) incarnation: u32,
    pub(crate) sync: Sync,
    /// Whether the block created the pool, so that it vanishes on revert.
    pub(crate) is_created: bool,
    pub(crate) core: Core,
    /// A V3 pool's fork may be learned from its events.
    pub(crate) protocol: Protocol,
    pub(crate) is_fork_settled: bool,
    /// The touch before: a list from the newest to the oldest in the ring.
    pub(crate) previous: Option<Touch>,
}

/// Liquidity added to a range, to be taken away from its ticks (and only from them) on revert.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiquidityChange {
    pub(crate) idx: PoolIdx,
    pub(crate) incarnation: u32,
    pub(crate) range: RangeChange,
}

/// What reverting one block takes.
#[derive(Debug, Clone)]
pub(crate) struct BlockUndo {
    pub(crate) block: BlockRef,
    /// Once per touched pool, in order of first touch.
    pub(crate) pre_images: Vec<PreImage>,
    /// In order of execution.
    pub(crate) liquidity: Vec<LiquidityChange>,
}

impl PreImage {
    /// The pool as it is now.
    pub(crate) fn of(pool: &Pool, idx: PoolIdx, incarnation: u32, is_created: bool) -> Self {
        Self {
            idx,
            incarnation,
            sync: pool.sync,
            is_created,
            core: pool.state.core(),
            protocol: pool.statics.protocol,
            is_fork_settled: pool.is_fork_settled,
            previous: pool.last_touch,
        }
    }
}

impl BlockUndo {
    pub(crate) const fn new(block: BlockRef) -> Self {
        Self { block, pre_images: Vec::new(), liquidity: Vec::new() }
    }

    /// Heap and inline size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.pre_images.capacity() * size_of::<PreImage>()
            + self.liquidity.capacity() * size_of::<LiquidityChange>()
    }
}

/// Undo records of consecutive blocks up to the tip, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct UndoRing {
    /// The block below the oldest record: how far down reverts lead.
    base: Option<BlockRef>,
    records: VecDeque<Arc<BlockUndo>>,
}

impl UndoRing {
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn push(&mut self, record: BlockUndo) {
        debug_assert!(
            self.records.back().is_none_or(|last| record.block.is_child_of(&last.block)),
            "records are of consecutive blocks"
        );
        self.records.push_back(Arc::new(record));
    }

    pub(crate) fn pop(&mut self) -> Option<Arc<BlockUndo>> {
        self.records.pop_back()
    }

    /// Forgets all records and begins above `base`.
    pub(crate) fn restart(&mut self, base: BlockRef) {
        self.records.clear();
        self.base = Some(base);
    }

    /// The block whose state is current: the newest record's, or the one that all records are above.
    pub(crate) fn tip(&self) -> Option<BlockRef> {
        self.records.back().map(|record| record.block).or(self.base)
    }

    pub(crate) fn newest_mut(&mut self) -> Option<&mut BlockUndo> {
        self.records.back_mut().map(Arc::make_mut)
    }

    /// The blocks that can be reverted, newest first.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = BlockRef> {
        self.records.iter().rev().map(|record| record.block)
    }

    /// Drops the oldest records beyond the count, but none younger than the time.
    pub(crate) fn evict(&mut self, blocks: usize, seconds: u64, tip_timestamp: u64) {
        while self.records.len() > blocks {
            let is_old = self.records.front().is_some_and(|oldest| {
                tip_timestamp.saturating_sub(oldest.block.timestamp) > seconds
            });
            if !is_old && self.records.len() <= MAX_RING_BLOCKS {
                return;
            }
            self.base = self.records.pop_front().map(|oldest| oldest.block);
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.records.iter().map(|record| record.bytes()).sum()
    }

    /// A pool's state at the end of block `number`: the pre-image in the oldest record above it that touches the pool,
    /// or the current state if there is none.
    pub(crate) fn state_at(
        &self,
        pool: &Pool,
        tip: BlockRef,
        number: u64,
    ) -> Result<SwapState52, LookupError> {
        let key = pool.statics().key;
        if number > tip.number {
            return Err(LookupError::AheadOfTip { block: number, tip: tip.number });
        }
        let oldest = tip.number - self.records.len() as u64;
        if number < oldest {
            return Err(LookupError::TooDeep { block: number, oldest });
        }
        if number < pool.exact_from {
            return Err(LookupError::Unsynced { pool: key });
        }
        let (mut core, mut sync) = (pool.state.core(), pool.sync);
        let mut touch = pool.last_touch;
        while let Some(Touch { number: touched, position }) = touch
            && touched > number
        {
            let record = &self.records[(touched - oldest - 1) as usize];
            let pre_image = &record.pre_images[position as usize];
            (core, sync) = (pre_image.core, pre_image.sync);
            if pre_image.is_created {
                return Err(LookupError::Unsynced { pool: key });
            }
            touch = pre_image.previous;
        }
        match sync {
            Sync::Unsynced => Err(LookupError::Unsynced { pool: key }),
            Sync::Uninitialized | Sync::Synced => Ok(core.swap_state()),
        }
    }
}

/// The most records a ring holds, whatever its time span: a bound on memory for fast chains.
pub(crate) const MAX_RING_BLOCKS: usize = 16_384;
