//! Sealed blocks on their way to L1.
//!
//! The [`BatchDriver`] follows the head, collects blocks into channels, and posts them. Nothing is skipped and nothing posted
//! twice, whenever the process dies, because of the order in which the outbox is written:
//!
//! 1. *intent*: the payloads of a channel with their block range, in one atomic write. The next channel begins after the
//!    last one written, so there is no cursor that could disagree.
//! 2. *attempt*: the signed bytes, their hash and nonce, before they are sent.
//! 3. *inclusion*: the L1 block, when a receipt is seen; taken back if a reorg removes it.
//! 4. *final*: after the confirmations; the bytes are dropped, the facts kept.
//!
//! After a crash the very same signed bytes are sent again. A node that answers "already known" or "nonce too low" is not
//! believed to mean anything: the receipts of our hashes decide.

mod config;
pub use config::{BatchConfig, DEFAULT_BATCH_AGE_MAX, DEFAULT_BATCH_BYTES_MAX, DEFAULT_INBOX};

mod entry;
pub(crate) use entry::{Attempt, OutboxEntry, RecordedInclusion};

mod outbox;
pub(crate) use outbox::{Outbox, newest_batched};

mod collector;
pub(crate) use collector::{ClosedChannel, Collector};

mod poster;

mod driver;
pub use driver::BatchDriver;

mod status;
pub use status::{BatchHandle, BatchState, BatchStatus};

mod settlement;
pub use settlement::Settlement;
use settlement::{settlement, settlements};

mod telling;
pub use telling::tell_settlements;

mod error;
pub use error::BatchError;

#[cfg(test)]
mod tests;
