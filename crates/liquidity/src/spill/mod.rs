//! Snapshots older than the undo ring, on disk.

mod segment;
mod store;
mod sync;

pub use store::{SPILL_SEGMENT_BLOCKS, SnapshotSpill, SpillOptions, SpillStoreError, SpilledState};
