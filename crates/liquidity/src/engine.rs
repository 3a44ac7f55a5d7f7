//! The one writer of the arena: chain updates in, views and feed events out. No tasks, no queues.

use crate::{
    BlockSource, DegradedReason, HaltReason, LiquidityError, LiquidityHandle, LiquidityOptions,
    LiquidityView, PoolSelection, TradingState,
    metrics::{record_arena, record_update},
};
use std::{collections::VecDeque, sync::Arc, time::Instant};
use weir_arena::{ApplyError, BlockEnvelope, PoolArena, PoolIdx, PoolKey, PoolSnapshot};
use weir_feed::{FeedProducer, FeedUpdate};
use weir_primitives::{BlockRef, ChainSegment, ChainUpdate, ExecutedBlock};

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

/// How an update relates to the arena's tip.
enum Step<'a> {
    /// The arena has all of it.
    Known,
    /// Revert these blocks (perhaps none), then apply those (perhaps none).
    Move { old: Option<&'a ChainSegment>, new: Vec<&'a ExecutedBlock> },
    /// It does not connect to the tip.
    Foreign,
}

/// Keeps the arena at the tip of the chain.
pub(crate) struct LiquidityEngine {
    options: LiquidityOptions,
    source: Arc<dyn BlockSource>,
    feed: FeedProducer,
    handle: LiquidityHandle,
    arena: PoolArena,
    history: VecDeque<Arc<PoolSnapshot>>,
    undecodable: u64,
}

impl LiquidityEngine {
    pub(crate) fn new(
        options: LiquidityOptions,
        source: Arc<dyn BlockSource>,
        feed: FeedProducer,
        handle: LiquidityHandle,
    ) -> Self {
        let arena = PoolArena::new(options.arena_config());
        Self { options, source, feed, handle, arena, history: VecDeque::new(), undecodable: 0 }
    }

    /// Builds the arena from all stored blocks and publishes it. What it had is dropped.
    pub(crate) fn rebuild(&mut self) -> Result<(), LiquidityError> {
        let rebuilt = self.replay();
        if let Err(error) = &rebuilt {
            let reason = match error {
                LiquidityError::Store(_) | LiquidityError::MissingBlock { .. } => HaltReason::Store,
                LiquidityError::Refused { .. }
                | LiquidityError::Feed(_)
                | LiquidityError::Panicked => HaltReason::Chain,
            };
            self.handle.publish_state(TradingState::Halted(reason));
            record_arena(&self.arena, TradingState::Halted(reason));
        }
        rebuilt
    }

    fn replay(&mut self) -> Result<(), LiquidityError> {
        metrics::counter!("weir_arena_rebuilds_total").increment(1);
        self.handle.publish_state(TradingState::Resyncing { pools: self.arena.len() });
        self.arena = PoolArena::new(self.options.arena_config());
        if let PoolSelection::Listed(rows) = &self.options.pools {
            for (pool, error) in self.arena.set_pools(rows).rejected {
                tracing::warn!(%pool, %error, "listed pool is not followed");
            }
        }
        self.history.clear();
        let tip = self.source.tip().map_err(LiquidityError::Store)?;
        let mut published = FeedReplay::new(self.feed.clone(), tip, self.options.ring_blocks);
        let mut outcome = UpdateOutcome::default();
        for number in 0..=tip.number {
            let block = self.source.block(number).map_err(LiquidityError::Store)?;
            let block = block.ok_or(LiquidityError::MissingBlock { number })?;
            let envelope = self
                .apply_block(&block, &mut outcome)
                .map_err(|source| LiquidityError::Refused { number, source })?;
            published.take(envelope);
        }
        self.undecodable = outcome.undecodable;
        published.publish(self.options.completeness).map_err(LiquidityError::Feed)?;
        let dirty: Arc<[PoolIdx]> = self.arena.pools().map(|(idx, _)| idx).collect();
        tracing::info!(
            block = tip.number,
            pools = dirty.len(),
            "arena is rebuilt from stored blocks"
        );
        self.publish(dirty, outcome.vanished.into());
        Ok(())
    }

