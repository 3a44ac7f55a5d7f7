//! From records to whole blocks: the consumer's checks, without any input or output.

mod provisional;
mod reorg;
mod snapshot;
mod steps;

use self::{snapshot::OpenSnapshot, steps::OpenSteps};
use crate::{
    BeginBlock, EndBlock, FeedEvent, Gap, Message, PoolUpdate, Position, ReorgStart,
    SequencedBlock, SyncFault, Welcome,
};
use alloy_primitives::B256;
use std::sync::Arc;
use weir_arena::{BlockEnvelope, EventRecord};

/// Most pool updates that a block may hold. A block of 300 million gas has room for about 40,000 logs.
pub const UPDATES_PER_BLOCK_MAX: u32 = 1 << 17;

#[derive(Debug)]
struct OpenBlock {
    begin: BeginBlock,
    updates: Vec<EventRecord>,
}

#[derive(Debug, Clone, Copy)]
struct Bracket {
    start: ReorgStart,
    reverted: u32,
    applied: u32,
}

/// Turns records into [`FeedEvent`]s and proves that none is missing, repeated or in disorder.
///
/// A record with a sequence number that was already handed out is a repetition and is skipped. After a fault the
/// assembler has dropped the open block; [`FeedAssembler::position`] still says what is wanted next, so the consumer
/// reconnects and resumes there.
#[derive(Debug)]
pub struct FeedAssembler {
    chain_id: u64,
    epoch: u64,
    next_seq: u64,
    tip: Option<(u64, B256)>,
    open: Option<OpenBlock>,
    bracket: Option<Bracket>,
    steps: OpenSteps,
    snapshot: Option<Box<OpenSnapshot>>,
    /// A reconnect that does not continue the position: the gap is due first.
    pending: Option<Welcome>,
    repeated: u64,
}

impl FeedAssembler {
    /// Starts where the producer's welcome says.
    pub fn new(welcome: &Welcome) -> Self {
        Self {
            chain_id: welcome.chain_id,
            epoch: welcome.epoch,
            next_seq: welcome.first_seq,
            tip: None,
            open: None,
            bracket: None,
            steps: OpenSteps::default(),
            snapshot: None,
            pending: None,
            repeated: 0,
        }
    }

    /// Goes on after a reconnect. What links blocks is kept if the producer resumes at or before the position. If not,
    /// records are lost for good: the producer's gap must come first, and the position stays until it has.
    ///
    /// Steps have no memory: those of the open block come again, from the first.
    pub fn resume(&mut self, welcome: &Welcome) {
        self.drop_open();
        self.steps = OpenSteps::default();
        let is_continuous = welcome.epoch == self.epoch && welcome.first_seq <= self.next_seq;
        let is_lost = !is_continuous || welcome.chain_id != self.chain_id;
        self.pending = is_lost.then_some(*welcome);
    }

    /// What is wanted next.
    pub const fn position(&self) -> Position {
        Position { epoch: self.epoch, next_seq: self.next_seq }
    }

    /// The chain of the stream.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// How many records were skipped because they had been handed out before.
    pub const fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Whether records of an event were taken that is not complete.
    pub(crate) fn is_mid_event(&self) -> bool {
        self.open.is_some() || self.snapshot.is_some() || self.steps.open_seq().is_some()
    }

    /// Forgets records of an event that will not be completed.
    pub(crate) fn drop_open(&mut self) {
        self.open = None;
        self.snapshot = None;
        self.steps.drop_open();
    }

    /// Takes the next record and returns what it completes, if anything.
    ///
    /// # Errors
    /// The first thing that is wrong. The open block, step or snapshot is dropped.
    pub fn push(&mut self, message: Message) -> Result<Option<FeedEvent>, SyncFault> {
        let result = self.accept(message);
        if result.is_err() {
            self.drop_open();
        }
        result
    }

