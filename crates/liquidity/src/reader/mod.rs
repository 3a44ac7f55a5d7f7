//! Whole pool states from a node, each at one block hash.

pub(crate) mod abi;
mod client;
pub(crate) mod contract;
pub(crate) mod contract_v4;
mod describe;
mod layout;
mod node;

pub use describe::describe_pool;
pub(crate) use describe::{Described, describe_all};
pub use node::{NodeFuture, NodeState};

use alloy_primitives::{Address, B256};
use std::{future::Future, pin::Pin};
use weir_arena::{Hydration, PoolStatic};
use weir_follower::ClientError;
use weir_primitives::{BlockRef, Severity};

/// Why a pool is not followed. Nothing is ever filled in or corrected: what contradicts the contract is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolRefusal {
    /// There is no code at the address after that block.
    #[error("pool has no code")]
    NoContract,
    /// The contract does not answer as a pool of its protocol.
    #[error("contract is no such pool")]
    NotAPool,
    /// The contract holds other tokens, or in the other order.
    #[error("tokens differ: token0={token0} token1={token1}")]
    Tokens {
        /// The contract's `token0`.
        token0: Address,
        /// The contract's `token1`.
        token1: Address,
    },
    /// The contract was created by somebody else.
    #[error("factory differs: factory={factory}")]
    Factory {
        /// The contract's `factory`.
        factory: Address,
    },
    /// The contract takes another fee.
    #[error("fee differs: fee_pips={fee_pips}")]
    Fee {
        /// The contract's `fee`, in millionths.
        fee_pips: u32,
    },
    /// The contract has another tick spacing.
    #[error("tick spacing differs: tick_spacing={tick_spacing}")]
    TickSpacing {
        /// The contract's `tickSpacing`.
        tick_spacing: i32,
    },
    /// The state read is one that the protocol's contract cannot be in: a fork with other arithmetic.
    #[error("state is not possible for the protocol")]
    State,
    /// Tokens, fee or spacing of the row are not possible, or the arena is full.
    #[error("row is not possible")]
    Row,
    /// The protocol cannot be read from a node.
    #[error("protocol cannot be read")]
    Protocol,
    /// No PoolManager has announced the key of a pool that is named by its id alone, or the node does not search for it.
    #[error("key of the pool is not found")]
    KeyUnknown,
    /// Several contracts have announced a pool of this id.
    #[error("several contracts keep a pool of this id")]
    ManagerAmbiguous,
    /// A later change removed the pool before it was read.
    #[error("pool was removed before it was read")]
    Removed,
}

/// Why a pool's state was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The node answered, and the pool is not what it is said to be.
    #[error("pool is refused")]
    Refused(#[source] PoolRefusal),
    /// The node does not know the block: it was reorged away, or its state is no longer kept.
    #[error("state of the block is not available: hash={hash}")]
    UnknownBlock {
        /// Hash of the block.
        hash: B256,
    },
    /// The node does not answer.
    #[error("node cannot be read")]
    Node(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ReadError {
    pub(crate) const NOT_A_POOL: Self = Self::Refused(PoolRefusal::NotAPool);

    /// A node that does not answer, for whatever reason of its own.
    pub fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Node(Box::new(error))
    }

    /// Why the pool is refused, if it is.
    pub const fn refusal(&self) -> Option<&PoolRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::UnknownBlock { .. } | Self::Node(_) => None,
        }
    }

    pub(crate) fn node(error: ClientError) -> Self {
        match error {
            ClientError::UnknownBlock { hash } => Self::UnknownBlock { hash },
            error => Self::Node(Box::new(error)),
        }
    }

    /// What the caller does next: a refusal stands, an unknown block asks for a newer one, silence for another attempt.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Refused(_) => Severity::Halt,
            Self::UnknownBlock { .. } => Severity::Reset,
            Self::Node(_) => Severity::Retry,
        }
    }
}

/// What [`StateReader::read`] returns.
pub type ReadFuture<'a> = Pin<Box<dyn Future<Output = Result<Hydration, ReadError>> + Send + 'a>>;

/// Reads pools from something that has the chain's state. Every [`NodeState`] does.
pub trait StateReader: Send + Sync + 'static {
    /// The pool's whole state after block `at`, after checking that the contract is the pool that `pool` describes.
    fn read<'a>(&'a self, pool: &'a PoolStatic, at: BlockRef) -> ReadFuture<'a>;
}
