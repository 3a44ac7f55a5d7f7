//! The chain rebuilt from L1 alone.
//!
//! [`derive()`] reads L1 blocks in order, takes the batcher's payloads, reassembles channels (`weir-derivation`), and
//! executes each batch again ([`BlockExecutor`]). A block is stored only if its hash is the one that the channel names, so the
//! result is the sequencer's chain or an error, never another chain. The rules are in `docs/spec/batch.md`.

mod error;
pub use error::DeriveError;

mod executor;
pub use executor::BlockExecutor;

mod queue;
pub use queue::{ChannelQueue, IgnoredReason};

mod reader;
pub use reader::{DeriveReport, DeriveRequest, derive};
