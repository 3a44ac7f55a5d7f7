//! Why a reorg was not done.

use weir_primitives::StateError;
use weir_rpc::{
    RpcError,
    error::{INTERNAL_ERROR, INVALID_PARAMS, LIMIT_EXCEEDED},
};
use weir_storage::{JournalError, StorageError};
use weir_trie::TrieError;

/// Why a reorg was not done. Unless it is [`Self::Broken`], the chain is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReorgError {
    /// No block was to be taken off.
    #[error("depth is zero")]
    DepthZero,
    /// The changes of so many blocks are no longer kept, or never were: ask for fewer.
    #[error("reorg is deeper than the changes kept: depth={depth} available={available}")]
    TooDeep {
        /// Blocks asked for.
        depth: u64,
        /// Blocks that can be taken off.
        available: u64,
    },
    /// The blocks are in a batch, or at or below the safe head: they stay.
    #[error(
        "reorg reaches blocks that are batched or safe: depth={depth} available={available} newest={newest}"
    )]
    Settled {
        /// Blocks asked for.
        depth: u64,
        /// Blocks that can be taken off.
        available: u64,
        /// The newest block that stays.
        newest: u64,
    },
    /// The number of new blocks is not one that is allowed.
    #[error("number of new blocks is out of range: blocks={blocks} blocks_max={blocks_max}")]
    NewBlocks {
        /// Blocks asked for.
        blocks: u64,
        /// Most blocks.
        blocks_max: u64,
    },
    /// Other reorgs wait already. Try again later.
    #[error("too many reorgs wait: limit={limit}")]
    Busy {
        /// Reorgs that may wait.
        limit: usize,
    },
    /// The node is stopping.
    #[error("node is stopping")]
    Stopping,
    /// The store could not be read.
    #[error("blocks to take off cannot be read")]
    Storage(#[from] StorageError),
    /// The state before the blocks could not be read.
    #[error("earlier state cannot be read")]
    State(#[from] StateError),
    /// The state before the blocks could not be computed.
    #[error("earlier state cannot be computed")]
    Trie(#[from] TrieError),
    /// The changes kept do not lead back to the state root of the ancestor: they, or the store, are corrupt.
    #[error("earlier state has another root than its block: number={number}")]
    RootMismatch {
        /// Number of the ancestor.
        number: u64,
    },
    /// The transactions of the blocks could not be made durable.
    #[error("transactions cannot be made durable")]
    Journal(#[from] JournalError),
    /// The outbox could not be read, so nobody knows what is batched.
    #[error("batches cannot be read: {reason}")]
    Outbox {
        /// What the batcher said.
        reason: String,
    },
    /// It failed halfway: the chain on disk is a whole one, and the node stops.
    #[error("reorg failed halfway, the node stops: {reason}")]
    Broken {
        /// What failed.
        reason: String,
    },
}

impl From<ReorgError> for RpcError {
    /// The depth that is available is the data.
    fn from(error: ReorgError) -> Self {
        let code = match &error {
            ReorgError::DepthZero
            | ReorgError::TooDeep { .. }
            | ReorgError::Settled { .. }
            | ReorgError::NewBlocks { .. } => INVALID_PARAMS,
            ReorgError::Busy { .. } => LIMIT_EXCEEDED,
            ReorgError::Stopping
            | ReorgError::Storage(_)
            | ReorgError::State(_)
            | ReorgError::Trie(_)
            | ReorgError::RootMismatch { .. }
            | ReorgError::Journal(_)
            | ReorgError::Outbox { .. }
            | ReorgError::Broken { .. } => INTERNAL_ERROR,
        };
        let answer = Self::new(code, error.to_string());
        match error {
            ReorgError::TooDeep { available, .. } | ReorgError::Settled { available, .. } => {
                answer.with_data(format!("{available:#x}"))
            }
            _ => answer,
        }
    }
}
