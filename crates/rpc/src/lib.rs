#![doc = include_str!("../README.md")]

mod config;
pub use config::{Hosts, Origins, ServerConfig};

mod backend;
pub use backend::{
    AccountProof, BackendError, Backends, BatchState, BatchView, BatchesBackend, ChainBackend,
    HopView, ListPools, NonceGap, PathHop, PendingTransactions, PendingView, PoolContent,
    PoolStatus, PoolTransaction, PoolView, PoolsBackend, QuoteView, Readiness, SlotProof,
    SubmitError, SyncStatus, TickView, UpdateReceiver,
};

pub mod error;
pub use error::RpcError;

mod server;
pub use server::{RpcServer, ServerError};

mod methods;
pub use methods::method_names;

mod api;
mod args;
mod block_id;
mod dispatch;
mod json;
mod message;
mod meter;
mod wire;

mod debug;
mod eth;
mod net;
mod txpool;
mod web3;
mod weir;
