//! The one currency between chain sources and consumers.

use crate::{BlockRef, ChainSegment};

/// How the canonical chain changed.
///
/// The sequencer, the JSON-RPC follower and a recorded file all produce it; storage, feed, arena and explorer all
/// consume it. A reorg is ordinary input, and every update has an inverse: applying `u` and then `u.inverse()`
/// leaves a consumer where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainUpdate {
    /// Blocks were appended to the tip.
    Committed(ChainSegment),
    /// The blocks of `old` were replaced by those of `new`; both have the same parent.
    Reorged {
        /// The blocks that left the canonical chain.
        old: ChainSegment,
        /// The blocks that took their place.
        new: ChainSegment,
    },
    /// Blocks were removed and nothing took their place.
    Reverted(ChainSegment),
}

impl ChainUpdate {
    /// The segment that left the canonical chain, if any.
    pub const fn old(&self) -> Option<&ChainSegment> {
        match self {
            Self::Committed(_) => None,
            Self::Reorged { old, .. } | Self::Reverted(old) => Some(old),
        }
    }

    /// The segment that joined the canonical chain, if any.
    #[expect(clippy::new_ret_no_self, reason = "the counterpart of `old`, not a constructor")]
    pub const fn new(&self) -> Option<&ChainSegment> {
        match self {
            Self::Committed(new) | Self::Reorged { new, .. } => Some(new),
            Self::Reverted(_) => None,
        }
    }

    /// The update that undoes this one.
    pub fn inverse(self) -> Self {
        match self {
            Self::Committed(segment) => Self::Reverted(segment),
            Self::Reorged { old, new } => Self::Reorged { old: new, new: old },
            Self::Reverted(segment) => Self::Committed(segment),
        }
    }

    /// The tip after the update, or `None` after a revert (the tip is then the parent of the removed segment).
    pub fn tip(&self) -> Option<BlockRef> {
        self.new().map(|segment| segment.tip().reference())
    }
}
