//! Following a node's canonical chain exactly, through reorgs, disconnects and lies.

mod config;
pub use config::FollowConfig;

mod start;
pub use start::StartAt;

mod update;
pub use update::{Followed, FollowedBlock};

mod error;
pub use error::FollowError;

mod status;
pub use status::FollowerStatus;

mod metrics;
pub use metrics::describe_metrics;

mod window;

mod walk;

mod follower;
pub use follower::ChainFollower;
