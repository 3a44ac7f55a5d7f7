//! The engine for any source: states from a node, blocks from wherever they come.

mod driver;
mod engine;
mod feed;
mod feed_source;
mod gates;
mod hydration;
mod input;
mod members;
mod moves;
mod options;
mod reading;
mod record;
mod sample;
mod whitelisting;

pub use driver::{INPUT_QUEUE, SourceDriver, SourcePorts, TICK_INTERVAL};
pub use engine::SourceEngine;
pub use feed_source::{FeedSource, FeedSourceError};
pub use hydration::{Work, WorkDone};
pub use input::{EngineInput, SourceBlock, SourceStatus, SourceUpdate, WhitelistChange};
pub use members::WhitelistApplied;
pub use options::SourceOptions;
