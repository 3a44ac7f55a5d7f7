//! Why the chain cannot be derived.

use alloy_primitives::B256;
use weir_builder::BuildError;
use weir_derivation::{ChannelId, DecodeError};
use weir_evm::TransactionRejected;
use weir_follower::ClientError;
use weir_primitives::{BlockRef, Severity};
use weir_storage::StorageError;

/// Why derivation stopped. What is in the store by then is right; nothing of the block at fault is.
#[derive(Debug, thiserror::Error)]
pub enum DeriveError {
    /// L1 could not be read, after all attempts.
    #[error("L1 cannot be read")]
    L1(#[from] ClientError),
    /// L1 does not have a block that it had, or that its head says it has.
    #[error("L1 lacks a block: number={number}")]
    L1Missing {
        /// Its number.
        number: u64,
    },
    /// L1 was reorged while it was read. Derive again.
    #[error("L1 was reorged: number={number} parent={parent} expected_parent={expected}")]
    L1Reorged {
        /// Number of the L1 block that does not fit.
        number: u64,
        /// Its parent hash.
        parent: B256,
        /// Hash of the block before it.
        expected: B256,
    },
    /// The store of the chain that is rebuilt failed.
    #[error("store of the derived chain failed")]
    Storage(#[from] StorageError),
    /// A batch is not the child of the block before it, in the middle of a channel.
    #[error("batch does not follow: channel={channel} number={number} parent={parent} head={head}", head = .head.hash)]
    Unlinked {
        /// The channel.
        channel: ChannelId,
        /// Block number of the batch.
        number: u64,
        /// Parent hash in the batch.
        parent: B256,
        /// The block before it.
        head: BlockRef,
    },
    /// A batch holds bytes that are no transaction.
    #[error("batch cannot be decoded: number={number}")]
    Batch {
        /// Block number of the batch.
        number: u64,
        /// What the decoder says.
        #[source]
        source: DecodeError,
    },
    /// A transaction of a batch has no valid signature.
    #[error("sender cannot be recovered: number={number} index={index}")]
    Sender {
        /// Block number of the batch.
        number: u64,
        /// Index of the transaction.
        index: usize,
    },
    /// A transaction of a batch may not stand where it stands.
    #[error("transaction is invalid: number={number} index={index}")]
    Rejected {
        /// Block number of the batch.
        number: u64,
        /// Index of the transaction.
        index: usize,
        /// Which rule it breaks.
        #[source]
        reason: TransactionRejected,
    },
    /// A block could not be opened, executed or sealed.
    #[error("block cannot be executed: number={number}")]
    Build {
        /// Its number.
        number: u64,
        /// What failed.
        #[source]
        source: BuildError,
    },
    /// Execution gives another block than the sequencer's: another genesis, other rules, or a fault in one of both.
    #[error("block diverges: number={number} expected={expected} computed={computed}")]
    Diverged {
        /// Its number.
        number: u64,
        /// The hash that the channel names.
        expected: B256,
        /// The hash of the executed block.
        computed: B256,
    },
    /// A worker thread panicked.
    #[error("derivation thread panicked")]
    Panicked,
}

impl DeriveError {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::L1(error) => error.severity(),
            Self::L1Missing { .. } | Self::L1Reorged { .. } => Severity::Reset,
            Self::Storage(error) => error.severity(),
            Self::Unlinked { .. }
            | Self::Batch { .. }
            | Self::Sender { .. }
            | Self::Rejected { .. }
            | Self::Build { .. }
            | Self::Diverged { .. }
            | Self::Panicked => Severity::Halt,
        }
    }
}
