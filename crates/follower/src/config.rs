//! Limits of a client.

use std::time::Duration;

/// How long to wait, how often to try again, how much to ask at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientConfig {
    /// Deadline of one request.
    pub request_timeout: Duration,
    /// Attempts of one read, the first included.
    pub read_attempts_max: u32,
    /// Wait before the second attempt; it doubles with each further one.
    pub backoff_base: Duration,
    /// Longest wait between attempts.
    pub backoff_max: Duration,
    /// Calls in one JSON-RPC batch.
    pub batch_calls_max: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(15),
            read_attempts_max: 5,
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            batch_calls_max: 100,
        }
    }
}
