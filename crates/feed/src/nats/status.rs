//! Whether the whitelist is alive, for health checks.

use crate::whitelist::WhitelistVersion;
use std::time::{Duration, Instant};

/// What a health check sees of a whitelist reader. Counters are since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WhitelistStatus {
    /// Whether the NATS server is connected and all subscriptions are in place.
    pub connected: bool,
    /// When the last usable message came.
    pub last_message_at: Option<Instant>,
    /// When the last full list with a usable pool came.
    pub last_full_at: Option<Instant>,
    /// Its version, if its publisher numbers lists.
    pub last_full: Option<WhitelistVersion>,
    /// Whether a full list is asked for and has not come: at start, after a reconnection, after lost messages.
    pub awaits_full: bool,
    /// Messages received.
    pub messages: u64,
    /// Messages refused: not whitelists of this chain, or chunks that contradict each other.
    pub refused: u64,
    /// Rows refused.
    pub rejected_rows: u64,
    /// Divided messages dropped because chunks never came.
    pub incomplete: u64,
    /// Full lists asked for.
    pub requests: u64,
    /// Connections lost.
    pub reconnects: u64,
    /// Times that the client dropped messages because they were not taken.
    pub slow_consumer: u64,
}

impl WhitelistStatus {
    /// The snapshot number of the last full list.
    pub fn last_full_snapshot_id(&self) -> Option<u64> {
        self.last_full.map(|version| version.snapshot_id)
    }

    /// Time since the last usable message, at `now`; `None` before the first.
    pub fn age(&self, now: Instant) -> Option<Duration> {
        self.last_message_at.map(|at| now.saturating_duration_since(at))
    }
}
