//! The redo log: what is committed and not yet in the tables of the engine, on disk as records and in memory as layers over
//! those tables. Why it is there: `docs/adr/0018-redo-log.md`.

mod layer;
pub(crate) use layer::{Layer, Merged};

mod filter;

mod overlay;
pub(crate) use overlay::{Overlay, Staged};

mod log;
pub(crate) use log::{Log, read};

mod file;

#[cfg(feature = "test-utils")]
mod listing;
#[cfg(feature = "test-utils")]
pub use listing::list_redo_log;

#[cfg(test)]
mod faults;
