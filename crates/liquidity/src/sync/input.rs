//! What an engine is told, whatever tells it.

use alloy_primitives::Address;
use std::sync::Arc;
use weir_arena::{BlockEnvelope, Extracted, PoolFilter, PoolKey, PoolStatic};
use weir_feed::{Completeness, FeedEvent};
use weir_primitives::{
    BlockRef, ChainSegment, ChainUpdate, ExecutedBlock, LoggedBlock, OpenUpdate,
};

/// A block of any source.
#[derive(Debug, Clone)]
pub enum SourceBlock {
    /// Executed in this process.
    Executed(ExecutedBlock),
    /// Known by its logs.
    Logged(LoggedBlock, Completeness),
    /// Decoded by somebody else.
    Envelope(Arc<BlockEnvelope>, Completeness),
}

impl SourceBlock {
    /// Number, hash, parent hash and timestamp.
    pub fn reference(&self) -> BlockRef {
        match self {
            Self::Executed(block) => block.reference(),
            Self::Logged(block, _) => block.reference,
            Self::Envelope(envelope, _) => envelope.block(),
        }
    }

    /// How the source knows that no log is missing.
    pub const fn completeness(&self) -> Completeness {
        match self {
            Self::Executed(_) => Completeness::ExecutedInNode,
            Self::Logged(_, completeness) | Self::Envelope(_, completeness) => *completeness,
        }
    }

    pub(crate) fn extract(&self, chain_id: u64, filter: &dyn PoolFilter) -> Extracted {
        match self {
            Self::Executed(block) => BlockEnvelope::from_block(chain_id, block, filter),
            Self::Logged(block, _) => BlockEnvelope::from_logged(chain_id, block, filter),
            Self::Envelope(envelope, _) => {
                Extracted { envelope: BlockEnvelope::clone(envelope), undecodable: Vec::new() }
            }
        }
    }

    /// The contract that emitted a log, by the log's index in the block.
    pub(crate) fn emitter(&self, log_index: u32) -> Option<Address> {
        let place = usize::try_from(log_index).ok()?;
        match self {
            Self::Executed(block) => {
                let mut logs = block.receipts.iter().flat_map(|receipt| &receipt.logs);
                Some(logs.nth(place)?.address)
            }
            Self::Logged(block, _) => {
                let mut logs = block.transactions.iter().flat_map(|transaction| &transaction.logs);
                Some(logs.nth(place)?.address)
            }
            Self::Envelope(..) => None,
        }
    }
}

/// How a source's canonical chain changed.
///
/// The engine believes hashes alone: a block joins only as the child of a block that it stands on or can go back to.
/// `old` may be incomplete or empty, and `new` may repeat blocks.
#[derive(Debug, Clone, Default)]
pub struct SourceUpdate {
    /// Blocks that left, ascending.
    pub old: Vec<BlockRef>,
    /// Blocks that joined, ascending.
    pub new: Vec<SourceBlock>,
    /// The source has no record that goes back to what it gave before, and goes on from this block.
    pub reset: Option<BlockRef>,
}

impl SourceUpdate {
    /// Blocks onto the tip.
    pub const fn committed(new: Vec<SourceBlock>) -> Self {
        Self { old: Vec::new(), new, reset: None }
    }

    /// What a follower of a node yields: `old` left, `new` joined, or the chain goes on from `reset`.
    pub fn followed(
        old: Vec<BlockRef>,
        new: Vec<(LoggedBlock, Completeness)>,
        reset: Option<BlockRef>,
    ) -> Self {
        let new = new.into_iter().map(|(block, proof)| SourceBlock::Logged(block, proof)).collect();
        Self { old, new, reset }
    }
}

impl From<&ChainUpdate> for SourceUpdate {
    fn from(update: &ChainUpdate) -> Self {
        let old = update.old().into_iter().flat_map(ChainSegment::blocks);
        let new = update.new().into_iter().flat_map(ChainSegment::blocks);
        Self {
            old: old.map(ExecutedBlock::reference).collect(),
            new: new.cloned().map(SourceBlock::Executed).collect(),
            reset: None,
        }
    }
}

/// Whether the source is there, and where its head is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceStatus {
    /// Whether it is connected.
    pub is_connected: bool,
    /// Number of its newest block, if it told.
    pub head: Option<u64>,
}

/// What a whitelist message does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhitelistChange {
    /// These pools and no others. An empty list is refused: no publisher means it.
    Full {
        /// The publisher's number for it.
        snapshot_id: u64,
        /// The pools.
        pools: Vec<PoolStatic>,
    },
    /// These pools besides.
    Add {
        /// The publisher's number for it.
        snapshot_id: u64,
        /// The pools.
        pools: Vec<PoolStatic>,
    },
    /// No longer these pools.
    Remove {
        /// The publisher's number for it.
        snapshot_id: u64,
        /// The pools.
        pools: Vec<PoolKey>,
    },
    /// Nothing changed: the list that is held is still the publisher's.
    Confirmed,
}

/// One thing that an engine is told.
#[derive(Debug, Clone)]
pub enum EngineInput {
    /// Blocks of this process's own sequencer.
    Chain(ChainUpdate),
    /// Steps of the block that this process's own sequencer is building.
    Open(Arc<OpenUpdate>),
    /// Blocks of a followed node, or of a file.
    Source(SourceUpdate),
    /// An event of a feed.
    Feed(FeedEvent),
    /// The source is there or not.
    Status(SourceStatus),
    /// The source has lost blocks.
    Gap,
    /// The whitelist changed.
    Whitelist(WhitelistChange),
    /// Pools that blocks before the first one followed have created.
    Discovered(Vec<PoolStatic>),
}
