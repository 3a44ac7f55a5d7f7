//! The list of pools to follow, as JSON of all generations, made canonical.

mod chain;
pub use chain::whitelist_chain_name;

mod error;
pub use error::{ChunkFault, WhitelistError};

mod rejection;
pub use rejection::{Rejection, RejectionReason};

mod pool;
pub use pool::{WhitelistPool, WhitelistProtocol, WhitelistToken};

mod address;
pub use address::WhitelistAddress;

mod kind;
pub use kind::WhitelistKind;

mod envelope;
pub use envelope::{WhitelistChunk, WhitelistVersion};

mod update;
pub use update::WhitelistUpdate;

mod digest;
mod message;
pub use message::WhitelistMessage;

mod assembler;
pub use assembler::WhitelistAssembler;

mod tracker;
pub use tracker::{
    DEFERRED_MAX, DELTA_ROWS_MAX, DELTAS_MAX, TrackerCounts, WhitelistChange, WhitelistOutcome,
    WhitelistTracker,
};

mod applied;
pub use applied::{APPLIED_REJECTED_MAX, AppliedError, AppliedRejection, WhitelistApplied};

mod document;
pub use document::{DocumentError, WhitelistDocument};

mod list;
pub use list::Whitelist;

/// Largest whitelist in bytes, whole or in chunks: 100,000 rich rows of about 350 bytes, twice over.
pub const WHITELIST_BYTES_MAX: usize = 64 << 20;
/// Most chunks of one message: [`WHITELIST_BYTES_MAX`] in chunks of 16 KiB.
pub const CHUNKS_MAX: u32 = 4_096;

#[cfg(test)]
mod tests;
