//! How following goes, for health checks.

use std::time::Instant;
use weir_primitives::BlockRef;

/// The state of a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FollowerStatus {
    /// Whether the last exchange with the node went well.
    pub connected: bool,
    /// The node's head when it was asked last.
    pub head: BlockRef,
    /// The newest block handed out; the start if there is none yet.
    pub tip: BlockRef,
    /// Blocks between the two.
    pub lag_blocks: u64,
    /// When the node's head changed last.
    pub last_head_at: Instant,
    /// When the node answered last.
    pub last_answer_at: Instant,
    /// How often the connection came back after a loss.
    pub reconnects: u64,
}
