//! Why there is no quote.

use alloy_primitives::{Address, U256};
use weir_amm::QuoteError;
use weir_arena::{PoolKey, PoolStatus};

/// A refusal, with the pool it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The path has no hop.
    #[error("path is empty")]
    EmptyPath,
    /// The path is longer than [`crate::HOPS_MAX`].
    #[error("path is too long: hops={hops} max={max}")]
    TooManyHops {
        /// Hops asked for.
        hops: usize,
        /// The most allowed.
        max: usize,
    },
    /// The number of pools is not one less than that of tokens.
    #[error("tokens and pools do not fit: tokens={tokens} pools={pools}")]
    LengthMismatch {
        /// Tokens given.
        tokens: usize,
        /// Pools given.
        pools: usize,
    },
    /// The snapshot has no such pool.
    #[error("pool is unknown: pool={pool}")]
    UnknownPool {
        /// The pool asked for.
        pool: PoolKey,
    },
    /// The pool does not trade the token.
    #[error("token is not in the pool: pool={pool} token={token}")]
    TokenNotInPool {
        /// The pool.
        pool: PoolKey,
        /// The token.
        token: Address,
    },
    /// A hop does not take what the hop before it gives.
    #[error("hops do not connect: pool={pool} expected={expected} found={found}")]
    Unconnected {
        /// The pool whose input does not fit.
        pool: PoolKey,
        /// The token that the hop before gives.
        expected: Address,
        /// The token that the hop takes.
        found: Address,
    },
    /// The path visits a pool twice.
    #[error("pool is visited twice: pool={pool}")]
    PoolRepeated {
        /// The pool.
        pool: PoolKey,
    },
    /// The pool's state may not be used.
    #[error("pool is not live: pool={pool} status={status:?}")]
    NotLive {
        /// The pool.
        pool: PoolKey,
        /// Its status.
        status: PoolStatus,
    },
    /// The path was resolved on a snapshot with other pools: resolve it again.
    #[error("path is of another topology: path={path} snapshot={snapshot}")]
    StalePath {
        /// Topology counter of the path.
        path: u64,
        /// Topology counter of the snapshot.
        snapshot: u64,
    },
    /// The graph was built from a snapshot with other pools: build it again.
    #[error("graph is of another topology: graph={graph} snapshot={snapshot}")]
    StaleGraph {
        /// Topology counter of the graph.
        graph: u64,
        /// Topology counter of the snapshot.
        snapshot: u64,
    },
    /// No pool trades the token.
    #[error("token is unknown: token={token}")]
    UnknownToken {
        /// The token asked for.
        token: Address,
    },
    /// A trade of a token for itself.
    #[error("tokens are the same: token={token}")]
    SameToken {
        /// The token.
        token: Address,
    },
    /// No live pools within the allowed hops take or give the whole amount.
    #[error(
        "no route: token_in={token_in} token_out={token_out} amount={amount} hops_max={hops_max}"
    )]
    NoRoute {
        /// The token that goes in.
        token_in: Address,
        /// The token that comes out.
        token_out: Address,
        /// The fixed amount.
        amount: U256,
        /// The most hops allowed.
        hops_max: usize,
    },
    /// An option has a value that means nothing.
    #[error("option is out of range: option={option} value={value} min={min} max={max}")]
    OptionOutOfRange {
        /// Its name.
        option: &'static str,
        /// The value given.
        value: u64,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
    /// The pool's arithmetic gives no answer to the amount that reaches it.
    #[error("pool gives no quote: pool={pool}")]
    Refused {
        /// The pool.
        pool: PoolKey,
        /// Why.
        #[source]
        source: QuoteError,
    },
}