    fn accept(&mut self, message: Message) -> Result<Option<FeedEvent>, SyncFault> {
        if self.pending.is_some() && !matches!(message, Message::Gap(_)) {
            return Err(SyncFault::Unannounced);
        }
        match message {
            Message::BeginBlock(begin) => self.begin(begin).map(|()| None),
            Message::PoolUpdate(update) => self.update(&update),
            Message::EndBlock(end) => self.end(&end),
            Message::ReorgStart(start) => self.reorg_start(start),
            Message::Reverted(reverted) => self.reverted(reverted),
            Message::ReorgEnd(end) => self.reorg_end(end),
            Message::Heartbeat(heartbeat) => {
                self.require_epoch(heartbeat.epoch)?;
                // A producer sends heartbeats only when it has sent everything before, so this finds lost tails.
                self.require_next(heartbeat.next_seq)?;
                Ok(Some(FeedEvent::Heartbeat(heartbeat)))
            }
            Message::Gap(gap) => Ok(Some(self.gap(gap))),
            Message::Gate(gate) => {
                self.require_stream(gate.chain_id, gate.epoch, gate.next_seq)?;
                // It is about all that was sent before, and sent after it.
                self.require_next(gate.next_seq)?;
                Ok(Some(FeedEvent::Gate(gate)))
            }
            Message::Step(step) => self.step(step),
            Message::StepRetracted(retracted) => self.retract(retracted),
            Message::SnapshotBegin(begin) => self.snapshot_begin(begin).map(|()| None),
            Message::SnapshotPool(pool) => self.open_snapshot()?.pool(pool).map(|()| None),
            Message::SnapshotTick(tick) => self.open_snapshot()?.tick(tick).map(|()| None),
            Message::SnapshotEnd(end) => self.snapshot_end(&end).map(Some),
            Message::Hello(_) | Message::Welcome(_) | Message::Refused(_) => {
                Err(SyncFault::Handshake)
            }
        }
    }

    fn begin(&mut self, begin: BeginBlock) -> Result<(), SyncFault> {
        self.require_stream(begin.chain_id, begin.epoch, begin.seq)?;
        if self.is_repeated(begin.seq) {
            return Ok(());
        }
        self.require_next(begin.seq)?;
        if let Some(bracket) = self.bracket
            && (bracket.reverted != bracket.start.reverted
                || bracket.applied == bracket.start.applied)
        {
            return Err(SyncFault::Bracket { seq: begin.seq });
        }
        if let Some((number, expected)) = self.tip
            && (begin.block.number != number + 1 || begin.block.parent_hash != expected)
        {
            let found = begin.block.parent_hash;
            return Err(SyncFault::Unlinked { seq: begin.seq, expected, found });
        }
        // The block supersedes its steps.
        self.steps = OpenSteps::default();
        self.open = Some(OpenBlock { begin, updates: Vec::new() });
        Ok(())
    }

    fn update(&mut self, update: &PoolUpdate) -> Result<Option<FeedEvent>, SyncFault> {
        if self.steps.open_seq() == Some(update.seq) {
            let step = self.steps.update(update, self.chain_id)?;
            return Ok(step.map(FeedEvent::Step));
        }
        self.block_update(update).map(|()| None)
    }

    fn block_update(&mut self, update: &PoolUpdate) -> Result<(), SyncFault> {
        let seq = update.seq;
        let Some(open) = self.open.as_mut().filter(|open| open.begin.seq == seq) else {
            return self.stray(seq);
        };
        let expected = open.updates.len();
        let index = update.index;
        if (index as usize) < expected {
            self.repeated += 1;
            return Ok(());
        }
        let expected = u32::try_from(expected).map_err(|_| SyncFault::TooManyUpdates { seq })?;
        if expected == UPDATES_PER_BLOCK_MAX {
            return Err(SyncFault::TooManyUpdates { seq });
        }
        if index != expected {
            return Err(SyncFault::UpdateIndex { seq, expected, found: index });
        }
        let (tx_index, log_index) = (update.tx_index, update.log_index);
        let is_later = |last: &EventRecord| (last.tx_index, last.log_index) < (tx_index, log_index);
        if !open.updates.last().is_none_or(is_later) {
            return Err(SyncFault::UpdateOrder { seq, index });
        }
        open.updates.push(update.record(self.chain_id));
        Ok(())
    }

