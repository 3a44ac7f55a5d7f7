//! From followers and whitelists to what an engine is told.

mod discovery;
pub use discovery::{PastPools, PastPoolsError, PastPoolsOptions};

mod follower;
pub use follower::{FollowerSource, FollowerSourceError};

mod nats_feed;
pub use nats_feed::NatsFeedSource;

mod whitelist;
pub use whitelist::WhitelistFeed;
