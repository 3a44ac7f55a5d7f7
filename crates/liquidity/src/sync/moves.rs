//! How the tip moves: blocks on, blocks off, and beginning anew.

use super::{SourceBlock, SourceEngine, SourceUpdate, engine::Step};
use crate::{
    LiquidityError,
    metrics::{GapKind, count_fee_failure, count_gap, count_grade, count_rebuild, count_undo},
};
use weir_arena::{Applied, ApplyError, Divergence, PoolIdx, PoolKey, PoolStatus, UndecodableLog};
use weir_feed::Completeness;
use weir_primitives::BlockRef;

impl SourceEngine {
    /// Goes back to where the source says that the chain forked.
    pub(super) fn leave(&mut self, update: &SourceUpdate, step: &mut Step) {
        if self.writer.tip().is_none() {
            if let Some(anchor) = update.reset {
                self.restart(anchor, step);
            }
            return;
        }
        if let Some(anchor) = update.reset {
            count_gap(self.options.chain_id, GapKind::Told);
            self.go_back(anchor, step);
        } else if let Some(fork) = self.record.fork_below(&update.old) {
            self.go_back(fork, step);
        }
    }

    /// Applies a block, after going back to its parent if that is not the tip. Blocks that are canonical already are skipped.
    pub(super) fn take_block(
        &mut self,
        block: &SourceBlock,
        step: &mut Step,
    ) -> Result<(), LiquidityError> {
        let reference = block.reference();
        let grade = block.completeness();
        let Some(tip) = self.writer.tip() else {
            self.restart(reference, step);
            return Ok(());
        };
        if self.record.find(reference.number, reference.hash).is_some() {
            return Ok(());
        }
        let is_proven = grade <= self.options.completeness_min;
        if is_proven && self.gates.weak.is_some() && !self.is_weak_left_by(&reference) {
            // Events may be missing below: all is read anew at the first block that is proven.
            self.restart(reference, step);
            return Ok(());
        }
        if !reference.is_child_of(&tip) {
            let parent = reference.number.checked_sub(1);
            let parent = parent.and_then(|number| self.record.find(number, reference.parent_hash));
            let Some(parent) = parent else {
                tracing::warn!(?tip, block = ?reference, "block does not connect, pools are read anew");
                count_gap(self.options.chain_id, GapKind::Unlinked);
                self.restart(reference, step);
                return Ok(());
            };
            self.go_back(parent, step);
        }
        self.apply(block, step)?;
        if !is_proven && self.gates.weak.is_none() {
            self.gates.weak = Some((reference, grade));
        }
        Ok(())
    }

    /// Whether following `block` takes the first unproven block off the chain.
    fn is_weak_left_by(&self, block: &BlockRef) -> bool {
        self.gates.weak.is_some_and(|(weak, _)| block.number <= weak.number)
    }

    fn apply(&mut self, block: &SourceBlock, step: &mut Step) -> Result<(), LiquidityError> {
        let (reference, chain_id) = (block.reference(), self.options.chain_id);
        let extracted = block.extract(chain_id, &self.writer.arena);
        let undecodable = extracted.undecodable.clone();
        let (envelope, applied) = match self.writer.apply(extracted, &mut step.outcome) {
            Ok(done) => done,
            Err(source @ (ApplyError::WrongChain { .. } | ApplyError::ForeignPool { .. })) => {
                return Err(LiquidityError::Source { number: reference.number, source });
            }
            Err(error) => {
                tracing::warn!(%error, "block is not applied, pools are read anew");
                count_gap(chain_id, GapKind::Refused);
                self.restart(reference, step);
                return Ok(());
            }
        };
        self.gates.has_gap = false;
        count_grade(chain_id, block.completeness());
        step.completeness = step.completeness.max(block.completeness());
        self.note_applied(&applied);
        self.record.push(std::sync::Arc::clone(&envelope));
        step.new.push(envelope);
        self.note_undecodable(block, &undecodable, step);
        Ok(())
    }

    fn note_applied(&mut self, applied: &Applied) {
        for idx in &applied.touched {
            let Some(pool) = self.writer.arena.pool(*idx) else { continue };
            self.hydrations.note_seen(&pool.statics().key);
            if pool.status() != PoolStatus::Unsynced {
                // A creation, or a pair's absolute reserves, told all there is to know.
                self.gates.recovered(&pool.statics().key);
            }
        }
        for idx in &applied.halted {
            let Some(pool) = self.writer.arena.pool(*idx) else { continue };
            self.gates.recovered(&pool.statics().key);
            if pool.evidence().is_some_and(|evidence| evidence.divergence == Divergence::Fee) {
                count_fee_failure(self.options.chain_id);
            }
        }
    }