    /// Follows one update. An update that does not connect to the arena's tip leads to a rebuild.
    pub(crate) fn follow(&mut self, update: &ChainUpdate) -> Result<(), LiquidityError> {
        let started = Instant::now();
        let (old, new) = match self.step(update) {
            Step::Known => return Ok(()),
            Step::Move { old, new } => (old, new),
            Step::Foreign => {
                tracing::warn!(tip = ?self.arena.tip(), "update does not connect to the arena");
                return self.rebuild();
            }
        };
        if old.is_some() {
            self.handle.publish_state(TradingState::Reorging);
        }
        match self.move_tip(old, &new) {
            Ok((outcome, feed)) => {
                self.feed.publish(feed, self.options.completeness).map_err(LiquidityError::Feed)?;
                self.undecodable += outcome.undecodable;
                self.publish(outcome.dirty.as_slice().into(), outcome.vanished.as_slice().into());
                record_update(&outcome, started.elapsed());
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "update is not applied, rebuilding");
                self.rebuild()
            }
        }
    }

    fn step<'a>(&self, update: &'a ChainUpdate) -> Step<'a> {
        let Some(tip) = self.arena.tip() else { return Step::Foreign };
        let place =
            |new: &ChainSegment| new.blocks().position(|block| block.reference().hash == tip.hash);
        if let Some((new, place)) = update.new().and_then(|new| Some((new, place(new)?))) {
            // Replayed from the store before the update came.
            let rest: Vec<_> = new.blocks().skip(place + 1).collect();
            return if rest.is_empty() { Step::Known } else { Step::Move { old: None, new: rest } };
        }
        let new: Vec<_> = update.new().into_iter().flat_map(ChainSegment::blocks).collect();
        match update.old() {
            None if new[0].reference().is_child_of(&tip) => Step::Move { old: None, new },
            None => Step::Foreign,
            Some(old) if old.tip().reference().hash == tip.hash => {
                Step::Move { old: Some(old), new }
            }
            Some(old) if old.first().reference().parent_hash == tip.hash => {
                if new.is_empty() {
                    Step::Known
                } else {
                    Step::Move { old: None, new }
                }
            }
            Some(_) => Step::Foreign,
        }
    }

    fn move_tip(
        &mut self,
        old: Option<&ChainSegment>,
        new: &[&ExecutedBlock],
    ) -> Result<(UpdateOutcome, FeedUpdate), ApplyError> {
        let mut outcome = UpdateOutcome::default();
        if let Some(old) = old {
            let (depth, available) = (old.len() as u64, self.arena.depth() as u64);
            if depth > available {
                return Err(ApplyError::TooDeep { depth, available });
            }
            for block in old.blocks().rev() {
                self.revert_block(block.reference(), &mut outcome)?;
            }
        }
        let envelopes = new
            .iter()
            .map(|block| self.apply_block(block, &mut outcome))
            .collect::<Result<Vec<_>, _>>()?;
        outcome.dirty.sort_unstable();
        outcome.dirty.dedup();
        outcome.dirty.retain(|idx| self.arena.pool(*idx).is_some());
        let feed = match old {
            None => FeedUpdate::Committed(envelopes),
            Some(old) => {
                let old = old.blocks().map(ExecutedBlock::reference).collect();
                FeedUpdate::Reorged { old, new: envelopes }
            }
        };
        Ok((outcome, feed))
    }

    fn revert_block(
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

    fn apply_block(
        &mut self,
        block: &ExecutedBlock,
        outcome: &mut UpdateOutcome,
    ) -> Result<Arc<BlockEnvelope>, ApplyError> {
        let extracted = BlockEnvelope::from_block(self.options.chain_id, block, &self.arena);
        for log in &extracted.undecodable {
            let number = block.reference().number;
            tracing::warn!(block = number, log_index = log.log_index, error = %log.error, "log does not decode");
        }
        let applied = self.arena.apply(&extracted.envelope)?;
        for idx in &applied.halted {
            if let Some(evidence) = self.arena.pool(*idx).and_then(|pool| pool.evidence()) {
                tracing::error!(?evidence, "pool is halted: an event contradicts its state");
            }
        }
        if self.history.len() > self.options.ring_blocks {
            self.history.pop_front();
        }
        self.history.push_back(self.arena.snapshot());
        outcome.blocks += 1;
        outcome.events += extracted.envelope.events().len() as u64;
        outcome.verified += u64::from(applied.verified);
        outcome.diverged += applied.halted.len() as u64;
        outcome.undecodable += extracted.undecodable.len() as u64;
        outcome.dirty.extend(applied.touched);
        Ok(Arc::new(extracted.envelope))
    }

    fn publish(&mut self, dirty: Arc<[PoolIdx]>, vanished: Arc<[PoolKey]>) {
        let halted = self.arena.pools().filter(|(_, pool)| pool.evidence().is_some()).count();
        let state = match (u32::try_from(halted).unwrap_or(u32::MAX), self.undecodable) {
            (0, 0) => TradingState::Live,
            (0, logs) => TradingState::Degraded(DegradedReason::UndecodableLogs { logs }),
            (pools, _) => TradingState::Degraded(DegradedReason::PoolsHalted { pools }),
        };
        let (head, history) = (self.arena.snapshot(), self.history.clone());
        self.handle.publish(LiquidityView { state, head, dirty, vanished, history });
        record_arena(&self.arena, state);
    }
}

/// Brings the feed to the tip of a replay: continues it if its tip is on the chain, else restarts it with the last blocks.
struct FeedReplay {
    feed: FeedProducer,
    known: Option<BlockRef>,
    keep_from: u64,
    recent: Vec<Arc<BlockEnvelope>>,
    is_continued: bool,
}

impl FeedReplay {
    fn new(feed: FeedProducer, tip: BlockRef, keep: usize) -> Self {
        let heartbeat = feed.heartbeat();
        let known = (heartbeat.next_seq > 0).then(|| BlockRef {
            number: heartbeat.head_number,
            hash: heartbeat.head_hash,
            ..BlockRef::default()
        });
        let keep_from = tip.number.saturating_sub(keep as u64);
        Self { feed, known, keep_from, recent: Vec::new(), is_continued: false }
    }

    fn take(&mut self, envelope: Arc<BlockEnvelope>) {
        let block = envelope.block();
        if self.known.is_some_and(|known| known.hash == block.hash) {
            self.is_continued = true;
            self.recent.clear();
        } else if self.is_continued || block.number >= self.keep_from {
            self.recent.push(envelope);
        }
    }

    fn publish(
        self,
        completeness: weir_feed::Completeness,
    ) -> Result<(), weir_feed::ProducerError> {
        if self.known.is_some() && !self.is_continued {
            self.feed.restart();
        }
        if !self.recent.is_empty() {
            self.feed.publish(FeedUpdate::Committed(self.recent), completeness)?;
        }
        Ok(())
    }
}
