//! Settings.

use super::NatsWhitelistUrl;
use std::time::Duration;

/// Settings of a [`WhitelistSource`](super::WhitelistSource) and of a [`WhitelistServer`](super::WhitelistServer).
#[derive(Debug, Clone)]
pub struct WhitelistOptions {
    /// The NATS server, and the chain as subjects call it.
    pub url: NatsWhitelistUrl,
    /// The chain.
    pub chain_id: u64,
    /// Updates that may wait for the engine. When they do, the reader stops reading.
    pub updates_max: usize,
    /// Acknowledgements that may wait for the connection.
    pub applied_max: usize,
    /// Messages of one subscription that may wait for the reader; the client drops those that come then, and says so.
    pub subscription_messages: usize,
    /// Time for one attempt to connect.
    pub connect_timeout: Duration,
    /// Longest wait before the second attempt; it doubles with each.
    pub backoff_base: Duration,
    /// Longest wait between attempts.
    pub backoff_max: Duration,
    /// Time after which a full list that did not come is asked for again, and after which a divided message without
    /// progress is dropped.
    pub retry_interval: Duration,
}

impl WhitelistOptions {
    /// The defaults.
    pub const fn new(url: NatsWhitelistUrl, chain_id: u64) -> Self {
        Self {
            url,
            chain_id,
            updates_max: 64,
            applied_max: 64,
            subscription_messages: 256,
            connect_timeout: Duration::from_secs(5),
            backoff_base: Duration::from_millis(100),
            backoff_max: Duration::from_secs(10),
            retry_interval: Duration::from_secs(5),
        }
    }
}
