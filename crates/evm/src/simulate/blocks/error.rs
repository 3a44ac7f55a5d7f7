//! Why blocks are not simulated.

use crate::{ExecutionError, TransactionRejected};
use alloy_primitives::Address;

/// Why blocks are not simulated. The request is at fault unless it is [`Self::Failed`] or [`Self::RootUnknown`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum BlockSimulationError {
    /// A block's number is not above that of the block before.
    #[error("block numbers must be in order: {number} <= {previous}")]
    NumberOrder {
        /// Number of the block.
        number: u64,
        /// Number of the block before.
        previous: u64,
    },
    /// A block's time is not after that of the block before.
    #[error("block timestamps must be in order: {timestamp} <= {previous}")]
    TimestampOrder {
        /// Time of the block.
        timestamp: u64,
        /// Time of the block before.
        previous: u64,
    },
    /// More blocks than are simulated at once, those that fill gaps included.
    #[error("too many blocks: limit={limit}")]
    TooManyBlocks {
        /// Most blocks.
        limit: u64,
    },
    /// More calls than are simulated at once.
    #[error("too many calls: limit={limit}")]
    TooManyCalls {
        /// Most calls.
        limit: usize,
    },
    /// A call asks for more gas than its block has left.
    #[error("block gas limit reached: remaining: {remaining}, required: {required}")]
    BlockGasExhausted {
        /// Gas that the block has left.
        remaining: u64,
        /// Gas that the call asks for.
        required: u64,
    },
    /// A call is not valid as a transaction of its block.
    #[error("err: {reason} (supplied gas {gas})")]
    Rejected {
        /// Which rule it breaks.
        reason: TransactionRejected,
        /// Its gas limit.
        gas: u64,
    },
    /// A gas price and EIP-1559 fees at once.
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    ConflictingFees,
    /// A call with authorizations or blobs that creates a contract.
    #[error("a call with authorizations or blobs needs a recipient")]
    RecipientMissing,
    /// A precompile is to be moved from where there is none.
    #[error("account {address} is not a precompile")]
    NotAPrecompile {
        /// The address.
        address: Address,
    },
    /// A precompile is to be moved to where it is.
    #[error("account {address} is moved to itself")]
    MovedToItself {
        /// The address.
        address: Address,
    },
    /// Two precompiles are to be moved to one address.
    #[error("account {address} has already been overridden by a precompile")]
    MovedTwice {
        /// The address.
        address: Address,
    },
    /// A precompile is to be moved to an account that is overridden, too.
    #[error("account {address} is already overridden")]
    AlreadyOverridden {
        /// The address.
        address: Address,
    },
    /// The root after a block could not be computed; whoever was asked for it knows why.
    #[error("state root cannot be computed")]
    RootUnknown,
    /// State could not be read, a system contract failed, or the EVM did.
    #[error(transparent)]
    Failed(#[from] ExecutionError),
}
