//! Why batching cannot go on.

use alloy_primitives::B256;
use weir_derivation::{ChannelId, DecodeError, EncodeError};
use weir_follower::ClientError;
use weir_keys::KeyError;
use weir_primitives::Severity;
use weir_storage::StorageError;

/// Why the batcher stopped, or what it tries again.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// L1 did not do what was asked. The driver tries again, with backoff, for ever: blocks wait in the store meanwhile.
    #[error("L1 cannot be reached or refuses")]
    L1(#[from] ClientError),
    /// The key did not sign. The driver tries again, as with L1.
    #[error("batch cannot be signed")]
    Signing(#[from] KeyError),
    /// The store failed.
    #[error("outbox cannot be kept")]
    Storage(#[from] StorageError),
    /// A sealed block cannot be encoded.
    #[error("block cannot be batched")]
    Encode(#[from] EncodeError),
    /// A channel did not decode to the blocks that went into it; it was not posted. A defect of the codec.
    #[error("channel does not decode to its blocks: channel={channel} first={first} last={last}")]
    Unfaithful {
        /// The channel.
        channel: ChannelId,
        /// Its first block.
        first: u64,
        /// Its last block.
        last: u64,
        /// What the decoder said, if it said something.
        #[source]
        source: Option<DecodeError>,
    },
    /// A block below the head is not in the store.
    #[error("sealed block is missing: number={number}")]
    BlockMissing {
        /// Its number.
        number: u64,
    },
    /// The chain does not continue what was posted: the data directory is of another chain, or blocks were rewritten.
    #[error(
        "chain does not continue the last batch: number={number} parent={parent} posted={posted}"
    )]
    ChainChanged {
        /// First block to be batched.
        number: u64,
        /// Its parent.
        parent: B256,
        /// Hash of the last block that was batched.
        posted: B256,
    },
    /// A record of the outbox cannot be read: it was written by a newer program, or is corrupt.
    #[error("outbox record is malformed: key={key}")]
    Record {
        /// The record's key.
        key: alloy_primitives::Bytes,
    },
    /// L1 is not the chain that batches were posted to before.
    #[error(
        "L1 is another chain than before: expected=({expected_chain} {expected_genesis}) found=({found_chain} {found_genesis})"
    )]
    ForeignL1 {
        /// Chain id of before.
        expected_chain: u64,
        /// Hash of its block 0.
        expected_genesis: B256,
        /// Chain id of now.
        found_chain: u64,
        /// Hash of its block 0.
        found_genesis: B256,
    },
    /// A worker thread panicked; the state of the batcher is lost.
    #[error("batching thread panicked")]
    Panicked,
}

impl BatchError {
    /// What the driver does next.
    pub const fn severity(&self) -> Severity {
        match self {
            // Funds can be added, nodes and signers repaired and limits raised while the chain goes on.
            Self::L1(_) | Self::Signing(_) => Severity::Retry,
            Self::Storage(error) => error.severity(),
            Self::Encode(_)
            | Self::Unfaithful { .. }
            | Self::BlockMissing { .. }
            | Self::ChainChanged { .. }
            | Self::Record { .. }
            | Self::ForeignL1 { .. }
            | Self::Panicked => Severity::Halt,
        }
    }
}
