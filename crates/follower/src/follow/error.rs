//! Why a chain cannot be followed.

use crate::ClientError;
use weir_primitives::Severity;

/// Why there is no update. The follower is unharmed: asked again, it goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The node cannot be used, or its answers contradict themselves.
    #[error("node cannot be followed")]
    Client(#[from] ClientError),
    /// The node's canonical chain has no block of a number below its head: it changed its chain on the way, again and again.
    #[error("block is missing below the head: block={block}")]
    Missing {
        /// The number.
        block: u64,
    },
    /// The node has no block at all.
    #[error("node has no block")]
    NoHead,
    /// A block does not have the number that it was asked for by, or that its child says.
    #[error("block has the wrong number: expected={expected} found={found}")]
    Numbering {
        /// The number asked for, or one below that of the child.
        expected: u64,
        /// The number in the header.
        found: u64,
    },
    /// The node is of another chain than before the connection was lost.
    #[error("node is of another chain: expected={expected} found={found}")]
    OtherChain {
        /// Chain id at the start.
        expected: u64,
        /// Chain id now.
        found: u64,
    },
    /// Following cannot begin at a block that does not exist yet.
    #[error("start is ahead of the chain: start={start} head={head}")]
    StartAhead {
        /// Number of the first block wanted.
        start: u64,
        /// Number of the node's head.
        head: u64,
    },
    /// The blocks to resume after are none, or not each the parent of the next.
    #[error("blocks to resume after are not a chain: blocks={blocks}")]
    StartUnlinked {
        /// How many there are.
        blocks: usize,
    },
}

impl FollowError {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Client(error) => match error.severity() {
                // The follower restarts its walk by itself; what it hands out in the end is worth another try.
                Severity::Reset => Severity::Retry,
                severity => severity,
            },
            Self::Missing { .. } | Self::NoHead | Self::StartAhead { .. } => Severity::Retry,
            Self::Numbering { .. } | Self::OtherChain { .. } | Self::StartUnlinked { .. } => {
                Severity::Halt
            }
        }
    }

    /// Whether the node is out of reach, as opposed to giving answers that do not fit.
    pub(super) const fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Client(error) if matches!(error.severity(), Severity::Retry))
    }

    /// Whether another attempt gets the same answer.
    pub(super) const fn is_final(&self) -> bool {
        match self {
            Self::Client(ClientError::Refused { .. }) => matches!(self.severity(), Severity::Halt),
            Self::OtherChain { .. } => true,
            _ => false,
        }
    }
}
