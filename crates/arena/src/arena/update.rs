//! Chain updates: the same currency as everywhere else.

use super::{Applied, PoolArena};
use crate::{ApplyError, BlockEnvelope, PoolIdx, PoolKey, UndecodableLog};
use weir_primitives::{BlockRef, ChainSegment, ChainUpdate};

/// What a whole update did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateApplied {
    /// Pools whose state may have changed and that are in the arena, ascending, each once.
    pub touched: Vec<PoolIdx>,
    /// Pools that left with the blocks that had created them; one created again on the other branch is here and in
    /// `touched`.
    pub vanished: Vec<PoolKey>,
    /// Pools that the update's events contradicted.
    pub halted: Vec<PoolIdx>,
    /// Blocks reverted.
    pub reverted_blocks: u64,
    /// Blocks applied.
    pub applied_blocks: u64,
    /// Events re-executed with equal outcome.
    pub verified: u64,
    /// Logs of watched addresses that did not decode. Any is an alarm.
    pub undecodable: Vec<UndecodableLog>,
}

impl PoolArena {
    /// Follows a chain update: reverts what left, newest first, and applies what joined.
    ///
    /// Whether the arena can go back that far is checked before anything is undone.
    pub fn apply_update(&mut self, update: &ChainUpdate) -> Result<UpdateApplied, ApplyError> {
        let mut outcome = UpdateApplied::default();
        if let Some(old) = update.old() {
            self.require_revertible(old)?;
            if let Some(new) = update.new() {
                require_same_parent(old, new)?;
            }
            for _ in 0..old.len() {
                let reverted = self.revert_tip()?;
                outcome.touched.extend(reverted.touched);
                outcome.vanished.extend(reverted.vanished);
                outcome.reverted_blocks += 1;
            }
        }
        for block in update.new().into_iter().flat_map(ChainSegment::blocks) {
            let extracted = BlockEnvelope::from_block(self.config.chain_id, block, &*self);
            outcome.undecodable.extend(extracted.undecodable);
            outcome.note_applied(self.apply(&extracted.envelope)?);
        }
        outcome.touched.sort_unstable();
        outcome.touched.dedup();
        outcome.touched.retain(|idx| self.pool(*idx).is_some());
        Ok(outcome)
    }

    /// Checks that the newest blocks of the ring are exactly these.
    fn require_revertible(&self, old: &ChainSegment) -> Result<(), ApplyError> {
        let (depth, available) = (old.len() as u64, self.depth() as u64);
        let tip = old.tip().reference();
        if self.tip.is_none_or(|own| own.hash != tip.hash) {
            return Err(ApplyError::NotTip { block: tip });
        }
        if depth > available {
            return Err(ApplyError::TooDeep { depth, available });
        }
        let mut own = self.ring.blocks();
        for block in old.blocks().rev().map(weir_primitives::ExecutedBlock::reference) {
            if own.next().is_none_or(|own| own.hash != block.hash) {
                return Err(ApplyError::NotTip { block });
            }
        }
        Ok(())
    }
}

fn require_same_parent(old: &ChainSegment, new: &ChainSegment) -> Result<(), ApplyError> {
    let (old, new) = (old.first().reference(), new.first().reference());
    if old.parent_hash == new.parent_hash && old.number == new.number {
        return Ok(());
    }
    let tip = BlockRef { number: old.number - 1, hash: old.parent_hash, ..BlockRef::default() };
    Err(ApplyError::NotChildOfTip { block: new, tip })
}

impl UpdateApplied {
    fn note_applied(&mut self, applied: Applied) {
        self.touched.extend(applied.touched);
        self.halted.extend(applied.halted);
        self.verified += u64::from(applied.verified);
        self.applied_blocks += 1;
    }
}
