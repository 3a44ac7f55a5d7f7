//! A run of linked blocks.

use crate::{BlockRef, ExecutedBlock};
use alloc::vec::Vec;

/// Why blocks do not form a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// No block was given.
    #[error("segment is empty")]
    Empty,
    /// A block does not name the one before it as its parent.
    #[error("block is not a child of the one before: number={number} expected_parent={expected}", expected = .expected.hash)]
    Unlinked {
        /// Number of the block that does not fit.
        number: u64,
        /// The block that should have been its parent.
        expected: BlockRef,
    },
}

/// One or more blocks, oldest first, each the parent of the next. Non-empty by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSegment {
    first: ExecutedBlock,
    rest: Vec<ExecutedBlock>,
}

impl ChainSegment {
    /// A segment of one block.
    pub const fn single(block: ExecutedBlock) -> Self {
        Self { first: block, rest: Vec::new() }
    }

    /// Checks that the blocks are linked, oldest first.
    pub fn new(blocks: Vec<ExecutedBlock>) -> Result<Self, SegmentError> {
        let mut blocks = blocks.into_iter();
        let mut segment = Self::single(blocks.next().ok_or(SegmentError::Empty)?);
        for block in blocks {
            segment.push(block)?;
        }
        Ok(segment)
    }

    /// Appends the child of the tip.
    pub fn push(&mut self, block: ExecutedBlock) -> Result<(), SegmentError> {
        let expected = self.tip().reference();
        let reference = block.reference();
        if !reference.is_child_of(&expected) {
            return Err(SegmentError::Unlinked { number: reference.number, expected });
        }
        self.rest.push(block);
        Ok(())
    }

    /// The oldest block.
    pub const fn first(&self) -> &ExecutedBlock {
        &self.first
    }

    /// The newest block.
    pub fn tip(&self) -> &ExecutedBlock {
        self.rest.last().unwrap_or(&self.first)
    }

    /// The blocks, oldest first; reverse it to undo.
    pub fn blocks(&self) -> impl DoubleEndedIterator<Item = &ExecutedBlock> {
        core::iter::once(&self.first).chain(&self.rest)
    }

    /// Number of blocks, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a segment is never empty")]
    pub const fn len(&self) -> usize {
        1 + self.rest.len()
    }
}
