//! The tip back off.

use super::PoolArena;
use crate::{
    ApplyError, PoolIdx, PoolKey,
    pool::Sync,
    undo::{BlockUndo, PreImage},
};
use std::sync::Arc;
use weir_primitives::BlockRef;

/// What reverting a block did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reverted {
    /// The block.
    pub block: BlockRef,
    /// Pools whose state may have changed and that are still there, each once.
    pub touched: Vec<PoolIdx>,
    /// Pools that the block had created.
    pub vanished: Vec<PoolKey>,
}

impl PoolArena {
    /// Takes the tip back off: every pool that it touched is as it was before.
    ///
    /// Ticks are inverted, last change first; price, liquidity, tick and reserves come from pre-images and are never
    /// inverted. Halts stay: they are about our arithmetic, not about a branch of the chain.
    pub fn revert_tip(&mut self) -> Result<Reverted, ApplyError> {
        let too_deep = ApplyError::TooDeep { depth: 1, available: 0 };
        let tip = self.tip.ok_or(too_deep)?;
        let undo = self.ring.pop().ok_or(too_deep)?;
        debug_assert_eq!(undo.block, tip, "the newest record is the tip's");
        self.invert_liquidity(&undo);
        let mut reverted = Reverted { block: tip, ..Reverted::default() };
        for image in &undo.pre_images {
            self.restore(image, tip.number - 1, &mut reverted);
        }
        self.tip = self.ring.tip();
        self.note_change();
        Ok(reverted)
    }

    fn invert_liquidity(&mut self, undo: &BlockUndo) {
        for change in undo.liquidity.iter().rev() {
            if self.incarnations[change.idx.get()] != change.incarnation {
                continue;
            }
            let Some(pool) = self.pools.get_mut(change.idx) else { continue };
            let is_known = pool.sync != Sync::Unsynced;
            if is_known && !pool.invert_range(&change.range) {
                // Only a hydration in between explains it: what is below is not known then.
                pool.exact_from = pool.exact_from.max(undo.block.number);
                pool.unsync();
            }
        }
    }

    fn restore(&mut self, image: &PreImage, number: u64, reverted: &mut Reverted) {
        if self.incarnations[image.idx.get()] != image.incarnation {
            return;
        }
        if image.is_created {
            reverted.vanished.extend(self.leave(image.idx));
            return;
        }
        let Some(pool) = self.pools.get_mut(image.idx) else { return };
        if number < pool.exact_from || image.sync == Sync::Unsynced {
            pool.unsync();
        } else {
            pool.sync = image.sync;
            pool.state.restore(image.core);
        }
        if pool.statics.protocol != image.protocol {
            Arc::make_mut(&mut pool.statics).protocol = image.protocol;
        }
        pool.is_fork_settled = image.is_fork_settled;
        pool.previous = None;
        pool.forget_shortfall_above(number);
        pool.last_touch = image.previous;
        pool.nonce += 1;
        reverted.touched.push(image.idx);
    }
}
