//! Limits of a follower.

use crate::ClientConfig;
use std::time::Duration;

/// How often to look, how much to remember, how much to hand out at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowConfig {
    /// Limits of the requests, and the waits after a failure.
    pub client: ClientConfig,
    /// How often to ask for the head where the node does not announce it (HTTP).
    pub poll_interval: Duration,
    /// How long a node that announces heads (WebSocket) may say nothing before it is asked all the same.
    pub silence_max: Duration,
    /// Depth of the deepest reorg that is undone block by block; a deeper one is a reset.
    pub remembered_blocks: usize,
    /// Most new blocks in one update; a longer stretch is handed out in several.
    pub update_blocks_max: usize,
    /// Blocks whose receipts are asked for at the same time.
    pub blocks_in_flight: usize,
    /// Attempts in a row, without an update between them, at a node whose answers do not fit together, before the error is
    /// handed out. A node that is only out of reach is waited for without end.
    pub attempts_max: u32,
}

impl Default for FollowConfig {
    fn default() -> Self {
        Self {
            client: ClientConfig::default(),
            poll_interval: Duration::from_millis(500),
            silence_max: Duration::from_secs(15),
            remembered_blocks: 4_096,
            update_blocks_max: 64,
            blocks_in_flight: 4,
            attempts_max: 8,
        }
    }
}
