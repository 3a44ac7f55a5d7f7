//! What following yields.

use crate::LogProof;
use weir_primitives::{BlockRef, LoggedBlock};

/// A block that joined the canonical chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FollowedBlock {
    /// The block and its logs.
    pub block: LoggedBlock,
    /// What proves the logs.
    pub proof: LogProof,
}

/// One step of a node's canonical chain: take `old` off, then put `new` on.
///
/// `old` and `new` are ascending, each block the parent of the next, and both follow the same block: the first of `new` is
/// the child of the parent of the first of `old`. With `reset`, both are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Blocks that left the canonical chain: the newest of those handed out before.
    pub old: Vec<BlockRef>,
    /// Blocks that joined it.
    pub new: Vec<FollowedBlock>,
    /// The chain has changed below all that is remembered: forget everything, read the state at this block anew, and take it
    /// that the next update follows this block.
    pub reset: Option<BlockRef>,
    /// The node's head when it was asked for this update.
    pub head: BlockRef,
    /// Blocks up to that head that are still to come.
    pub lag_blocks: u64,
}

impl Followed {
    /// The newest canonical block once this update is applied, if it is in it: after a mere rollback it is the parent of
    /// the first of `old`.
    pub fn tip(&self) -> Option<BlockRef> {
        self.reset.or_else(|| self.new.last().map(|last| last.block.reference))
    }
}
