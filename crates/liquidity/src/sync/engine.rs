//! The one writer: inputs in, views and feed events out, reads asked for. No tasks, no queues, no clock of its own.

use super::{
    EngineInput, SourceOptions, SourceStatus, SourceUpdate, WhitelistApplied, WhitelistChange,
    feed::FeedBracket, gates::Gates, hydration::Hydrations, members::Members, record::ChainRecord,
    sample::Sampler,
};
use crate::{
    HaltReason, LiquidityError, LiquidityHandle, SourceView, TradingState,
    metrics::{GapKind, count_gap, record_arena, record_source, record_update},
    open::OpenTracker,
    writer::{ArenaWriter, UpdateOutcome},
};
use std::{sync::Arc, time::Instant};
use weir_arena::{BlockEnvelope, PoolIdx, PoolKey};
use weir_feed::{Completeness, FeedProducer, FeedUpdate};
use weir_primitives::BlockRef;

/// What one input did to the chain: what is published of it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) outcome: UpdateOutcome,
    /// Blocks that left, newest first.
    pub(super) old: Vec<BlockRef>,
    pub(super) new: Vec<Arc<BlockEnvelope>>,
    pub(super) is_restarted: bool,
    pub(super) completeness: Completeness,
}

impl Step {
    pub(super) fn new() -> Self {
        Self {
            outcome: UpdateOutcome::default(),
            old: Vec::new(),
            new: Vec::new(),
            is_restarted: false,
            completeness: Completeness::ExecutedInNode,
        }
    }

    const fn is_moved(&self) -> bool {
        self.is_restarted || !self.old.is_empty() || !self.new.is_empty()
    }
}

/// Follows one chain from any source, with pool states read from a node.
///
/// Every state it calls live was read at a canonical block's hash and brought to the tip by that branch's own events, or
/// restored by undo records. What cannot be proven is read again. Use it through a [`SourceDriver`](crate::SourceDriver), or
/// drive it by hand: [`SourceEngine::take`] inputs, do the [`SourceEngine::work`], and [`SourceEngine::finish`] it.
#[derive(Debug)]
pub struct SourceEngine {
    pub(super) options: SourceOptions,
    pub(super) feed: Option<FeedProducer>,
    pub(super) writer: ArenaWriter,
    pub(super) record: ChainRecord,
    pub(super) members: Members,
    pub(super) hydrations: Hydrations,
    pub(super) sampler: Sampler,
    pub(super) gates: Gates,
    pub(super) source: SourceView,
    pub(super) bracket: FeedBracket,
    pub(super) open: OpenTracker,
    /// Whether blocks may be applied: the first full list is there, or none is waited for.
    pub(super) is_open: bool,
    /// The newest block of the source while none may be applied.
    pub(super) seen: Option<BlockRef>,
    pub(super) next_id: u64,
}

impl SourceEngine {
    /// An engine that knows nothing yet, and the handle for readers. With `feed`, its blocks are published there, too; make it
    /// with the chain's id.
    pub fn new(options: SourceOptions, feed: Option<FeedProducer>) -> (Self, LiquidityHandle) {
        let handle = LiquidityHandle::new(options.chain_id);
        let writer = ArenaWriter::new(options.arena_config(), handle.clone());
        let source = SourceView { has_whitelist: options.has_whitelist, ..SourceView::default() };
        let mut starting = handle.unchanged();
        starting.source = source;
        handle.publish(starting);
        let open = OpenTracker::new(handle.clone(), feed.clone());
        let engine = Self {
            feed,
            writer,
            record: ChainRecord::new(options.window_blocks),
            members: Members::default(),
            hydrations: Hydrations::default(),
            sampler: Sampler::new(options.samples, options.sample_seed),
            gates: Gates::default(),
            source,
            bracket: FeedBracket::default(),
            open,
            is_open: !options.has_whitelist,
            seen: None,
            next_id: 0,
            options,
        };
        (engine, handle)
    }

    /// Takes one input and publishes what it changes. `now` is for ages and latencies only.
    ///
    /// # Errors
    /// If the source is of another chain, or the feed refuses an update: the engine is `Halted` then.
    pub fn take(&mut self, input: EngineInput, now: Instant) -> Result<(), LiquidityError> {
        let taken = self.take_input(input, now);
        if let Err(error) = &taken {
            let reason = match error {
                LiquidityError::Source { .. } => HaltReason::Source,
                _ => HaltReason::Chain,
            };
            self.writer.handle.publish_state(TradingState::Halted(reason));
            record_arena(&self.writer.arena, TradingState::Halted(reason), 0);
        }
        taken
    }

    /// Looks at the time: the whitelist may have become stale.
    pub fn tick(&mut self, now: Instant) {
        self.publish_if_changed(now);
        let (tip, recovering) = (self.writer.tip(), self.gates.recovering());
        record_source(self.options.chain_id, &self.source, tip, recovering, now);
    }

    /// Whitelist changes that are done, in order.
    pub fn acknowledgements(&mut self) -> Vec<WhitelistApplied> {
        self.members.acknowledged()
    }

