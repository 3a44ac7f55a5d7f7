//! The one writer of the arena: chain updates in, views and feed events out. No tasks, no queues.

use crate::{
    BlockSource, DegradedReason, HaltReason, LiquidityError, LiquidityHandle, LiquidityOptions,
    LiquidityView, PoolSelection, TradingState,
    metrics::{count_rebuild, record_arena, record_update},
    open::OpenTracker,
    writer::{ArenaWriter, UpdateOutcome},
};
use alloy_primitives::B256;
use std::{collections::VecDeque, sync::Arc, time::Instant};
use weir_arena::{ApplyError, BlockEnvelope, PoolIdx, PoolKey};
use weir_feed::{FeedProducer, FeedUpdate};
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock, OpenUpdate};

/// How an update relates to the arena's tip.
enum Step<'a> {
    /// The arena has all of it.
    Known,
    /// Revert these blocks (perhaps none), then apply those (perhaps none).
    Move { old: Option<&'a ChainSegment>, new: Vec<&'a ExecutedBlock> },
    /// It does not connect to the tip.
    Foreign,
}

/// How far reading stored blocks has come.
enum Progress {
    /// The arena stands at the store's tip.
    AtTip,
    /// Blocks that the arena has were replaced in the store meanwhile.
    Replaced,
    /// The caller does not want more.
    Stopped,
}

/// Keeps the arena at the tip of the chain.
pub(crate) struct LiquidityEngine {
    options: LiquidityOptions,
    source: Arc<dyn BlockSource>,
    feed: FeedProducer,
    writer: ArenaWriter,
    open: OpenTracker,
    undecodable: u64,
}

impl LiquidityEngine {
    pub(crate) fn new(
        options: LiquidityOptions,
        source: Arc<dyn BlockSource>,
        feed: FeedProducer,
        handle: LiquidityHandle,
    ) -> Self {
        let open = OpenTracker::new(handle.clone(), Some(feed.clone()));
        let writer = ArenaWriter::new(options.arena_config(), handle);
        Self { options, source, feed, writer, open, undecodable: 0 }
    }

    /// Builds the arena from all stored blocks and publishes it. What it had is dropped.
    ///
    /// `stop` is asked before each block; once it says yes nothing is published, and the engine is of no further use.
    pub(crate) fn rebuild(&mut self, stop: &dyn Fn() -> bool) -> Result<(), LiquidityError> {
        let rebuilt = self.replay(stop);
        self.halt_on_error(rebuilt)
    }

    /// Follows one update. If it does not connect to the arena's tip, the blocks between are read from the store as long as the tip
    /// is canonical there; otherwise the arena is rebuilt. `stop` is as in [`Self::rebuild`].
    pub(crate) fn follow(
        &mut self,
        update: &ChainUpdate,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), LiquidityError> {
        let followed = self.take_update(update, stop);
        self.halt_on_error(followed)
    }

    /// Follows the open block. What does not fit is left out: the sealed block says it all again.
    pub(crate) fn follow_open(&mut self, update: &OpenUpdate) {
        self.open.follow(&self.writer.arena, update);
    }

    fn halt_on_error(&self, result: Result<(), LiquidityError>) -> Result<(), LiquidityError> {
        if let Err(error) = &result {
            let reason = match error {
                LiquidityError::Store(_) | LiquidityError::MissingBlock { .. } => HaltReason::Store,
                LiquidityError::Refused { .. }
                | LiquidityError::Feed(_)
                | LiquidityError::Panicked => HaltReason::Chain,
                LiquidityError::Source { .. } => HaltReason::Source,
            };
            let state = TradingState::Halted(reason);
            self.writer.handle.publish_state(state);
            record_arena(&self.writer.arena, state, self.undecodable);
        }
        result
    }

    fn replay(&mut self, stop: &dyn Fn() -> bool) -> Result<(), LiquidityError> {
        count_rebuild(self.options.chain_id);
        self.writer
            .handle
            .publish_state(TradingState::Resyncing { pools: self.writer.arena.len() });
        let (published, outcome) = loop {
            self.clear();
            let mut published = FeedReplay::new(self.feed.clone(), self.options.ring_blocks);
            let mut outcome = UpdateOutcome::default();
            match self.catch_up(&mut outcome, &mut |envelope| published.take(envelope), stop)? {
                Progress::AtTip => break (published, outcome),
                Progress::Replaced => tracing::info!("chain was reorganised during the rebuild"),
                Progress::Stopped => return Ok(()),
            }
        };
        self.undecodable = outcome.undecodable;
        published.publish(self.options.completeness).map_err(LiquidityError::Feed)?;
        let dirty: Arc<[PoolIdx]> = self.writer.arena.pools().map(|(idx, _)| idx).collect();
        tracing::info!(
            block = self.writer.arena.tip().map(|tip| tip.number),
            pools = dirty.len(),
            "arena is rebuilt from stored blocks"
        );
        self.publish(dirty, outcome.vanished.into());
        Ok(())
    }

