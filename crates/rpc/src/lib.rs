#![doc = include_str!("../README.md")]

mod config;
pub use config::{Hosts, Origins, ServerConfig};

mod backend;
pub use backend::{
    AccountProof, BackendError, Backends, BatchState, BatchView, BatchesBackend, BestRouteRequest,
    BestRouteView, ChainBackend, CoverageView, DepthView, GateView, GoneView, HopView, LevelView,
    ListOpportunities, ListPools, NonceGap, OpportunitiesView, OpportunityChangesView,
    OpportunityView, OrderBookRequest, OrderBookView, PathHop, PendingTransactions, PendingView,
    PoolBlock, PoolContent, PoolFeesView, PoolGateView, PoolStatus, PoolTransaction,
    PoolUpdatesView, PoolView, PoolsBackend, PoolsReceiver, QuoteView, Readiness, ReceiptError,
    ReorgOutcome, ReorgRequest, ReorgTransactions, RouteLegView, SignedReceipt, SlotProof,
    StatusReceiver, SubmitError, SyncStatus, TickView, UpdateReceiver,
};

pub mod error;
pub use error::RpcError;

mod server;
pub use server::{RpcServer, ServerError};

mod methods;
pub use methods::method_names;

mod conditions;
pub use conditions::{read_conditions, write_conditions};

mod api;
mod args;
mod block_id;
mod dispatch;
mod json;
mod message;
mod meter;
mod wire;

mod debug;
mod dev;
mod eth;
mod net;
mod txpool;
mod web3;
mod weir;
mod witness;
