//! Which channel is executed next.

use std::collections::VecDeque;
use weir_derivation::Channel;
use weir_primitives::BlockRef;

/// Channels that wait for blocks before theirs at most.
const WAITING_MAX: usize = 256;

/// Why a channel is not executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IgnoredReason {
    /// All its blocks are derived already: it was posted twice.
    Known,
    /// It begins at or before the head and ends after it.
    Overlapping,
    /// Its first batch names another parent than the head.
    OtherParent,
    /// Too many channels wait already.
    TooManyWaiting,
}

/// Puts complete channels into the order of their blocks, whatever the order in which L1 completed them. No I/O.
#[derive(Debug, Default)]
pub struct ChannelQueue {
    waiting: VecDeque<Channel>,
}

impl ChannelQueue {
    /// Takes a channel that L1 completed.
    ///
    /// # Errors
    /// The reason, if it will never be executed.
    pub fn push(&mut self, channel: Channel, head: BlockRef) -> Result<(), IgnoredReason> {
        fits(&channel, head)?;
        if self.waiting.len() >= WAITING_MAX {
            return Err(IgnoredReason::TooManyWaiting);
        }
        self.waiting.push_back(channel);
        Ok(())
    }

    /// The channel that continues `head`, if it is there, or one that no longer fits with the reason.
    pub fn pop(&mut self, head: BlockRef) -> Option<Result<Channel, (Channel, IgnoredReason)>> {
        let is_decided = |channel: &Channel| channel.first_block() <= head.number + 1;
        let index = self.waiting.iter().position(is_decided)?;
        let channel = self.waiting.remove(index)?;
        Some(match fits(&channel, head) {
            Ok(()) => Ok(channel),
            Err(reason) => Err((channel, reason)),
        })
    }

    /// Channels that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// Whether a channel can be executed at `head`, or after blocks to come.
fn fits(channel: &Channel, head: BlockRef) -> Result<(), IgnoredReason> {
    if channel.last_block() <= head.number {
        return Err(IgnoredReason::Known);
    }
    if channel.first_block() <= head.number {
        return Err(IgnoredReason::Overlapping);
    }
    let parent = channel.batches.first().map(|batch| batch.parent_hash);
    if channel.first_block() == head.number + 1 && parent != Some(head.hash) {
        return Err(IgnoredReason::OtherParent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use weir_derivation::{Batch, ChannelId};

    fn hash(number: u64) -> B256 {
        B256::with_last_byte(number as u8)
    }

    fn head(number: u64) -> BlockRef {
        BlockRef { number, hash: hash(number), ..Default::default() }
    }

    fn channel(blocks: std::ops::RangeInclusive<u64>) -> Channel {
        let last_hash = hash(*blocks.end());
        let batch = |number| Batch { number, parent_hash: hash(number - 1), ..Default::default() };
        Channel { id: ChannelId::default(), batches: blocks.map(batch).collect(), last_hash }
    }

    #[test]
    fn channels_come_out_in_the_order_of_their_blocks() {
        let mut queue = ChannelQueue::default();
        for blocks in [7..=9, 4..=6, 1..=3] {
            queue.push(channel(blocks), head(0)).unwrap();
        }
        for (at, first) in [(0, 1), (3, 4), (6, 7)] {
            let next = queue.pop(head(at)).expect("one fits").expect("it does");
            assert_eq!(next.first_block(), first);
        }
        assert!(queue.pop(head(9)).is_none());
    }

    #[test]
    fn a_gap_waits() {
        let mut queue = ChannelQueue::default();
        queue.push(channel(4..=6), head(0)).unwrap();
        assert!(queue.pop(head(0)).is_none());
        assert!(queue.pop(head(2)).is_none());
        assert_eq!(queue.waiting(), 1);
    }

    #[test]
    fn what_can_never_be_executed_is_told_with_its_reason() {
        let mut queue = ChannelQueue::default();
        assert_eq!(queue.push(channel(1..=3), head(3)), Err(IgnoredReason::Known));
        assert_eq!(queue.push(channel(2..=4), head(3)), Err(IgnoredReason::Overlapping));
        let other = BlockRef { hash: B256::repeat_byte(9), ..head(3) };
        assert_eq!(queue.push(channel(4..=4), other), Err(IgnoredReason::OtherParent));
        // It waited, and the head overtook it.
        queue.push(channel(5..=6), head(3)).unwrap();
        let (_, reason) = queue.pop(head(5)).expect("decided").unwrap_err();
        assert_eq!(reason, IgnoredReason::Overlapping);
        // It waited, and the block before it turned out to be another one; a second one for the same blocks counts.
        queue.push(channel(5..=5), head(3)).unwrap();
        let mut right = channel(5..=5);
        right.batches[0].parent_hash = B256::repeat_byte(7);
        queue.push(right.clone(), head(3)).unwrap();
        let now = BlockRef { number: 4, hash: B256::repeat_byte(7), ..Default::default() };
        assert_eq!(queue.pop(now).expect("decided").unwrap_err().1, IgnoredReason::OtherParent);
        assert_eq!(queue.pop(now), Some(Ok(right)));
    }

    #[test]
    fn the_number_that_waits_is_bounded() {
        let mut queue = ChannelQueue::default();
        for index in 0..WAITING_MAX as u64 {
            queue.push(channel(2 + index..=2 + index), head(0)).unwrap();
        }
        assert_eq!(queue.push(channel(999..=999), head(0)), Err(IgnoredReason::TooManyWaiting));
    }
}
