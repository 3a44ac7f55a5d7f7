#![doc = include_str!("../README.md")]

mod config;
pub use config::{
    DEFAULT_MAX_BYTES, DEFAULT_MAX_PER_DELEGATED_SENDER, DEFAULT_MAX_PER_SENDER,
    DEFAULT_MAX_QUEUED, DEFAULT_MAX_QUEUED_PER_SENDER, DEFAULT_MAX_TRANSACTIONS,
    DEFAULT_PRICE_BUMP_PERCENT, PoolConfig,
};

mod ordering;
pub use ordering::{OrderingPolicy, UnknownOrderingPolicy};

mod transaction;
pub use transaction::PoolTransaction;

pub mod admission;
pub use admission::{AdmissionRules, IntrinsicGas};

mod error;
pub use error::PoolError;

mod sender;
pub use sender::{SenderCode, SenderState};

mod ready;

mod eviction;

mod pool;
pub use pool::{Added, Placement, TxPool};

mod candidates;

mod expiry;

mod sealed;
pub use sealed::SealEffects;

mod bundle;
pub use bundle::{Bundle, Leeway};

mod bundle_pool;
pub use bundle_pool::{
    BundleError, BundlePool, DEFAULT_MAX_BUNDLES, MAX_BUNDLE_BLOCKS, MAX_BUNDLE_BYTES,
    MAX_BUNDLE_TRANSACTIONS, MAX_REPLACEMENT_BYTES,
};

mod query;
pub use query::{PoolStatus, SenderView};
