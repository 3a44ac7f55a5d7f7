//! What the server needs from the node. Implemented by the drivers above this crate.

mod chain;
pub use chain::{
    AccountProof, ChainBackend, NonceGap, PendingTransactions, PendingView, Readiness, SlotProof,
    SyncStatus, UpdateReceiver,
};

mod pool;
pub use pool::{PoolContent, PoolStatus, PoolTransaction};

mod liquidity;
pub use liquidity::{
    BatchState, BatchView, BatchesBackend, HopView, ListPools, PathHop, PoolView, PoolsBackend,
    QuoteView, TickView,
};

mod error;
pub use error::{BackendError, SubmitError};

use std::sync::Arc;

/// Everything the server reads from and writes to.
#[derive(Clone)]
pub struct Backends {
    /// The chain, its pool of transactions and its updates.
    pub chain: Arc<dyn ChainBackend>,
    /// The liquidity engine; without it the methods about pools do not exist.
    pub pools: Option<Arc<dyn PoolsBackend>>,
    /// The batch poster; without it `weir_batches` does not exist.
    pub batches: Option<Arc<dyn BatchesBackend>>,
}

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backends")
            .field("pools", &self.pools.is_some())
            .field("batches", &self.batches.is_some())
            .finish_non_exhaustive()
    }
}
