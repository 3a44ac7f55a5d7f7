//! Settings of the batcher.

use alloy_primitives::{Address, address};
use std::time::Duration;
use weir_follower::InclusionConfig;

/// Where batches go unless set otherwise: `0xff00…` and the id of the built-in chain, 61972. Nobody has its key.
pub const DEFAULT_INBOX: Address = address!("0xff0000000000000000000000000000000000f214");

/// Posted bytes at which a channel is closed unless set otherwise: one L1 transaction.
pub const DEFAULT_BATCH_BYTES_MAX: usize = 100_000;

/// Age at which a channel is closed unless set otherwise.
pub const DEFAULT_BATCH_AGE_MAX: Duration = Duration::from_secs(10);

/// When batches are closed, where they go, and how their fate is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchConfig {
    /// The address on L1 that batches are sent to.
    pub inbox: Address,
    /// Close a channel when it has this many bytes after compression (setting `l1-batch-max-bytes`). One that needs more than
    /// one L1 transaction is posted in several.
    pub batch_bytes_max: usize,
    /// Close a channel this long after its first block (setting `l1-batch-max-age`).
    pub batch_age_max: Duration,
    /// zstd level, 1 to 19.
    pub level: i32,
    /// L1 blocks, the including one counted, after which a batch is taken for certain.
    pub confirmations: u64,
    /// Time without inclusion after which the fees are raised.
    pub inclusion_deadline: Duration,
    /// Time after which a transaction that L1 has forgotten is sent again.
    pub resend_after: Duration,
    /// Time between two looks at L1.
    pub poll_interval: Duration,
    /// What to do if L1 is not the chain that batches were posted to before: begin again with block 1 (a development chain
    /// whose L1 is thrown away), or stop with [`BatchError::ForeignL1`](super::BatchError::ForeignL1).
    pub is_reposted_on_new_l1: bool,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            inbox: DEFAULT_INBOX,
            batch_bytes_max: DEFAULT_BATCH_BYTES_MAX,
            batch_age_max: DEFAULT_BATCH_AGE_MAX,
            level: 6,
            confirmations: 12,
            inclusion_deadline: Duration::from_secs(60),
            resend_after: Duration::from_secs(12),
            poll_interval: Duration::from_secs(1),
            is_reposted_on_new_l1: false,
        }
    }
}

impl BatchConfig {
    pub(crate) fn inclusion(&self) -> InclusionConfig {
        InclusionConfig {
            confirmations: self.confirmations,
            deadline_ms: millis(self.inclusion_deadline),
            resend_ms: millis(self.resend_after),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
