//! The stream as consumers see it: whole blocks, reorg brackets, notices.

use crate::{
    Completeness, FeedSnapshot, FeedStep, Gap, Gate, Heartbeat, ReorgEnd, ReorgStart, Reverted,
    StepRetracted,
};
use std::sync::Arc;
use weir_arena::BlockEnvelope;
use weir_primitives::BlockRef;

/// A complete block in its place in the stream. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct SequencedBlock {
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number in that epoch.
    pub seq: u64,
    /// How the producer knows that nothing is missing.
    pub completeness: Completeness,
    /// The block with its pool events.
    pub envelope: Arc<BlockEnvelope>,
}

/// What a consumer is handed. The in-process path and the socket hand out the same values.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedEvent {
    /// A whole block, checked.
    Block(SequencedBlock),
    /// A reorg begins: hold back publication until its end.
    ReorgStart(ReorgStart),
    /// A block is reverted, newest first.
    Reverted(Reverted),
    /// The reorg is complete.
    ReorgEnd(ReorgEnd),
    /// The producer lives.
    Heartbeat(Heartbeat),
    /// What may be traded on has changed. Only consumers that ask for codec 2 are told.
    Gate(Gate),
    /// The consumer misses records and is not synced.
    Gap(Gap),
    /// All pool states at one block; what follows comes after that block.
    Snapshot(Arc<FeedSnapshot>),
    /// A step of the block that follows the tip: provisional.
    Step(FeedStep),
    /// All steps of that block are void.
    StepRetracted(StepRetracted),
}

impl FeedEvent {
    /// The sequence number, or `None` for notices, steps and snapshots, which have none of their own.
    pub const fn seq(&self) -> Option<u64> {
        match self {
            Self::Block(block) => Some(block.seq),
            Self::ReorgStart(start) => Some(start.seq),
            Self::Reverted(reverted) => Some(reverted.seq),
            Self::ReorgEnd(end) => Some(end.seq),
            Self::Heartbeat(_)
            | Self::Gap(_)
            | Self::Gate(_)
            | Self::Snapshot(_)
            | Self::Step(_)
            | Self::StepRetracted(_) => None,
        }
    }
}

/// How the canonical chain changed, in envelopes; what a producer publishes.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedUpdate {
    /// Blocks were appended to the tip, oldest first.
    Committed(Vec<Arc<BlockEnvelope>>),
    /// `old` blocks (oldest first) left the chain; `new` ones (oldest first, perhaps none) took their place.
    Reorged {
        /// What left, oldest first.
        old: Vec<BlockRef>,
        /// What joined, oldest first.
        new: Vec<Arc<BlockEnvelope>>,
    },
}
