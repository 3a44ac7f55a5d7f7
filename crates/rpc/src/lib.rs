#![doc = include_str!("../README.md")]

mod config;
pub use config::{Hosts, Origins, ServerConfig};

mod backend;
pub use backend::{
    AccountProof, AdminBackend, AdminStatusView, BackendError, Backends, BatchState, BatchView,
    BatchesBackend, BestRouteRequest, BestRouteView, BundleRequest, BundleStatus, ChainBackend,
    CoverageView, DepthView, GateView, GoneView, HaltView, HopView, KeyRotationView, LevelView,
    ListOpportunities, ListPools, LocatedPrice, LogValue, NonceGap, OpportunitiesView,
    OpportunityChangesView, OpportunityView, OrderBookRequest, OrderBookView, PathHop,
    PendingTransactions, PendingView, PoolBlock, PoolContent, PoolFeesView, PoolGateView,
    PoolStatus, PoolTransaction, PoolUnusable, PoolUpdatesView, PoolView, PoolsBackend,
    PoolsReceiver, QuoteView, Readiness, ReceiptError, ReceiptSigner, ReorgOutcome, ReorgRequest,
    ReorgTransactions, RotateKeyRequest, RouteLegView, SignedReceipt, SlotProof, StatusReceiver,
    StepReceiver, SubmitError, SyncStatus, TickView, UpdateReceiver,
};

pub mod error;
pub use error::RpcError;

mod server;
pub use server::{RpcServer, ServerError};

mod limits;
pub use limits::{ApiKey, KeyRule, LimitRules, LimitsError, LimitsHandle, Rate};

mod jwt;
pub use jwt::{JWT_SECONDS_MAX, JwtError, JwtSecret, JwtSecretError};

mod methods;
pub use methods::method_names;

mod conditions;
pub use conditions::{read_conditions, write_conditions};

mod api;
mod args;
mod block_id;
mod budget;
mod client;
mod dispatch;
mod json;
mod message;
mod meter;
mod streams;
mod wire;
mod workers;

mod debug;
mod dev;
mod eth;
mod net;
mod openrpc;
mod testing;
mod txpool;
mod web3;
mod weir;
mod witness;
