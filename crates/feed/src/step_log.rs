//! The producer's memory of the open block: its steps, until something supersedes them.

use crate::{
    FeedEvent, FeedStep, ProducerError, STEPS_PER_BLOCK_MAX, StepRetracted, StepUpdate,
    UPDATES_PER_BLOCK_MAX, log::LogItem,
};
use alloy_primitives::B256;
use std::sync::Arc;

/// Steps of the open block, counted over all blocks so that readers know which they have.
#[derive(Debug, Default)]
pub(crate) struct StepLog {
    items: Vec<Arc<LogItem>>,
    /// Place of the first item.
    oldest: u64,
    /// Number and parent of the open block, if it has steps.
    block: Option<(u64, B256)>,
    steps: u32,
    updates: usize,
    /// Where the last update of the steps is.
    last: Option<(u32, u32)>,
    /// First transaction that the next step may begin with.
    next_tx: u32,
}

impl StepLog {
    pub(crate) const fn oldest(&self) -> u64 {
        self.oldest
    }

    pub(crate) const fn next(&self) -> u64 {
        self.oldest + self.items.len() as u64
    }

    /// Everything from `place` on that is left.
    pub(crate) fn read(&self, place: u64) -> Vec<Arc<LogItem>> {
        let skip = usize::try_from(place.saturating_sub(self.oldest)).unwrap_or(usize::MAX);
        self.items.iter().skip(skip).cloned().collect()
    }

    /// The open block has become something else.
    pub(crate) fn clear(&mut self) {
        *self = Self { oldest: self.next(), ..Self::default() };
    }

    pub(crate) fn append(
        &mut self,
        chain_id: u64,
        epoch: u64,
        seq: u64,
        update: StepUpdate,
    ) -> Result<FeedEvent, ProducerError> {
        let StepUpdate { number, parent_hash, first_tx, events } = update;
        let index = self.steps;
        if self.block.is_some_and(|block| block != (number, parent_hash)) {
            return Err(ProducerError::StepOrder { number, index });
        }
        let updates = self.updates + events.len();
        if index == STEPS_PER_BLOCK_MAX || updates > UPDATES_PER_BLOCK_MAX as usize {
            return Err(ProducerError::StepsFull { number, steps: index, updates });
        }
        let mut last = self.last;
        let mut is_ordered = first_tx >= self.next_tx;
        for record in &events {
            let place = (record.tx_index, record.log_index);
            is_ordered &= record.tx_index >= first_tx
                && record.pool.chain_id == chain_id
                && last.is_none_or(|last| last < place);
            last = Some(place);
        }
        if !is_ordered {
            return Err(ProducerError::StepOrder { number, index });
        }
        let events = events.into();
        let step = FeedStep { chain_id, epoch, seq, number, parent_hash, index, first_tx, events };
        let event = FeedEvent::Step(step);
        self.items.push(Arc::new(LogItem::new(event.clone())));
        self.block = Some((number, parent_hash));
        self.next_tx = last.map_or(first_tx, |(tx_index, _)| tx_index.max(first_tx));
        (self.steps, self.updates, self.last) = (index + 1, updates, last);
        Ok(event)
    }

    pub(crate) fn retract(&mut self, epoch: u64, seq: u64) -> Option<FeedEvent> {
        let (number, parent_hash) = self.block?;
        let steps = self.steps;
        self.clear();
        let event =
            FeedEvent::StepRetracted(StepRetracted { epoch, seq, number, parent_hash, steps });
        self.items.push(Arc::new(LogItem::new(event.clone())));
        Some(event)
    }
}
