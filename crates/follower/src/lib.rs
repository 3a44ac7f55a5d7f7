#![doc = include_str!("../README.md")]

mod error;
pub use error::{ClientError, RefusedError};

mod config;
pub use config::ClientConfig;

mod backoff;
pub use backoff::Backoff;

mod connection;

mod request;

mod client;
pub use client::{ChainClient, SealedBlock};

mod raw;

mod announced;
mod linked;
mod proven;

mod logged;
pub use logged::LogProof;

mod calls;
pub use calls::{CallOutcome, CallRequest};

mod log_query;
pub use log_query::LogQuery;

mod fees;
pub use fees::Fees;

mod receipt;
pub use receipt::{Inclusion, SendOutcome};

mod transaction;
pub use transaction::{L1Transaction, SignedTransaction};

mod sender;
pub use sender::{Position, TransactionSender};

mod inclusion;
pub use inclusion::{InclusionConfig, InclusionState, InclusionTracker, NextAction, Observation};

mod follow;
pub use follow::{
    ChainFollower, FollowConfig, FollowError, Followed, FollowedBlock, FollowerStatus, StartAt,
    describe_metrics,
};
