//! What the arena refuses.

use crate::PoolKey;
use alloy_primitives::B256;
use weir_primitives::{BlockRef, Severity};

/// Why a block is not applied or not reverted. The arena is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The envelope is of another chain.
    #[error("envelope is of another chain: expected={expected} found={found}")]
    WrongChain {
        /// The arena's chain.
        expected: u64,
        /// The envelope's.
        found: u64,
    },
    /// The block is not a child of the tip.
    #[error("block is not a child of the tip: number={} hash={} parent={} tip={} tip_hash={}", .block.number, .block.hash, .block.parent_hash, .tip.number, .tip.hash)]
    NotChildOfTip {
        /// The block offered.
        block: BlockRef,
        /// The arena's tip.
        tip: BlockRef,
    },
    /// The block to be reverted is not the tip.
    #[error("block to revert is not the tip: number={} hash={}", .block.number, .block.hash)]
    NotTip {
        /// The block offered.
        block: BlockRef,
    },
    /// The undo ring does not reach down to the block: the arena must be restarted at an anchor and hydrated.
    #[error("undo ring is too short: depth={depth} available={available}")]
    TooDeep {
        /// Blocks to be reverted.
        depth: u64,
        /// Blocks that can be.
        available: u64,
    },
    /// Events are not in execution order, or two have the same log index.
    #[error("events are out of order: log_index={log_index} previous={previous}")]
    EventsOutOfOrder {
        /// Index of the event that does not fit.
        log_index: u32,
        /// Index of the one before it.
        previous: u32,
    },
    /// An event names a pool of another chain.
    #[error("event is of another chain: log_index={log_index} pool={pool}")]
    ForeignPool {
        /// Index of the event.
        log_index: u32,
        /// The pool it names.
        pool: PoolKey,
    },
    /// The content does not hash to the digest that came with it.
    #[error("digest does not match: expected={expected} found={found}")]
    DigestMismatch {
        /// The digest that came with the envelope.
        expected: B256,
        /// The digest of its content.
        found: B256,
    },
}

impl ApplyError {
    /// What the caller does next: a wrong chain is a wrong configuration, all else a wrong view.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::WrongChain { .. } | Self::ForeignPool { .. } => Severity::Halt,
            Self::NotChildOfTip { .. }
            | Self::NotTip { .. }
            | Self::TooDeep { .. }
            | Self::EventsOutOfOrder { .. }
            | Self::DigestMismatch { .. } => Severity::Reset,
        }
    }
}

/// Why a pool cannot be looked up, added, removed or hydrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The arena has no such pool.
    #[error("pool is unknown: pool={pool}")]
    UnknownPool {
        /// The pool asked for.
        pool: PoolKey,
    },
    /// The arena does not know the pool's state at that block.
    #[error("pool is not synced: pool={pool}")]
    Unsynced {
        /// The pool asked for.
        pool: PoolKey,
    },
    /// The block is older than what the undo ring holds.
    #[error("block is too old: block={block} oldest={oldest}")]
    TooDeep {
        /// The block asked for.
        block: u64,
        /// The oldest that can be answered.
        oldest: u64,
    },
    /// The block is above the tip.
    #[error("block is ahead of the tip: block={block} tip={tip}")]
    AheadOfTip {
        /// The block asked for.
        block: u64,
        /// The tip.
        tip: u64,
    },
    /// The pool was read at a block that is not the tip.
    #[error("state is not of the tip: found={found}")]
    NotTip {
        /// Hash of the block at which it was read.
        found: B256,
    },
    /// Tokens, fee or spacing of a pool are not possible.
    #[error("pool facts are not possible: pool={pool}")]
    BadStatic {
        /// The pool.
        pool: PoolKey,
    },
    /// The arena holds the pool with other tokens, fee or spacing.
    #[error("pool facts contradict those held: pool={pool}")]
    Conflict {
        /// The pool.
        pool: PoolKey,
    },
    /// The state offered is not possible: of another protocol, unbalanced ticks, or liquidity or tick that do not fit.
    #[error("pool state is not possible: pool={pool}")]
    BadState {
        /// The pool.
        pool: PoolKey,
    },
    /// The arena is full.
    #[error("arena is full: pools={pools}")]
    Full {
        /// Pools held.
        pools: u32,
    },
}