    fn take_input(&mut self, input: EngineInput, now: Instant) -> Result<(), LiquidityError> {
        match input {
            EngineInput::Chain(update) => self.follow(SourceUpdate::from(&update), now),
            EngineInput::Open(update) => {
                self.open.follow(&self.writer.arena, &update);
                Ok(())
            }
            EngineInput::Source(update) => self.follow(update, now),
            EngineInput::Feed(event) => self.take_event(event, now),
            EngineInput::Status(status) => {
                self.note_status(status, now);
                Ok(())
            }
            EngineInput::Gap => {
                self.note_gap(now);
                Ok(())
            }
            EngineInput::Whitelist(change) => self.take_change(change, now),
            EngineInput::Discovered(pools) => self.take_discovered(pools, now),
        }
    }

    pub(super) fn note_status(&mut self, status: SourceStatus, now: Instant) {
        self.source.is_connected = status.is_connected;
        self.source.head = status.head.or(self.source.head);
        self.publish_if_changed(now);
    }

    pub(super) fn note_gap(&mut self, now: Instant) {
        count_gap(self.options.chain_id, GapKind::Told);
        self.gates.has_gap = true;
        self.publish_if_changed(now);
    }

    fn take_change(&mut self, change: WhitelistChange, now: Instant) -> Result<(), LiquidityError> {
        match &change {
            WhitelistChange::Full { pools, .. } if pools.is_empty() => {
                tracing::warn!("full whitelist is empty and is not taken");
                return Ok(());
            }
            WhitelistChange::Full { .. } => {}
            // What comes before the first full list is in it.
            _ if !self.is_open => return Ok(()),
            _ => {}
        }
        self.source.whitelist_at = Some(now);
        self.members.queue(change);
        if self.is_open {
            self.publish_if_changed(now);
            return Ok(());
        }
        self.is_open = true;
        let mut step = Step::new();
        self.drain_whitelist(&mut step);
        if let Some(seen) = self.seen.take() {
            self.restart(seen, &mut step);
        }
        self.publish_step(step, now, now)
    }

    pub(super) fn follow(
        &mut self,
        update: SourceUpdate,
        now: Instant,
    ) -> Result<(), LiquidityError> {
        if !self.is_open {
            self.see(&update);
            return Ok(());
        }
        if !update.old.is_empty() || update.reset.is_some() {
            self.writer.handle.publish_state(TradingState::Reorging);
        }
        let (mut step, started) = (Step::new(), Instant::now());
        self.leave(&update, &mut step);
        for block in &update.new {
            self.take_block(block, &mut step)?;
        }
        if step.is_moved() && !self.members.is_idle() {
            self.drain_whitelist(&mut step);
        }
        if !step.new.is_empty() {
            self.sampler.choose(&mut self.writer.arena, &mut self.next_id);
        }
        self.publish_step(step, now, started)
    }

    /// Nothing is applied before the barrier opens; the newest block is where reading begins.
    fn see(&mut self, update: &SourceUpdate) {
        match (update.new.last(), update.reset) {
            (Some(block), _) => self.seen = Some(block.reference()),
            (None, Some(anchor)) => self.seen = Some(anchor),
            (None, None) if !update.old.is_empty() => self.seen = None,
            (None, None) => {}
        }
    }

    pub(super) fn publish_step(
        &mut self,
        mut step: Step,
        now: Instant,
        started: Instant,
    ) -> Result<(), LiquidityError> {
        self.publish_feed(&mut step)?;
        let mut outcome = step.outcome;
        if step.is_restarted {
            outcome.dirty = self.writer.arena.pools().map(|(idx, _)| idx).collect();
        }
        self.writer.settle_dirty(&mut outcome.dirty);
        self.publish_view(&outcome.dirty, &outcome.vanished, now);
        record_update(self.options.chain_id, &outcome, started.elapsed());
        Ok(())
    }

    fn publish_feed(&self, step: &mut Step) -> Result<(), LiquidityError> {
        let Some(feed) = &self.feed else { return Ok(()) };
        let (mut old, new) = (std::mem::take(&mut step.old), std::mem::take(&mut step.new));
        if step.is_restarted {
            feed.restart();
            old.clear();
        }
        old.reverse();
        let update = match (old.is_empty(), new.is_empty()) {
            (true, true) => return Ok(()),
            (true, false) => FeedUpdate::Committed(new),
            (false, _) => FeedUpdate::Reorged { old, new },
        };
        feed.publish(update, step.completeness).map_err(LiquidityError::Feed)?;
        Ok(())
    }

    pub(super) fn publish_view(&mut self, dirty: &[PoolIdx], vanished: &[PoolKey], now: Instant) {
        let state = self.state(now);
        let mut view = self.writer.handle.unchanged();
        view.state = state;
        view.head = self.writer.arena.snapshot();
        if let Some(feed) = &self.feed {
            feed.offer_snapshot(std::sync::Arc::clone(&view.head));
        }
        view.base_fee = self.writer.base_fee;
        view.open = self.open.view(&self.writer.arena);
        view.dirty = dirty.into();
        view.vanished = vanished.into();
        view.history.clone_from(&self.writer.history);
        view.source = self.source;
        view.book = self.gates.book();
        self.writer.handle.publish(view);
        record_arena(&self.writer.arena, state, self.gates.undecodable);
    }

    /// Publishes the same states if the engine's own state or what it knows of the source is another than published.
    pub(super) fn publish_if_changed(&mut self, now: Instant) {
        let (state, published) = (self.state(now), self.writer.handle.view());
        if published.state != state || published.source != self.source {
            let mut view = self.writer.handle.unchanged();
            (view.state, view.source) = (state, self.source);
            self.writer.handle.publish(view);
            record_arena(&self.writer.arena, state, self.gates.undecodable);
        }
    }
}
