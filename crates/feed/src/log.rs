//! The producer's memory: numbers what is published and keeps the last blocks for resumption.

use crate::{
    Completeness, FeedEvent, FeedUpdate, Gap, GapReason, Heartbeat, Position, ProducerError,
    ReorgEnd, ReorgStart, Reverted, SequencedBlock, Start, StepUpdate, codec::encode_event,
    step_log::StepLog,
};
use alloy_primitives::B256;
use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};
use weir_arena::BlockEnvelope;
use weir_primitives::BlockRef;

/// Fewest blocks that a producer retains: four epochs of Ethereum, the depth of the arena's undo ring.
pub const RETAINED_BLOCKS_MIN: usize = 128;

/// One event with its bytes, which are built when the first socket consumer needs them.
#[derive(Debug)]
pub(crate) struct LogItem {
    pub(crate) event: FeedEvent,
    bytes: OnceLock<Bytes>,
}

impl LogItem {
    pub(crate) const fn new(event: FeedEvent) -> Self {
        Self { event, bytes: OnceLock::new() }
    }

    /// The event's frames, to be written at once.
    pub(crate) fn bytes(&self) -> &Bytes {
        self.bytes.get_or_init(|| {
            let mut out = Vec::new();
            encode_event(&self.event, &mut out);
            out.into()
        })
    }
}

/// Events by sequence number, bounded by the number of blocks. Pure: no clock, no sockets.
#[derive(Debug)]
pub(crate) struct RetainedLog {
    chain_id: u64,
    epoch: u64,
    blocks_max: usize,
    items: VecDeque<Arc<LogItem>>,
    blocks: usize,
    oldest_seq: u64,
    tip: Option<(u64, B256)>,
    steps: StepLog,
}

impl RetainedLog {
    pub(crate) fn new(chain_id: u64, epoch: u64, blocks_max: usize) -> Self {
        Self {
            chain_id,
            epoch,
            blocks_max: blocks_max.max(RETAINED_BLOCKS_MIN),
            items: VecDeque::new(),
            blocks: 0,
            oldest_seq: 0,
            tip: None,
            steps: StepLog::default(),
        }
    }

    /// Forgets everything and counts from zero in the next epoch.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.chain_id, self.epoch + 1, self.blocks_max);
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    pub(crate) const fn oldest_seq(&self) -> u64 {
        self.oldest_seq
    }

    pub(crate) fn next_seq(&self) -> u64 {
        self.oldest_seq + self.items.len() as u64
    }

    pub(crate) fn heartbeat(&self) -> Heartbeat {
        let (head_number, head_hash) = self.tip.unwrap_or_default();
        Heartbeat { epoch: self.epoch, next_seq: self.next_seq(), head_number, head_hash }
    }

    /// Numbers the events of `update` and appends them, or changes nothing.
    pub(crate) fn append(
        &mut self,
        update: FeedUpdate,
        completeness: Completeness,
    ) -> Result<Vec<FeedEvent>, ProducerError> {
        let tip = self.check(&update)?;
        let mut events = Vec::new();
        match update {
            FeedUpdate::Committed(new) => self.number_blocks(new, completeness, &mut events),
            FeedUpdate::Reorged { old, new } => {
                self.number_reorg(&old, new, completeness, tip, &mut events);
            }
        }
        self.tip = tip;
        self.steps.clear();
        for event in &events {
            self.blocks += usize::from(matches!(event, FeedEvent::Block(_)));
            self.items.push_back(Arc::new(LogItem::new(event.clone())));
        }
        self.evict();
        Ok(events)
    }

    /// Where a consumer that asks for `start` begins, and what it must be told first.
    pub(crate) fn locate(&self, start: Start) -> (u64, Option<Gap>) {
        let (wanted, reason) = match start {
            // A snapshot is found by its block; without one there is nothing before the next record.
            Start::Live | Start::Snapshot => return (self.next_seq(), None),
            Start::Oldest => return (self.oldest_seq, None),
            Start::Resume(Position { epoch, next_seq }) if epoch != self.epoch => {
                (next_seq, GapReason::Epoch)
            }
            Start::Resume(Position { next_seq, .. }) if next_seq > self.next_seq() => {
                (next_seq, GapReason::Ahead)
            }
            Start::Resume(Position { next_seq, .. }) if next_seq < self.oldest_seq => {
                (next_seq, GapReason::Expired)
            }
            Start::Resume(Position { next_seq, .. }) => return (self.update_start(next_seq), None),
        };
        (self.oldest_seq, Some(self.gap(reason, wanted)))
    }

