//! From records to whole steps of the open block.

use crate::{
    FeedStep, PoolUpdate, STEPS_PER_BLOCK_MAX, Step, StepRetracted, SyncFault,
    UPDATES_PER_BLOCK_MAX, step_codec::step_digest,
};
use alloy_primitives::B256;
use weir_arena::EventRecord;

/// The steps known of the block after the tip.
#[derive(Debug, Default)]
pub(super) struct OpenSteps {
    /// Number and parent of the block, once a step was read.
    block: Option<(u64, B256)>,
    /// How many steps were handed out.
    known: u32,
    /// Updates in them.
    updates: u32,
    /// Where the last update of them is.
    last: Option<(u32, u32)>,
    open: Option<(Step, Vec<EventRecord>)>,
}

impl OpenSteps {
    /// Sequence number of a step of which updates are missing.
    pub(super) fn open_seq(&self) -> Option<u64> {
        self.open.as_ref().map(|(step, _)| step.seq)
    }

    pub(super) fn drop_open(&mut self) {
        self.open = None;
    }

    /// Takes the record that opens a step; the caller has checked stream and sequence number.
    pub(super) fn begin(
        &mut self,
        step: Step,
        tip: Option<(u64, B256)>,
    ) -> Result<Option<FeedStep>, SyncFault> {
        let seq = step.seq;
        if let Some((number, expected)) = tip
            && (step.number != number.saturating_add(1) || step.parent_hash != expected)
        {
            return Err(SyncFault::Unlinked { seq, expected, found: step.parent_hash });
        }
        let block = (step.number, step.parent_hash);
        let is_due = step.index == self.known
            && self.block.is_none_or(|known| known == block)
            && step.index < STEPS_PER_BLOCK_MAX;
        if !is_due {
            return Err(SyncFault::Step { seq, expected: self.known, found: step.index });
        }
        if step.num_updates > UPDATES_PER_BLOCK_MAX - self.updates {
            return Err(SyncFault::TooManyUpdates { seq });
        }
        self.block = Some(block);
        self.open = Some((step, Vec::new()));
        self.complete()
    }

    /// Takes an update of the open step.
    pub(super) fn update(
        &mut self,
        update: &PoolUpdate,
        chain_id: u64,
    ) -> Result<Option<FeedStep>, SyncFault> {
        let (seq, index) = (update.seq, update.index);
        let Some((step, events)) = &mut self.open else {
            return Err(SyncFault::NoOpenBlock { seq });
        };
        let expected = u32::try_from(events.len()).unwrap_or(u32::MAX);
        if index < expected {
            return Ok(None);
        }
        if index != expected {
            return Err(SyncFault::UpdateIndex { seq, expected, found: index });
        }
        let place = (update.tx_index, update.log_index);
        let last = events.last().map(|last| (last.tx_index, last.log_index)).or(self.last);
        if update.tx_index < step.first_tx || last.is_some_and(|last| last >= place) {
            return Err(SyncFault::UpdateOrder { seq, index });
        }
        events.push(update.record(chain_id));
        self.complete()
    }

    fn complete(&mut self) -> Result<Option<FeedStep>, SyncFault> {
        let is_complete =
            |(step, events): &mut (Step, Vec<_>)| events.len() == step.num_updates as usize;
        let Some((step, events)) = self.open.take_if(is_complete) else { return Ok(None) };
        let last = events.last().map(|last| (last.tx_index, last.log_index));
        let whole = FeedStep {
            chain_id: step.chain_id,
            epoch: step.epoch,
            seq: step.seq,
            number: step.number,
            parent_hash: step.parent_hash,
            index: step.index,
            first_tx: step.first_tx,
            events: events.into(),
        };
        let (seq, expected, found) = (step.seq, step.digest, step_digest(&whole));
        if expected != found {
            return Err(SyncFault::Digest { seq, expected, found });
        }
        self.last = last.or(self.last);
        self.updates += step.num_updates;
        self.known += 1;
        Ok(Some(whole))
    }

    /// Takes a retraction; says whether anything was known of what it takes back.
    pub(super) fn retract(&mut self, retracted: &StepRetracted) -> Result<bool, SyncFault> {
        let seq = retracted.seq;
        let Some(block) = self.block else { return Ok(false) };
        if block != (retracted.number, retracted.parent_hash) || retracted.steps < self.known {
            return Err(SyncFault::Step { seq, expected: self.known, found: retracted.steps });
        }
        let is_known = self.known > 0;
        *self = Self::default();
        Ok(is_known)
    }
}