    fn end(&mut self, end: &EndBlock) -> Result<Option<FeedEvent>, SyncFault> {
        let seq = end.seq;
        let Some(open) = self.open.take_if(|open| open.begin.seq == seq) else {
            return self.stray(seq).map(|()| None);
        };
        let OpenBlock { begin, updates } = open;
        if begin.block.number != end.number {
            let (expected, found) = (begin.block.number, end.number);
            return Err(SyncFault::Number { seq, expected, found });
        }
        if updates.len() != end.num_updates as usize {
            let found = u32::try_from(updates.len()).unwrap_or(u32::MAX);
            return Err(SyncFault::UpdateCount { seq, expected: end.num_updates, found });
        }
        let envelope = BlockEnvelope::new(self.chain_id, begin.block, begin.base_fee, updates);
        let (expected, found) = (end.digest, envelope.digest());
        if expected != found {
            return Err(SyncFault::Digest { seq, expected, found });
        }
        self.tip = Some((begin.block.number, begin.block.hash));
        if let Some(bracket) = &mut self.bracket {
            bracket.applied += 1;
        }
        self.next_seq += 1;
        Ok(Some(FeedEvent::Block(SequencedBlock {
            epoch: self.epoch,
            seq,
            completeness: end.completeness,
            envelope: Arc::new(envelope),
        })))
    }

    /// Everything known about the tip ends at a gap.
    fn gap(&mut self, gap: Gap) -> FeedEvent {
        if let Some(welcome) = self.pending.take() {
            *self = Self { repeated: self.repeated, ..Self::new(&welcome) };
        }
        self.drop_open();
        self.steps = OpenSteps::default();
        self.bracket = None;
        self.tip = None;
        FeedEvent::Gap(gap)
    }

    /// An update or end without its block: a repetition if the block was handed out, else a fault.
    fn stray(&mut self, seq: u64) -> Result<(), SyncFault> {
        match &self.open {
            Some(open) if open.begin.seq < seq => {
                Err(SyncFault::BlockNotClosed { seq: open.begin.seq })
            }
            _ if seq < self.next_seq => {
                self.repeated += 1;
                Ok(())
            }
            _ => Err(SyncFault::NoOpenBlock { seq }),
        }
    }

    /// Whether `seq` was handed out before, or opens the block that is open already.
    fn is_repeated(&mut self, seq: u64) -> bool {
        let is_open = self.open.as_ref().is_some_and(|open| open.begin.seq == seq);
        let is_repeated = seq < self.next_seq || is_open;
        self.repeated += u64::from(is_repeated);
        is_repeated
    }

    fn require_next(&self, seq: u64) -> Result<(), SyncFault> {
        self.require_closed()?;
        if seq == self.next_seq {
            Ok(())
        } else {
            Err(SyncFault::Sequence { expected: self.next_seq, found: seq })
        }
    }

    fn require_closed(&self) -> Result<(), SyncFault> {
        let block = self.open.as_ref().map(|open| open.begin.seq);
        match block.or_else(|| self.steps.open_seq()) {
            Some(seq) => Err(SyncFault::BlockNotClosed { seq }),
            None if self.snapshot.is_some() => {
                Err(SyncFault::BlockNotClosed { seq: self.next_seq })
            }
            None => Ok(()),
        }
    }

    const fn require_epoch(&self, epoch: u64) -> Result<(), SyncFault> {
        if epoch == self.epoch {
            Ok(())
        } else {
            Err(SyncFault::Epoch { expected: self.epoch, found: epoch })
        }
    }

    fn require_stream(&self, chain_id: u64, epoch: u64, seq: u64) -> Result<(), SyncFault> {
        if chain_id != self.chain_id {
            return Err(SyncFault::Chain { seq, expected: self.chain_id, found: chain_id });
        }
        self.require_epoch(epoch)
    }
}
