//! Why a backend could not answer.

use crate::error::METHOD_NOT_FOUND;
use std::{error::Error, sync::Arc};
use weir_primitives::StateError;

/// Why a read failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BackendError {
    /// The store failed.
    #[error("store failed: {0}")]
    Store(#[source] Arc<dyn Error + Send + Sync>),
    /// State could not be read; [`StateError::Pruned`] becomes code 4444.
    #[error(transparent)]
    State(#[from] StateError),
    /// This node does not offer the read; the method answers as if it did not exist.
    #[error("not offered by this node")]
    Unsupported,
    /// The answer would cost more than this node spends on one, in words for the caller (code -32005).
    #[error("{limit}")]
    Limited {
        /// Which limit is reached.
        limit: String,
    },
    /// An operator has halted what would answer; try again when it goes on (code -32010).
    #[error("{scope} is halted: {reason}")]
    Halted {
        /// What is halted.
        scope: &'static str,
        /// Why, in the operator's words.
        reason: String,
    },
    /// The request names something that does not exist or does not fit, in words for the caller (code -32602).
    #[error("{reason}")]
    Refused {
        /// What is wrong with the request.
        reason: String,
    },
}

impl BackendError {
    /// Wraps an error of the backing store.
    pub fn store(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Store(Arc::new(error))
    }

    /// A request that names something unknown.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }
}

/// Why no condition can be set on a pool's price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolUnusable {
    /// The name is not one of a pool.
    #[error("{reason}")]
    Misnamed {
        /// What is wrong with it.
        reason: String,
    },
    /// The chain's pools are not followed, or this one is not among them.
    #[error("pool is unknown: pool={pool}")]
    Unknown {
        /// The pool as it was named.
        pool: String,
    },
    /// What is known of the pool may be wrong or old.
    #[error("pool is not live: pool={pool} status={status}")]
    NotLive {
        /// The pool as it was named.
        pool: String,
        /// Its status, as `weir_getPool` shows it, or that of the engine.
        status: String,
    },
    /// Its contract keeps the price somewhere else than its protocol does.
    #[error("pool keeps its price elsewhere: pool={pool}")]
    Elsewhere {
        /// The pool as it was named.
        pool: String,
    },
}

impl PoolUnusable {
    /// The word for programs.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Misnamed { .. } => "poolMisnamed",
            Self::Unknown { .. } => "poolUnknown",
            Self::NotLive { .. } => "poolNotLive",
            Self::Elsewhere { .. } => "poolPriceElsewhere",
        }
    }
}

/// Why a transaction was not accepted, in the terms of JSON-RPC.
///
/// A struct, not an enum: the reasons belong to the pool and to the decoder, and this crate passes them on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SubmitError {
    /// The error code: -32000 for a transaction that is not valid, 1000 if it is known already, -32003 if refused,
    /// -32005 if a limit is reached, 5 and 6 as EIP-7966 says.
    pub code: i32,
    /// The reason, in geth's words where geth has them.
    pub message: String,
    /// Data for programs: the hash, or the nonce expected (EIP-7966).
    pub data: Option<String>,
}

impl SubmitError {
    /// This node does not offer the method.
    pub(crate) fn unsupported() -> Self {
        let message = "this node does not offer the method".to_owned();
        Self { code: METHOD_NOT_FOUND, message, data: None }
    }
}