    /// Begins with an empty arena.
    fn clear(&mut self) {
        self.writer.clear();
        if let PoolSelection::Listed(rows) = &self.options.pools {
            for (pool, error) in self.writer.arena.set_pools(rows).rejected {
                tracing::warn!(%pool, %error, "listed pool is not followed");
            }
        }
    }

    /// Applies stored blocks until the arena stands at the store's tip, which may move on meanwhile.
    fn catch_up(
        &mut self,
        outcome: &mut UpdateOutcome,
        take: &mut dyn FnMut(Arc<BlockEnvelope>),
        stop: &dyn Fn() -> bool,
    ) -> Result<Progress, LiquidityError> {
        loop {
            let tip = self.source.tip().map_err(LiquidityError::Store)?;
            let next = self.writer.arena.tip().map_or(0, |tip| tip.number + 1);
            if next > tip.number {
                let is_canonical = self.is_canonical()?;
                return Ok(if is_canonical { Progress::AtTip } else { Progress::Replaced });
            }
            for number in next..=tip.number {
                if stop() {
                    return Ok(Progress::Stopped);
                }
                let Some(block) = self.source.block(number).map_err(LiquidityError::Store)? else {
                    return self.absent(number);
                };
                match self.apply_block(&block, outcome) {
                    Ok(envelope) => take(envelope),
                    Err(ApplyError::NotChildOfTip { .. }) if !self.is_canonical()? => {
                        return Ok(Progress::Replaced);
                    }
                    Err(source) => return Err(LiquidityError::Refused { number, source }),
                }
            }
        }
    }

    /// A block was not found: either the chain is shorter now, or the store has a hole.
    fn absent(&self, number: u64) -> Result<Progress, LiquidityError> {
        let tip = self.source.tip().map_err(LiquidityError::Store)?;
        let is_shorter = tip.number < number;
        if is_shorter {
            Ok(Progress::Replaced)
        } else {
            Err(LiquidityError::MissingBlock { number })
        }
    }

    /// Whether the store still holds the arena's tip.
    fn is_canonical(&self) -> Result<bool, LiquidityError> {
        let Some(tip) = self.writer.arena.tip() else { return Ok(false) };
        let block = self.source.block(tip.number).map_err(LiquidityError::Store)?;
        Ok(block.is_some_and(|block| block.reference().hash == tip.hash))
    }

    fn take_update(
        &mut self,
        update: &ChainUpdate,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), LiquidityError> {
        let started = Instant::now();
        let (old, new) = match self.step(update) {
            Step::Known => return Ok(()),
            Step::Move { old, new } => (old, new),
            Step::Foreign if self.is_canonical()? => return self.resume(started, stop),
            Step::Foreign => {
                tracing::warn!(tip = ?self.writer.arena.tip(), "update does not connect to the arena");
                return self.replay(stop);
            }
        };
        if old.is_some() {
            self.writer.handle.publish_state(TradingState::Reorging);
        }
        match self.move_tip(old, &new) {
            Ok((outcome, feed)) => self.publish_update(outcome, feed, started),
            Err(error) => {
                tracing::warn!(%error, "update is not applied, rebuilding");
                self.replay(stop)
            }
        }
    }

    /// Goes on from a canonical tip with stored blocks: updates were lost, or are older than what the store gave before.
    fn resume(&mut self, started: Instant, stop: &dyn Fn() -> bool) -> Result<(), LiquidityError> {
        let (mut outcome, mut envelopes) = (UpdateOutcome::default(), Vec::new());
        match self.catch_up(&mut outcome, &mut |envelope| envelopes.push(envelope), stop) {
            Ok(Progress::AtTip) if envelopes.is_empty() => Ok(()),
            Ok(Progress::AtTip) => {
                tracing::info!(blocks = outcome.blocks, "missed blocks are read from the store");
                self.publish_update(outcome, FeedUpdate::Committed(envelopes), started)
            }
            Ok(Progress::Stopped) => Ok(()),
            Ok(Progress::Replaced) | Err(LiquidityError::Refused { .. }) => self.replay(stop),
            Err(error) => Err(error),
        }
    }