    /// A pool with a log that does not decode may have changed unseen: it is read anew.
    fn note_undecodable(&mut self, block: &SourceBlock, logs: &[UndecodableLog], step: &mut Step) {
        for log in logs {
            let emitter = block.emitter(log.log_index);
            let pool = emitter.map(|pool| PoolKey::address(self.options.chain_id, pool));
            match pool.and_then(|pool| Some((pool, self.writer.arena.forget(&pool).ok()?))) {
                Some((pool, idx)) => {
                    self.hydrations.forget(&pool);
                    self.gates.recover([pool]);
                    step.outcome.dirty.push(idx);
                }
                None => self.gates.undecodable += 1,
            }
        }
        if !logs.is_empty() {
            self.refresh_newest();
        }
    }

    /// Goes back to `ancestor`: by undo records if they reach, else keeping the pools that no block above it touched, else,
    /// if it is no ancestor that we know, with no state at all.
    pub(super) fn go_back(&mut self, ancestor: BlockRef, step: &mut Step) {
        let Some(tip) = self.writer.tip() else { return };
        let Some(known) = self.record.find(ancestor.number, ancestor.hash) else {
            self.restart(ancestor, step);
            return;
        };
        if known.hash == tip.hash {
            return;
        }
        let depth = tip.number - known.number;
        let is_covered = self.writer.arena.depth() as u64 >= depth;
        count_undo(self.options.chain_id, is_covered);
        if !is_covered || !self.undo_to(known, step) {
            self.skip_below(known, depth, step);
        }
        self.record.rewind(known);
        self.hydrations.retry_absent();
        if self.gates.weak.is_some_and(|(weak, _)| weak.number > known.number) {
            self.gates.weak = None;
        }
    }

    fn undo_to(&mut self, ancestor: BlockRef, step: &mut Step) -> bool {
        while let Some(tip) = self.writer.tip().filter(|tip| tip.hash != ancestor.hash) {
            let from = step.outcome.dirty.len();
            if let Err(error) = self.writer.revert(tip, &mut step.outcome) {
                tracing::warn!(%error, "block is not reverted");
                return false;
            }
            if step.new.pop().is_none() {
                step.old.push(tip);
            }
            let touched = step.outcome.dirty[from..].to_vec();
            self.recover_unsynced(touched);
        }
        true
    }

    /// Pools that a revert left without a state were known above: they are to be read.
    fn recover_unsynced(&mut self, touched: Vec<PoolIdx>) {
        let arena = &self.writer.arena;
        let unsynced = touched.into_iter().filter_map(|idx| arena.pool(idx));
        let unsynced = unsynced.filter(|pool| pool.status() == PoolStatus::Unsynced);
        let unsynced = unsynced.filter(|pool| pool.hold().is_none());
        self.gates.recover(unsynced.map(|pool| pool.statics().key).collect::<Vec<_>>());
    }

    fn skip_below(&mut self, ancestor: BlockRef, depth: u64, step: &mut Step) {
        let lost = self.writer.arena.restart_below(ancestor);
        let kept = u64::from(self.writer.arena.len()) - lost.len() as u64;
        tracing::warn!(depth, lost = lost.len(), kept, "reorg is deeper than the undo records");
        count_rebuild(self.options.chain_id);
        self.recover_unsynced(lost);
        self.begin_history();
        step.outcome.reverted += depth;
        step.old.clear();
        step.new.clear();
        step.is_restarted = true;
    }

    /// Begins anew at a block with no state at all: every pool is read there or later.
    pub(super) fn restart(&mut self, anchor: BlockRef, step: &mut Step) {
        if self.writer.tip().is_some() {
            count_undo(self.options.chain_id, false);
            count_rebuild(self.options.chain_id);
        }
        self.writer.arena.restart_at(anchor);
        self.members.anchor(anchor);
        let all = self.writer.arena.pools().map(|(idx, _)| idx).collect();
        self.recover_unsynced(all);
        self.begin_history();
        self.record.restart(anchor);
        self.hydrations.retry_absent();
        self.gates.has_gap = false;
        self.gates.weak = None;
        step.old.clear();
        step.new.clear();
        step.completeness = Completeness::ExecutedInNode;
        step.is_restarted = true;
    }

    pub(super) fn begin_history(&mut self) {
        self.writer.history.clear();
        self.writer.history.push_back(self.writer.arena.snapshot());
    }

    /// The newest snapshot again, after the arena changed between blocks.
    pub(super) fn refresh_newest(&mut self) {
        let newest = self.writer.history.back().and_then(|snapshot| snapshot.tip());
        if newest == self.writer.tip() {
            self.writer.history.pop_back();
        }
        if self.writer.tip().is_some() {
            self.writer.history.push_back(self.writer.arena.snapshot());
        }
    }
}
