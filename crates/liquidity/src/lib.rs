#![doc = include_str!("../README.md")]

mod source;
pub use source::BlockSource;

mod state;
pub use state::{DegradedReason, HaltReason, TradingState};

mod options;
pub use options::{LiquidityOptions, PoolSelection};

mod error;
pub use error::LiquidityError;

mod view;
pub use view::{LiquidityHandle, LiquidityView};

mod whitelist;
pub use whitelist::listed_pools;

mod metrics;
pub use metrics::describe_metrics;

mod engine;

mod driver;
pub use driver::{LiquidityDriver, UPDATE_QUEUE};

mod api;

mod check;
pub use check::{CheckError, CheckOptions, CheckReport, Difference, pools_check};
