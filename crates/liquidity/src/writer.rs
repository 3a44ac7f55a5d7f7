//! The arena with the snapshots of its last blocks.

use crate::LiquidityHandle;
use std::{collections::VecDeque, sync::Arc};
use weir_arena::{
    Applied, ApplyError, ArenaConfig, BlockEnvelope, Extracted, PoolArena, PoolIdx, PoolKey,
    PoolSnapshot,
};
use weir_primitives::BlockRef;

/// What one update did.
#[derive(Debug, Default)]
pub(crate) struct UpdateOutcome {
    pub(crate) blocks: u64,
    pub(crate) events: u64,
    pub(crate) verified: u64,
    pub(crate) diverged: u64,
    pub(crate) undecodable: u64,
    pub(crate) reverted: u64,
    pub(crate) dirty: Vec<PoolIdx>,
    pub(crate) vanished: Vec<PoolKey>,
}

/// The one writer of an arena.
#[derive(Debug)]
pub(crate) struct ArenaWriter {
    config: ArenaConfig,
    pub(crate) handle: LiquidityHandle,
    pub(crate) arena: PoolArena,
    pub(crate) history: VecDeque<Arc<PoolSnapshot>>,
    /// Base fee of the block applied last, in wei per gas.
    pub(crate) base_fee: u64,
}

impl ArenaWriter {
    pub(crate) fn new(config: ArenaConfig, handle: LiquidityHandle) -> Self {
        let arena = PoolArena::new(config.clone());
        Self { config, handle, arena, history: VecDeque::new(), base_fee: 0 }
    }

    /// Begins with an empty arena.
    pub(crate) fn clear(&mut self) {
        self.arena = PoolArena::new(self.config.clone());
        self.history.clear();
    }

    pub(crate) fn tip(&self) -> Option<BlockRef> {
        self.arena.tip()
    }

    /// Takes `block` off, which must be the tip.
    pub(crate) fn revert(
        &mut self,
        block: BlockRef,
        outcome: &mut UpdateOutcome,
    ) -> Result<(), ApplyError> {
        if self.arena.tip().is_none_or(|tip| tip.hash != block.hash) {
            return Err(ApplyError::NotTip { block });
        }
        let reverted = self.arena.revert_tip()?;
        self.history.pop_back();
        outcome.dirty.extend(reverted.touched);
        outcome.vanished.extend(reverted.vanished);
        outcome.reverted += 1;
        Ok(())
    }

    /// Applies a block and keeps the snapshot after it.
    pub(crate) fn apply(
        &mut self,
        extracted: Extracted,
        outcome: &mut UpdateOutcome,
    ) -> Result<(Arc<BlockEnvelope>, Applied), ApplyError> {
        let envelope = extracted.envelope;
        for log in &extracted.undecodable {
            let number = envelope.block().number;
            tracing::warn!(block = number, log_index = log.log_index, error = %log.error, "log does not decode");
        }
        let applied = self.arena.apply(&envelope)?;
        self.base_fee = envelope.base_fee();
        for idx in &applied.halted {
            if let Some(evidence) = self.arena.pool(*idx).and_then(|pool| pool.evidence()) {
                tracing::error!(?evidence, "pool is halted: an event contradicts its state");
            }
        }
        if self.history.len() > self.config.ring_blocks
            && let Some(oldest) = self.history.pop_front()
            && let Some(spill) = self.handle.spill()
        {
            // No revert reaches it any more.
            spill.push(&oldest);
        }
        self.history.push_back(self.arena.snapshot());
        outcome.blocks += 1;
        outcome.events += envelope.events().len() as u64;
        outcome.verified += u64::from(applied.verified);
        outcome.diverged += applied.halted.len() as u64;
        outcome.undecodable += extracted.undecodable.len() as u64;
        outcome.dirty.extend(&applied.touched);
        Ok((Arc::new(envelope), applied))
    }

    /// Pools that events or checks have halted.
    pub(crate) fn halted(&self) -> u32 {
        let is_halted = |pool: &weir_arena::Pool| pool.status() == weir_arena::PoolStatus::Halted;
        let halted = self.arena.pools().filter(|(_, pool)| is_halted(pool)).count();
        u32::try_from(halted).unwrap_or(u32::MAX)
    }

    /// The indices that an update may have changed and that still have a pool, ascending, each once.
    pub(crate) fn settle_dirty(&self, dirty: &mut Vec<PoolIdx>) {
        dirty.sort_unstable();
        dirty.dedup();
        dirty.retain(|idx| self.arena.pool(*idx).is_some());
    }
}
