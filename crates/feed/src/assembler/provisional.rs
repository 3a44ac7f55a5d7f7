//! What comes beside the blocks: steps of the open block, and snapshots.

use super::{FeedAssembler, snapshot::OpenSnapshot, steps::OpenSteps};
use crate::{FeedEvent, FeedStep, SnapshotBegin, SnapshotEnd, Step, StepRetracted, SyncFault};
use std::sync::Arc;

impl FeedAssembler {
    pub(super) fn step(&mut self, step: Step) -> Result<Option<FeedEvent>, SyncFault> {
        self.require_stream(step.chain_id, step.epoch, step.seq)?;
        self.require_next(step.seq)?;
        if self.bracket.is_some() {
            return Err(SyncFault::Bracket { seq: step.seq });
        }
        let step: Option<FeedStep> = self.steps.begin(step, self.tip)?;
        Ok(step.map(FeedEvent::Step))
    }

    pub(super) fn retract(
        &mut self,
        retracted: StepRetracted,
    ) -> Result<Option<FeedEvent>, SyncFault> {
        self.require_epoch(retracted.epoch)?;
        self.require_next(retracted.seq)?;
        let is_known = self.steps.retract(&retracted)?;
        Ok(is_known.then_some(FeedEvent::StepRetracted(retracted)))
    }

    pub(super) fn snapshot_begin(&mut self, begin: SnapshotBegin) -> Result<(), SyncFault> {
        self.require_stream(begin.chain_id, begin.epoch, begin.next_seq)?;
        self.require_next(begin.next_seq)?;
        if self.bracket.is_some() {
            return Err(SyncFault::Bracket { seq: begin.next_seq });
        }
        self.steps = OpenSteps::default();
        self.snapshot = Some(Box::new(OpenSnapshot::new(begin)));
        Ok(())
    }

    pub(super) fn open_snapshot(&mut self) -> Result<&mut OpenSnapshot, SyncFault> {
        self.snapshot.as_deref_mut().ok_or(SyncFault::Snapshot { pool: 0 })
    }

    pub(super) fn snapshot_end(&mut self, end: &SnapshotEnd) -> Result<FeedEvent, SyncFault> {
        let open = self.snapshot.take().ok_or(SyncFault::Snapshot { pool: end.pools })?;
        let snapshot = open.end(end)?;
        self.tip = Some((snapshot.block.number, snapshot.block.hash));
        Ok(FeedEvent::Snapshot(Arc::new(snapshot)))
    }
}
