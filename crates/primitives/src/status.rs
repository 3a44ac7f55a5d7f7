//! Where a transaction is in its life.

use alloy_primitives::B256;

/// The answer to "what became of my transaction".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Accepted and executable next.
    Pending,
    /// Accepted, waiting for a transaction with a lower nonce.
    Queued {
        /// The nonce that is missing.
        missing_nonce: u64,
    },
    /// Executed in the open block; may still be retracted.
    Preconfirmed {
        /// Number of the open block.
        block: u64,
        /// Index in that block.
        index: u64,
    },
    /// In a sealed block.
    Included {
        /// Block number.
        block: u64,
        /// Block hash.
        hash: B256,
        /// Index in the block.
        index: u64,
    },
    /// Left the pool without being included.
    Dropped {
        /// Why, in words a user can act on.
        reason: String,
    },
}
