//! The bounds of the pool.

use crate::OrderingPolicy;

/// Transactions held at most, of all senders together.
pub const DEFAULT_MAX_TRANSACTIONS: usize = 200_000;
/// Encoded bytes of transactions held at most.
pub const DEFAULT_MAX_BYTES: usize = 256 * 1024 * 1024;
/// Transactions of one sender held at most.
pub const DEFAULT_MAX_PER_SENDER: usize = 4_096;
/// Transactions held at most that wait for a missing nonce, of all senders together.
pub const DEFAULT_MAX_QUEUED: usize = 50_000;
/// Transactions of one sender held at most that wait for a missing nonce.
pub const DEFAULT_MAX_QUEUED_PER_SENDER: usize = 256;
/// Transactions of one sender with an EIP-7702 delegation held at most. Its balance can be moved by anybody whom the
/// delegate lets, so that many of its transactions can become worthless at once; one, as some clients allow, breaks wallets.
pub const DEFAULT_MAX_PER_DELEGATED_SENDER: usize = 16;
/// Percent by which both fee fields of a replacement exceed those of the transaction it replaces.
pub const DEFAULT_PRICE_BUMP_PERCENT: u64 = 10;

/// The bounds and the order of a [`TxPool`](crate::TxPool).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Transactions held at most.
    pub max_transactions: usize,
    /// Encoded bytes held at most.
    pub max_bytes: usize,
    /// Transactions of one sender held at most.
    pub max_per_sender: usize,
    /// Transactions with a nonce gap before them held at most; checked when one is added, as a chain that breaks in
    /// its middle leaves gapped transactions which were admitted without a gap.
    pub max_queued: usize,
    /// Transactions of one sender with a nonce gap before them held at most; checked when one is added.
    pub max_queued_per_sender: usize,
    /// Transactions of one delegated sender held at most; checked when one is added, so that an account which
    /// becomes delegated keeps what it has.
    pub max_per_delegated_sender: usize,
    /// Percent by which both fee fields of a replacement exceed those of the replaced transaction.
    pub price_bump_percent: u64,
    /// The order in which executable transactions are given out.
    pub ordering: OrderingPolicy,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_transactions: DEFAULT_MAX_TRANSACTIONS,
            max_bytes: DEFAULT_MAX_BYTES,
            max_per_sender: DEFAULT_MAX_PER_SENDER,
            max_queued: DEFAULT_MAX_QUEUED,
            max_queued_per_sender: DEFAULT_MAX_QUEUED_PER_SENDER,
            max_per_delegated_sender: DEFAULT_MAX_PER_DELEGATED_SENDER,
            price_bump_percent: DEFAULT_PRICE_BUMP_PERCENT,
            ordering: OrderingPolicy::Fifo,
        }
    }
}
