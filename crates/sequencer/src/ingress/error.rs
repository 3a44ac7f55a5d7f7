//! Why a transaction was not accepted.

use alloy_primitives::B256;
use weir_evm::{DecodeError, SignatureError};
use weir_primitives::{ConditionFailure, StateError};
use weir_storage::JournalError;
use weir_txpool::{BundleError, PoolError};

/// Why a transaction was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum IngressError {
    /// The bytes are not a transaction. Fix them.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The signature does not recover to an address. Sign again.
    #[error("invalid sender: {0}")]
    Signature(#[from] SignatureError),
    /// A rule of the pool refuses it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A rule of bundles refuses it.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A condition that it was sent with does not hold (ERC-7796).
    #[error("transaction rejected: {0}")]
    Condition(#[from] ConditionFailure),
    /// The conditions name more than this node checks for one transaction.
    #[error("conditions are too large: cost={cost} limit={limit}")]
    ConditionsTooLarge {
        /// Roots and parts of accounts that they name.
        cost: usize,
        /// How many they may name.
        limit: usize,
    },
    /// The conditions in the journal are not such.
    #[error("conditions cannot be read: {reason}")]
    ConditionsUnreadable {
        /// What is wrong with them.
        reason: String,
    },
    /// It could not be executed now, and the caller asked not to wait.
    #[error("transaction is not ready: hash={hash} fee_cap={fee_cap} base_fee={base_fee}")]
    NotReady {
        /// Hash of the transaction.
        hash: B256,
        /// Its fee cap in wei per gas.
        fee_cap: u128,
        /// The base fee of the next block in wei per gas.
        base_fee: u64,
    },
    /// The nonce is ahead and the caller asked not to queue.
    #[error("nonce gap: expected={expected}")]
    NonceGap {
        /// The nonce that the sender's next transaction must have.
        expected: u64,
    },
    /// The sender's account could not be read; try again.
    #[error("state cannot be read")]
    State(#[from] StateError),
    /// The transaction could not be made durable and is not accepted.
    #[error("transaction cannot be made durable")]
    Journal(#[from] JournalError),
    /// The journal has no room for it. Try again when blocks have taken what waits.
    #[error("journal is full: bytes={bytes} limit={limit}")]
    JournalFull {
        /// Bytes in the journal.
        bytes: u64,
        /// How many it may hold.
        limit: u64,
    },
    /// A block with it did not pass the check before publishing; it is not tried again.
    #[error("transaction is quarantined: hash={hash}")]
    Quarantined {
        /// Hash of the transaction.
        hash: B256,
    },
    /// The operator has halted the ingress. Try again when it goes on.
    #[error("ingress is halted: {reason}")]
    Halted {
        /// Why.
        reason: String,
    },
    /// This node has no key for receipts.
    #[error("this node signs no receipts")]
    ReceiptsOff,
    /// The transaction is accepted, and its receipt could not be signed.
    #[error("transaction is accepted, receipt cannot be signed: hash={hash} reason={reason}")]
    Signing {
        /// Hash of the transaction.
        hash: B256,
        /// What the signer said.
        reason: String,
    },
    /// The node is stopping.
    #[error("node is stopping")]
    Stopping,
}

impl IngressError {
    /// Whether a transaction that was accepted once is lost by this refusal, rather than included or overtaken.
    pub(super) const fn is_lost(&self) -> bool {
        !matches!(self, Self::Pool(PoolError::NonceTooLow { .. } | PoolError::AlreadyKnown { .. }))
    }
}
