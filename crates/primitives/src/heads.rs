//! How final each part of the chain is.

use crate::BlockRef;

/// Heads that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("heads are not ordered: finalized={finalized} safe={safe} unsafe={unsafe_head}")]
pub struct HeadsError {
    /// Number of the finalized head offered.
    pub finalized: u64,
    /// Number of the safe head offered.
    pub safe: u64,
    /// Number of the unsafe head offered.
    pub unsafe_head: u64,
}

/// The unsafe, safe and finalized heads as one value, so that `finalized <= safe <= unsafe` always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    unsafe_head: BlockRef,
    safe_head: BlockRef,
    finalized_head: BlockRef,
}

impl Heads {
    /// All three heads at genesis.
    pub const fn at_genesis(genesis: BlockRef) -> Self {
        Self { unsafe_head: genesis, safe_head: genesis, finalized_head: genesis }
    }

    /// Checks the order of the heads.
    pub const fn new(
        unsafe_head: BlockRef,
        safe_head: BlockRef,
        finalized_head: BlockRef,
    ) -> Result<Self, HeadsError> {
        if finalized_head.number <= safe_head.number && safe_head.number <= unsafe_head.number {
            Ok(Self { unsafe_head, safe_head, finalized_head })
        } else {
            Err(HeadsError {
                finalized: finalized_head.number,
                safe: safe_head.number,
                unsafe_head: unsafe_head.number,
            })
        }
    }

    /// The highest block known, derived from L1 or not.
    pub const fn unsafe_head(&self) -> BlockRef {
        self.unsafe_head
    }

    /// The highest block that can be derived from L1.
    pub const fn safe_head(&self) -> BlockRef {
        self.safe_head
    }

    /// The highest block that can be derived from finalized L1 blocks.
    pub const fn finalized_head(&self) -> BlockRef {
        self.finalized_head
    }
}