    /// The start of the reorg that `seq` is inside of, else `seq`: a reader never begins in the middle of a reorg.
    fn update_start(&self, seq: u64) -> u64 {
        let before = usize::try_from(seq - self.oldest_seq).unwrap_or(usize::MAX);
        let bracket = self.items.iter().take(before).rev().find_map(|item| match &item.event {
            FeedEvent::ReorgStart(start) => Some(Some(start.seq)),
            FeedEvent::ReorgEnd(_) => Some(None),
            _ => None,
        });
        bracket.flatten().unwrap_or(seq)
    }

    pub(crate) fn gap(&self, reason: GapReason, wanted_seq: u64) -> Gap {
        Gap { epoch: self.epoch, reason, wanted_seq, next_seq: self.oldest_seq }
    }

    /// Up to `max` items from `seq` on; `None` if `seq` is no longer retained.
    pub(crate) fn read(&self, seq: u64, max: usize) -> Option<Vec<Arc<LogItem>>> {
        let skip = usize::try_from(seq.checked_sub(self.oldest_seq)?).ok()?;
        Some(self.items.iter().skip(skip).take(max).cloned().collect())
    }

    /// The newest retained block of that hash.
    pub(crate) fn block(&self, hash: B256) -> Option<Arc<BlockEnvelope>> {
        self.items.iter().rev().find_map(|item| match &item.event {
            FeedEvent::Block(block) if block.envelope.block().hash == hash => {
                Some(Arc::clone(&block.envelope))
            }
            _ => None,
        })
    }

    /// Whether `hash` is the tip of the reorg that `end` closes, or comes after it without another reorg.
    pub(crate) fn leads_to(&self, end: &ReorgEnd, hash: B256) -> bool {
        if end.tip_hash == hash {
            return true;
        }
        let Some(skip) = (end.seq + 1).checked_sub(self.oldest_seq) else { return false };
        let after = self.items.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
        let blocks = after.map_while(|item| match &item.event {
            FeedEvent::Block(block) => Some(block.envelope.block().hash),
            _ => None,
        });
        blocks.into_iter().any(|block| block == hash)
    }

    /// Sequence number of what comes after the newest block of that hash, where a reader may begin: not inside of a reorg.
    pub(crate) fn after(&self, hash: B256) -> Option<u64> {
        let mut is_inside = false;
        self.items.iter().rev().find_map(|item| match &item.event {
            FeedEvent::ReorgEnd(end) => {
                is_inside = true;
                (end.tip_hash == hash).then_some(end.seq + 1)
            }
            FeedEvent::ReorgStart(_) => {
                is_inside = false;
                None
            }
            FeedEvent::Block(block) if !is_inside && block.envelope.block().hash == hash => {
                Some(block.seq + 1)
            }
            _ => None,
        })
    }

    /// Appends a step of the block after the tip, or changes nothing.
    pub(crate) fn append_step(&mut self, update: StepUpdate) -> Result<FeedEvent, ProducerError> {
        if let Some((number, expected)) = self.tip
            && (update.number != number + 1 || update.parent_hash != expected)
        {
            let (number, found) = (update.number, update.parent_hash);
            return Err(ProducerError::NotTip { number, expected, found });
        }
        self.steps.append(self.chain_id, self.epoch, self.next_seq(), update)
    }

    /// Takes the steps of the open block back; `None` if there are none.
    pub(crate) fn retract_steps(&mut self) -> Option<FeedEvent> {
        self.steps.retract(self.epoch, self.next_seq())
    }

    pub(crate) const fn steps(&self) -> &StepLog {
        &self.steps
    }

