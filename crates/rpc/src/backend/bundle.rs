//! Bundles as a client sends them, and what became of them.

use alloy_primitives::{B256, Bytes};
use std::ops::RangeInclusive;
use weir_primitives::{BlockPlace, DropCode};

/// A bundle as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleRequest {
    /// The EIP-2718 encodings of its transactions, in order.
    pub transactions: Vec<Bytes>,
    /// The first block in which it may stand; `None`: the next one.
    pub first_block: Option<u64>,
    /// The last one; `None`: the first alone, or if that is left out, too, a number of blocks from the next one on.
    pub last_block: Option<u64>,
    /// Timestamps of blocks in which it may stand, in seconds.
    pub timestamps: RangeInclusive<u64>,
    /// Hashes of those of its transactions that may revert and are included all the same.
    pub may_revert: Vec<B256>,
    /// Hashes of those of its transactions that are left out if they revert or cannot be executed.
    pub may_drop: Vec<B256>,
    /// The sender's own name for it.
    pub replacement: Option<String>,
}

/// What became of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BundleStatus {
    /// It waits.
    Pending {
        /// The blocks in which it may stand.
        blocks: RangeInclusive<u64>,
        /// Why it could not join the block when it was last tried; `None` if it was not, or is in the open block.
        failure: Option<String>,
    },
    /// It is in the open block, which may still be dropped.
    Preconfirmed {
        /// The number of the open block.
        block: u64,
    },
    /// A block holds it.
    Included(BlockPlace),
    /// Another took its place.
    Replaced {
        /// Hash of the other.
        by: B256,
    },
    /// It is gone, and no block holds it.
    Dropped {
        /// Why, for programs.
        code: DropCode,
        /// Why, in words a user can act on.
        reason: String,
    },
}
