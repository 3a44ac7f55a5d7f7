#![doc = include_str!("../README.md")]

mod source;
pub use source::BlockSource;

mod state;
pub use state::{DegradedReason, HaltReason, TradingState};

mod gate;
pub use gate::{GateEvent, GateRefusal, HaltCause, HaltEvidence, PoolGate, gate_check};

mod feed_gates;
pub use feed_gates::publish_gates;

mod health;
pub use health::{HealthReason, LiquidityHealth, SourceView};

mod options;
pub use options::{LiquidityOptions, PoolSelection};

mod error;
pub use error::LiquidityError;

mod view;
pub use view::{GATE_QUEUE, LiquidityHandle, LiquidityView, OpenView};

mod set;
pub use set::{LiquiditySet, SetError};

mod whitelist;
pub use whitelist::{described_pools, listed_pools, pool_static};

mod spill;
pub use spill::{SPILL_SEGMENT_BLOCKS, SnapshotSpill, SpillOptions, SpillStoreError, SpilledState};

mod metrics;
pub use metrics::describe_metrics;

mod writer;

mod open;

mod engine;

mod driver;
pub use driver::{LiquidityDriver, LiquidityInput, UPDATE_QUEUE};

mod reader;
pub use reader::{
    NodeFuture, NodeState, PoolRefusal, ReadError, ReadFuture, StateReader, describe_pool,
};

mod sync;
pub use sync::{
    EngineInput, FeedSource, FeedSourceError, INPUT_QUEUE, SourceBlock, SourceDriver, SourceEngine,
    SourceOptions, SourcePorts, SourceStatus, SourceUpdate, TICK_INTERVAL, WhitelistApplied,
    WhitelistChange, Work, WorkDone,
};

mod adapter;
pub use adapter::{
    FollowerSource, FollowerSourceError, NatsFeedSource, PastPools, PastPoolsError,
    PastPoolsOptions, WhitelistFeed,
};

mod paths;
pub use paths::{BaseTokens, PathsChange, PathsDriver, PathsHandle, PathsOptions, PathsView};

mod service;
pub use service::LiquidityService;

mod check;
pub use check::{CheckError, CheckOptions, CheckReport, Difference, pools_check};
