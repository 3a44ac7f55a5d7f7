//! The blocks that a follower remembers.

use std::collections::VecDeque;
use weir_primitives::BlockRef;

/// The newest blocks handed out, each the parent of the next, at least one.
#[derive(Debug, Clone)]
pub(super) struct Window {
    blocks: VecDeque<BlockRef>,
    capacity: usize,
}

impl Window {
    /// Remembers `blocks` (ascending, at least one) such that `depth` of them can be taken off.
    ///
    /// # Panics
    /// If there are none.
    pub(super) fn new(blocks: Vec<BlockRef>, depth: usize) -> Self {
        assert!(!blocks.is_empty(), "a window holds a block");
        // One more than can be taken off: the block that the replacement follows.
        let mut window = Self { blocks: blocks.into(), capacity: depth.saturating_add(1) };
        window.trim();
        window
    }

    /// The oldest block.
    pub(super) fn first(&self) -> BlockRef {
        *self.blocks.front().expect("a window is never empty")
    }

    /// The newest block.
    pub(super) fn tip(&self) -> BlockRef {
        *self.blocks.back().expect("a window is never empty")
    }

    /// The block of this number.
    pub(super) fn get(&self, number: u64) -> Option<&BlockRef> {
        let index = number.checked_sub(self.first().number)?;
        self.blocks.get(usize::try_from(index).ok()?)
    }

    /// Whether this very block is remembered.
    pub(super) fn contains(&self, block: &BlockRef) -> bool {
        self.get(block.number).is_some_and(|known| known.hash == block.hash)
    }

    /// The blocks above this number, ascending.
    pub(super) fn above(&self, number: u64) -> Vec<BlockRef> {
        self.blocks.iter().filter(|block| block.number > number).copied().collect()
    }

    /// Takes `old` blocks off the end and puts `new` on.
    ///
    /// # Panics
    /// If nothing is left under them, or the new blocks do not follow.
    pub(super) fn replace(&mut self, old: usize, new: impl IntoIterator<Item = BlockRef>) {
        assert!(old < self.blocks.len(), "the block that the replacement follows stays");
        self.blocks.truncate(self.blocks.len() - old);
        for block in new {
            assert!(block.is_child_of(&self.tip()), "blocks follow each other: {block:?}");
            self.blocks.push_back(block);
        }
        self.trim();
    }

    /// Forgets all but this block.
    pub(super) fn reset(&mut self, anchor: BlockRef) {
        self.blocks.clear();
        self.blocks.push_back(anchor);
    }

    fn trim(&mut self) {
        while self.blocks.len() > self.capacity {
            self.blocks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    fn block(number: u64, fork: u8) -> BlockRef {
        let hash = |number: u64| B256::from(alloy_primitives::U256::from(number << 8 | 1));
        let mut block =
            BlockRef { number, hash: hash(number), parent_hash: hash(number - 1), timestamp: 0 };
        block.hash[0] = fork;
        block
    }

    #[test]
    fn as_many_blocks_as_asked_for_can_be_taken_off() {
        let mut window = Window::new(vec![block(10, 0)], 3);
        window.replace(0, (11..=20).map(|number| block(number, 0)));
        assert_eq!((window.first(), window.tip()), (block(17, 0), block(20, 0)));
        assert_eq!(window.get(16), None);
        assert!(window.contains(&block(18, 0)) && !window.contains(&block(18, 9)));
        assert_eq!(window.above(18), [block(19, 0), block(20, 0)]);
        window.replace(3, [block(18, 9)]);
        assert_eq!((window.first(), window.tip()), (block(17, 0), block(18, 9)));
        window.reset(block(5, 1));
        assert_eq!((window.first(), window.tip()), (block(5, 1), block(5, 1)));
    }
}