    /// Checks that the update continues the stream, and returns the tip after it.
    fn check(&self, update: &FeedUpdate) -> Result<Option<(u64, B256)>, ProducerError> {
        let (mut tip, new) = match update {
            FeedUpdate::Committed(new) if new.is_empty() => return Err(ProducerError::Empty),
            FeedUpdate::Committed(new) => (self.tip, new),
            FeedUpdate::Reorged { old, new } => (Some(self.check_reverted(old)?), new),
        };
        for envelope in new {
            let found = envelope.chain_id();
            if found != self.chain_id {
                return Err(ProducerError::Chain { expected: self.chain_id, found });
            }
            let block = envelope.block();
            require_child(tip, &block)?;
            tip = Some((block.number, block.hash));
        }
        Ok(tip)
    }

    /// The common ancestor left by reverting `old`, which must end at the tip.
    fn check_reverted(&self, old: &[BlockRef]) -> Result<(u64, B256), ProducerError> {
        let (Some(first), Some(last)) = (old.first(), old.last()) else {
            return Err(ProducerError::Empty);
        };
        // A producer that has published nothing takes the source's word for what its tip was.
        if let Some((number, hash)) = self.tip
            && hash != last.hash
        {
            return Err(ProducerError::NotTip { number, expected: hash, found: last.hash });
        }
        for pair in old.windows(2) {
            require_child(Some((pair[0].number, pair[0].hash)), &pair[1])?;
        }
        // Genesis has no parent to fall back to.
        let ancestor = first.number.checked_sub(1).ok_or(ProducerError::Genesis)?;
        Ok((ancestor, first.parent_hash))
    }

    fn number_blocks(
        &self,
        new: Vec<Arc<BlockEnvelope>>,
        completeness: Completeness,
        events: &mut Vec<FeedEvent>,
    ) {
        for envelope in new {
            let seq = self.next_seq() + events.len() as u64;
            let block = SequencedBlock { epoch: self.epoch, seq, completeness, envelope };
            events.push(FeedEvent::Block(block));
        }
    }

    fn number_reorg(
        &self,
        old: &[BlockRef],
        new: Vec<Arc<BlockEnvelope>>,
        completeness: Completeness,
        tip: Option<(u64, B256)>,
        events: &mut Vec<FeedEvent>,
    ) {
        let first = old.first().copied().unwrap_or_default();
        events.push(FeedEvent::ReorgStart(ReorgStart {
            chain_id: self.chain_id,
            epoch: self.epoch,
            seq: self.next_seq(),
            ancestor_number: first.number.saturating_sub(1),
            ancestor_hash: first.parent_hash,
            reverted: count(old.len()),
            applied: count(new.len()),
        }));
        for block in old.iter().rev() {
            let seq = self.next_seq() + events.len() as u64;
            events.push(FeedEvent::Reverted(Reverted { seq, block: *block }));
        }
        self.number_blocks(new, completeness, events);
        let (tip_number, tip_hash) = tip.unwrap_or_default();
        let seq = self.next_seq() + events.len() as u64;
        events.push(FeedEvent::ReorgEnd(ReorgEnd { seq, tip_number, tip_hash }));
    }

    /// Drops the oldest updates beyond the bound, never splitting a reorg bracket and never the newest update.
    fn evict(&mut self) {
        while self.blocks > self.blocks_max {
            let length = self.first_update_len();
            if length == self.items.len() {
                return;
            }
            for item in self.items.drain(..length) {
                self.blocks -= usize::from(matches!(item.event, FeedEvent::Block(_)));
                self.oldest_seq += 1;
            }
        }
    }

    fn first_update_len(&self) -> usize {
        match self.items.front().map(|item| &item.event) {
            Some(FeedEvent::ReorgStart(_)) => {
                let end = |item: &Arc<LogItem>| matches!(item.event, FeedEvent::ReorgEnd(_));
                self.items.iter().position(end).map_or(self.items.len(), |index| index + 1)
            }
            _ => 1,
        }
    }
}

fn require_child(tip: Option<(u64, B256)>, block: &BlockRef) -> Result<(), ProducerError> {
    match tip {
        Some((number, hash)) if block.number != number + 1 || block.parent_hash != hash => {
            let found = block.parent_hash;
            Err(ProducerError::NotTip { number: block.number, expected: hash, found })
        }
        _ => Ok(()),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("a reorg of four billion blocks does not fit in memory")
}
