//! What the server needs from the node. Implemented by the drivers above this crate.

mod chain;
pub use chain::{
    AccountProof, ChainBackend, LogValue, NonceGap, PendingTransactions, PendingView, Readiness,
    SlotProof, StatusReceiver, StepReceiver, SyncStatus, UpdateReceiver,
};

mod pool;
pub use pool::{PoolContent, PoolStatus, PoolTransaction};

mod bundle;
pub use bundle::{BundleRequest, BundleStatus};

mod admin;
pub use admin::{AdminBackend, AdminStatusView, HaltView, KeyRotationView, RotateKeyRequest};

mod batches;
pub use batches::{BatchState, BatchView, BatchesBackend};

mod liquidity;
pub use liquidity::{
    HopView, ListPools, LocatedPrice, PathHop, PoolBlock, PoolFeesView, PoolView, PoolsBackend,
    PoolsReceiver, QuoteView, TickView,
};

mod paths;
pub use paths::{
    BestRouteRequest, BestRouteView, CoverageView, DepthView, GateView, GoneView, LevelView,
    ListOpportunities, OpportunitiesView, OpportunityChangesView, OpportunityView,
    OrderBookRequest, OrderBookView, PoolGateView, PoolUpdatesView, RouteLegView,
};

mod reorg;
pub use reorg::{ReorgOutcome, ReorgRequest, ReorgTransactions};

mod receipt;
mod receipt_signer;
pub use receipt::{ReceiptError, SignedReceipt};
pub use receipt_signer::ReceiptSigner;

mod error;
pub use error::{BackendError, PoolUnusable, SubmitError};

use std::sync::Arc;

/// Everything the server reads from and writes to.
#[derive(Clone, Default)]
pub struct Backends {
    /// The chain, its pool of transactions and its updates; a process that only follows chains has none, and the methods
    /// about a chain do not exist there.
    pub chain: Option<Arc<dyn ChainBackend>>,
    /// The liquidity engine; without it the methods about pools do not exist.
    pub pools: Option<Arc<dyn PoolsBackend>>,
    /// The batch poster; without it `weir_batches` does not exist.
    pub batches: Option<Arc<dyn BatchesBackend>>,
    /// The controls of an operator; without them `weir_admin*` does not exist.
    pub admin: Option<Arc<dyn AdminBackend>>,
}

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backends")
            .field("chain", &self.chain.is_some())
            .field("pools", &self.pools.is_some())
            .field("batches", &self.batches.is_some())
            .field("admin", &self.admin.is_some())
            .finish_non_exhaustive()
    }
}
