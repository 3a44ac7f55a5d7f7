//! Feed events as updates: a reorg's bracket is one update.

use super::{EngineInput, SourceBlock, SourceEngine, SourceStatus, SourceUpdate, engine::Step};
use crate::{LiquidityError, TradingState, open::DecodedStep};
use std::time::Instant;
use weir_arena::PoolStatus;
use weir_feed::{FeedEvent, FeedSnapshot, FeedStep, StepUpdate};

/// A reorg whose end has not come yet.
#[derive(Debug, Default)]
pub(crate) struct FeedBracket {
    open: Option<SourceUpdate>,
}

impl FeedBracket {
    /// What the event completes, if anything. The assembler has checked order, count and digest.
    fn push(&mut self, event: FeedEvent) -> Option<EngineInput> {
        match event {
            FeedEvent::Block(block) => {
                let block = SourceBlock::Envelope(block.envelope, block.completeness);
                if let Some(open) = &mut self.open {
                    open.new.push(block);
                    return None;
                }
                Some(EngineInput::Source(SourceUpdate::committed(vec![block])))
            }
            FeedEvent::ReorgStart(_) => {
                self.open = Some(SourceUpdate::default());
                None
            }
            FeedEvent::Reverted(reverted) => {
                // Newest first in the feed, ascending in an update.
                self.open.get_or_insert_default().old.insert(0, reverted.block);
                None
            }
            FeedEvent::ReorgEnd(_) => self.open.take().map(EngineInput::Source),
            FeedEvent::Heartbeat(heartbeat) => {
                let head = (heartbeat.next_seq > 0).then_some(heartbeat.head_number);
                Some(EngineInput::Status(SourceStatus { is_connected: true, head }))
            }
            // The engine looks at steps before: they are of a block that is still open.
            // What the producer trades on is its own business: this engine judges by what it has.
            FeedEvent::Step(_) | FeedEvent::StepRetracted(_) | FeedEvent::Gate(_) => None,
            FeedEvent::Snapshot(snapshot) => {
                self.open = None;
                let reset = Some(snapshot.block);
                Some(EngineInput::Source(SourceUpdate { reset, ..SourceUpdate::default() }))
            }
            FeedEvent::Gap(_) => {
                // What follows is linked by hashes, or everything is read anew.
                self.open = None;
                Some(EngineInput::Gap)
            }
        }
    }
}

impl SourceEngine {
    pub(super) fn take_event(
        &mut self,
        event: FeedEvent,
        now: Instant,
    ) -> Result<(), LiquidityError> {
        if self.is_open && matches!(event, FeedEvent::ReorgStart(_)) {
            self.writer.handle.publish_state(TradingState::Reorging);
        }
        if let FeedEvent::Snapshot(snapshot) = &event
            && self.is_open
            && !self.options.has_whitelist
        {
            return self.take_snapshot(snapshot, now);
        }
        match &event {
            FeedEvent::Step(step) => self.take_step(step),
            FeedEvent::StepRetracted(_) => self.open.retract(),
            _ => {}
        }
        match self.bracket.push(event) {
            Some(EngineInput::Source(update)) => self.follow(update, now),
            Some(EngineInput::Status(status)) => {
                self.note_status(status, now);
                Ok(())
            }
            Some(_) => {
                self.note_gap(now);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn take_step(&mut self, step: &FeedStep) {
        let FeedStep { number, parent_hash, index, first_tx, .. } = *step;
        let events = step.events.to_vec();
        let decoded = DecodedStep {
            update: StepUpdate { number, parent_hash, first_tx, events },
            place: u64::from(index)..u64::from(index) + 1,
            // The feed does not tell the open block's own: the tip's are near, and are what is known.
            timestamp: self.writer.tip().map_or(0, |tip| tip.timestamp),
            base_fee: self.writer.base_fee,
        };
        self.open.take(&self.writer.arena, decoded);
    }

    /// Begins anew with the producer's states instead of reading them: without a whitelist, what it follows is followed.
    /// With one, the snapshot says only where the stream goes on.
    fn take_snapshot(
        &mut self,
        snapshot: &FeedSnapshot,
        now: Instant,
    ) -> Result<(), LiquidityError> {
        self.bracket.open = None;
        self.writer.handle.publish_state(TradingState::Reorging);
        let (mut step, started) = (Step::new(), Instant::now());
        self.restart(snapshot.block, &mut step);
        if let Err(error) = snapshot.restore(&mut self.writer.arena) {
            tracing::warn!(%error, "snapshot is not possible, pools are read anew");
            self.restart(snapshot.block, &mut step);
        }
        let (gates, hydrations) = (&mut self.gates, &mut self.hydrations);
        for (idx, pool) in self.writer.arena.pools() {
            step.outcome.dirty.push(idx);
            if pool.status() != PoolStatus::Unsynced {
                gates.recovered(&pool.statics().key);
                hydrations.forget(&pool.statics().key);
            }
        }
        self.begin_history();
        self.publish_step(step, now, started)
    }
}