    fn publish_update(
        &mut self,
        mut outcome: UpdateOutcome,
        feed: FeedUpdate,
        started: Instant,
    ) -> Result<(), LiquidityError> {
        self.writer.settle_dirty(&mut outcome.dirty);
        self.feed.publish(feed, self.options.completeness).map_err(LiquidityError::Feed)?;
        self.undecodable += outcome.undecodable;
        self.publish(outcome.dirty.as_slice().into(), outcome.vanished.as_slice().into());
        record_update(self.options.chain_id, &outcome, started.elapsed());
        Ok(())
    }

    fn step<'a>(&self, update: &'a ChainUpdate) -> Step<'a> {
        let Some(tip) = self.writer.arena.tip() else { return Step::Foreign };
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
            let (depth, available) = (old.len() as u64, self.writer.arena.depth() as u64);
            if depth > available {
                return Err(ApplyError::TooDeep { depth, available });
            }
            for block in old.blocks().rev() {
                self.writer.revert(block.reference(), &mut outcome)?;
            }
        }
        let envelopes = new
            .iter()
            .map(|block| self.apply_block(block, &mut outcome))
            .collect::<Result<Vec<_>, _>>()?;
        let feed = match old {
            None => FeedUpdate::Committed(envelopes),
            Some(old) => {
                let old = old.blocks().map(ExecutedBlock::reference).collect();
                FeedUpdate::Reorged { old, new: envelopes }
            }
        };
        Ok((outcome, feed))
    }

    fn apply_block(
        &mut self,
        block: &ExecutedBlock,
        outcome: &mut UpdateOutcome,
    ) -> Result<Arc<BlockEnvelope>, ApplyError> {
        let extracted = BlockEnvelope::from_block(self.options.chain_id, block, &self.writer.arena);
        Ok(self.writer.apply(extracted, outcome)?.0)
    }

    fn publish(&mut self, dirty: Arc<[PoolIdx]>, vanished: Arc<[PoolKey]>) {
        let state = match (self.writer.halted(), self.undecodable) {
            (0, 0) => TradingState::Live,
            (0, logs) => TradingState::Degraded(DegradedReason::UndecodableLogs { logs }),
            (pools, _) => TradingState::Degraded(DegradedReason::PoolsHalted { pools }),
        };
        let head = self.writer.arena.snapshot();
        self.feed.offer_snapshot(Arc::clone(&head));
        let history = self.writer.history.clone();
        let unchanged = self.writer.handle.unchanged();
        let base_fee = self.writer.base_fee;
        let open = self.open.view(&self.writer.arena);
        let view =
            LiquidityView { state, head, base_fee, open, dirty, vanished, history, ..unchanged };
        self.writer.handle.publish(view);
        record_arena(&self.writer.arena, state, self.undecodable);
    }
}

/// Brings the feed to the tip of a replay: continues it if its tip is on the chain, else restarts it with the last blocks.
struct FeedReplay {
    feed: FeedProducer,
    known: Option<B256>,
    keep: usize,
    recent: VecDeque<Arc<BlockEnvelope>>,
    is_continued: bool,
}

impl FeedReplay {
    fn new(feed: FeedProducer, keep: usize) -> Self {
        let heartbeat = feed.heartbeat();
        let known = (heartbeat.next_seq > 0).then_some(heartbeat.head_hash);
        Self { feed, known, keep, recent: VecDeque::new(), is_continued: false }
    }

    fn take(&mut self, envelope: Arc<BlockEnvelope>) {
        if self.known == Some(envelope.block().hash) {
            self.is_continued = true;
            self.recent.clear();
            return;
        }
        if !self.is_continued && self.recent.len() > self.keep {
            self.recent.pop_front();
        }
        self.recent.push_back(envelope);
    }

    fn publish(
        self,
        completeness: weir_feed::Completeness,
    ) -> Result<(), weir_feed::ProducerError> {
        if self.known.is_some() && !self.is_continued {
            self.feed.restart();
        }
        if !self.recent.is_empty() {
            self.feed.publish(FeedUpdate::Committed(self.recent.into()), completeness)?;
        }
        Ok(())
    }
}
