//! The hashes of the chain, and the events of its last blocks.

use alloy_primitives::B256;
use std::{collections::VecDeque, sync::Arc};
use weir_arena::BlockEnvelope;
use weir_primitives::BlockRef;

/// Blocks whose hashes are kept, far below the undo ring: what proves which pools a deep reorg did not touch.
const HASHES_KEPT: usize = 8_192;

/// Consecutive canonical blocks up to the tip, and the envelopes of the newest of them.
#[derive(Debug)]
pub(crate) struct ChainRecord {
    blocks: VecDeque<BlockRef>,
    /// Of the newest blocks, oldest first.
    envelopes: VecDeque<Arc<BlockEnvelope>>,
    window: usize,
}

impl ChainRecord {
    pub(crate) const fn new(window: usize) -> Self {
        Self { blocks: VecDeque::new(), envelopes: VecDeque::new(), window }
    }

    /// Begins anew at a block whose events are not known.
    pub(crate) fn restart(&mut self, anchor: BlockRef) {
        self.blocks.clear();
        self.envelopes.clear();
        self.blocks.push_back(anchor);
    }

    /// Appends the child of the newest block.
    pub(crate) fn push(&mut self, envelope: Arc<BlockEnvelope>) {
        if self.blocks.len() == HASHES_KEPT {
            self.blocks.pop_front();
        }
        self.blocks.push_back(envelope.block());
        while self.envelopes.len() >= self.window.max(1) {
            self.envelopes.pop_front();
        }
        self.envelopes.push_back(envelope);
    }

    /// The block of that number, if it has that hash.
    pub(crate) fn find(&self, number: u64, hash: B256) -> Option<BlockRef> {
        let below = number.checked_sub(self.blocks.front()?.number)?;
        let block = self.blocks.get(usize::try_from(below).ok()?)?;
        (block.hash == hash).then_some(*block)
    }

    /// The newest block that stays when `old` leaves, if any of `old` is canonical.
    pub(crate) fn fork_below(&self, old: &[BlockRef]) -> Option<BlockRef> {
        let first = old.iter().find(|block| self.find(block.number, block.hash).is_some())?;
        let number = first.number.checked_sub(1)?;
        // Only the number, hash and timestamp of a block below the record matter, and the last is not known.
        let below = BlockRef { number, hash: first.parent_hash, ..BlockRef::default() };
        Some(self.find(number, first.parent_hash).unwrap_or(below))
    }

    /// Drops all blocks above this one, which is in the record.
    pub(crate) fn rewind(&mut self, ancestor: BlockRef) {
        while self.blocks.back().is_some_and(|block| block.number > ancestor.number) {
            self.blocks.pop_back();
            self.envelopes.pop_back();
        }
    }

    /// The envelopes of all blocks above a canonical one, if they are kept.
    pub(crate) fn since(&self, at: BlockRef) -> Option<Vec<Arc<BlockEnvelope>>> {
        self.find(at.number, at.hash)?;
        let above = usize::try_from(self.blocks.back()?.number.checked_sub(at.number)?).ok()?;
        let skipped = self.envelopes.len().checked_sub(above)?;
        Some(self.envelopes.iter().skip(skipped).map(Arc::clone).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    fn block(number: u64, branch: u8) -> BlockRef {
        let hash = |number: u64| B256::from(U256::from(u64::from(branch) * 1_000 + number));
        let (hash, parent_hash) = (hash(number), hash(number - 1));
        BlockRef { number, hash, parent_hash, timestamp: number }
    }

    fn record(window: usize, up_to: u64) -> ChainRecord {
        let mut record = ChainRecord::new(window);
        record.restart(block(10, 1));
        for number in 11..=up_to {
            record.push(Arc::new(BlockEnvelope::new(1, block(number, 1), 0, Vec::new())));
        }
        record
    }

    #[test]
    fn events_are_given_for_canonical_blocks_in_the_window() {
        let mut record = record(3, 15);
        let above = |record: &ChainRecord, at| record.since(at).map(|above| above.len());
        assert_eq!(above(&record, block(15, 1)), Some(0));
        assert_eq!(above(&record, block(12, 1)), Some(3));
        assert_eq!(above(&record, block(11, 1)), None);
        assert_eq!(above(&record, block(14, 2)), None);
        record.rewind(block(13, 1));
        assert_eq!(above(&record, block(14, 1)), None);
        assert_eq!(above(&record, block(12, 1)), Some(1));
        assert_eq!(above(&record, block(11, 1)), None);
    }

    #[test]
    fn a_fork_lies_below_the_first_block_that_is_known() {
        let record = record(3, 15);
        assert_eq!(record.fork_below(&[block(14, 1), block(15, 1)]), Some(block(13, 1)));
        assert_eq!(record.fork_below(&[block(14, 2), block(15, 1)]), Some(block(14, 1)));
        assert_eq!(record.fork_below(&[block(14, 2)]), None);
        let below = record.fork_below(&[block(10, 1)]).map(|fork| (fork.number, fork.hash));
        assert_eq!(below, Some((9, block(10, 1).parent_hash)));
    }
}
