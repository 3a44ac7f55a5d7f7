//! Steps of the open block: what happened in it so far, before it is sealed.

use alloy_primitives::B256;
use std::sync::Arc;
use weir_arena::EventRecord;

/// Most steps of one open block. A step takes a millisecond or more, so a block has far fewer.
pub const STEPS_PER_BLOCK_MAX: u32 = 1 << 12;

/// The next step of the open block; what a producer publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepUpdate {
    /// Number of the open block: that of the tip and one.
    pub number: u64,
    /// Hash of the tip.
    pub parent_hash: B256,
    /// Index in the block of the step's first transaction.
    pub first_tx: u32,
    /// Pool events of the step in execution order, with their indices in the block.
    pub events: Vec<EventRecord>,
}

/// A whole step, checked. Cheap to clone.
///
/// It is provisional: the block that is sealed supersedes all of its steps, and [`StepRetracted`] takes them back.
/// Index zero begins anew, whatever came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedStep {
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number that the block will have if it is what comes next.
    pub seq: u64,
    /// Number of the open block.
    pub number: u64,
    /// Hash of its parent, the tip.
    pub parent_hash: B256,
    /// Which step of the block it is, from zero.
    pub index: u32,
    /// Index in the block of its first transaction.
    pub first_tx: u32,
    /// Its pool events in execution order.
    pub events: Arc<[EventRecord]>,
}

/// Opens a step. Its updates follow; it is complete with the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number that the block will have if it is what comes next.
    pub seq: u64,
    /// Number of the open block.
    pub number: u64,
    /// Hash of its parent, the tip.
    pub parent_hash: B256,
    /// Which step of the block it is, from zero.
    pub index: u32,
    /// Index in the block of its first transaction.
    pub first_tx: u32,
    /// How many updates follow.
    pub num_updates: u32,
    /// SHA-256 of this record's frame up to the digest, and the frames of the updates.
    pub digest: B256,
}

/// Takes back all steps of the open block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRetracted {
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number due next.
    pub seq: u64,
    /// Number of the block that was open.
    pub number: u64,
    /// Hash of its parent, the tip.
    pub parent_hash: B256,
    /// How many steps are taken back.
    pub steps: u32,
}
