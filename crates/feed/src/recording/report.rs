//! What a replay found.

use alloy_primitives::B256;
use std::fmt;
use weir_primitives::BlockRef;

/// What is in a recording, and whether it holds together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Blocks, those inside of reorgs included.
    pub blocks: u64,
    /// Pool events in them.
    pub updates: u64,
    /// Reorgs.
    pub reorgs: u64,
    /// Blocks reverted by them.
    pub reverted: u64,
    /// Gaps: records that the recording misses.
    pub gaps: u64,
    /// Snapshots of all pool states.
    pub snapshots: u64,
    /// The last canonical block.
    pub tip: Option<BlockRef>,
    /// Bytes of an event that was cut short at the end of the file.
    pub torn_bytes: u64,
    /// With verification: one for each stretch of the recording without a gap.
    pub segments: Vec<SegmentCheck>,
}

/// A stretch of a recording applied with its reorgs, and its final branch applied without them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentCheck {
    /// Blocks in the final branch.
    pub blocks: u64,
    /// Where the final branch ends.
    pub tip: BlockRef,
    /// Pools at its end.
    pub pools: u32,
    /// Events re-executed with equal outcome.
    pub verified: u64,
    /// Events of pools that the stretch does not know the state of.
    pub ignored: u64,
    /// Pools that an event contradicted.
    pub halted: u64,
    /// Digest of all pool states after the stretch with its reorgs.
    pub digest: B256,
    /// Digest of all pool states after its final branch alone.
    pub rebuilt: B256,
}

impl SegmentCheck {
    /// Whether following the reorgs led to the same state as never having seen them, and no event contradicted it.
    pub fn is_sound(&self) -> bool {
        self.digest == self.rebuilt && self.halted == 0
    }
}

impl ReplayReport {
    /// Whether every stretch is sound. Says nothing without verification.
    pub fn is_sound(&self) -> bool {
        self.segments.iter().all(SegmentCheck::is_sound)
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chain_id, blocks, updates, reorgs, reverted, gaps, .. } = self;
        let (snapshots, torn_bytes) = (self.snapshots, self.torn_bytes);
        write!(f, "chain={chain_id} blocks={blocks} updates={updates} reorgs={reorgs}")?;
        write!(f, " reverted={reverted} gaps={gaps} snapshots={snapshots}")?;
        write!(f, " torn_bytes={torn_bytes}")?;
        for segment in &self.segments {
            let SegmentCheck { blocks, tip, pools, verified, ignored, halted, .. } = segment;
            write!(f, "\nblocks={blocks} tip={} {} pools={pools}", tip.number, tip.hash)?;
            write!(f, " verified={verified} ignored={ignored} halted={halted}")?;
            write!(f, " digest={} rebuilt={}", segment.digest, segment.rebuilt)?;
        }
        Ok(())
    }
}
