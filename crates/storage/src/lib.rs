#![doc = include_str!("../README.md")]

mod store;
pub use store::{
    BlockCommit, GenesisState, HistoryWindow, RevertCommit, Store, StoreStats, TableStats,
};

mod snapshot;
pub use snapshot::{
    ChangedAccountVisitor, ChangedSlotVisitor, LeafVisitor, Records, SlotVisitor, Snapshot,
};

mod record;
pub use record::{RecordNamespace, RecordWrite};

mod log_value;
pub use log_value::LogValue;

mod hashing;
pub use hashing::{KeyHashes, hash_diff};

mod inverse;
pub use inverse::inverse_diff;

mod history;
pub use history::HistoricalState;

mod integrity;
pub use integrity::state_root_from_leaves;

mod audit;
pub use audit::{Audited, Finding, audit};

mod mdbx;
pub use mdbx::{MdbxStore, StoreOptions};

mod inspect;
pub use inspect::{Migration, StoreHeader};

mod memory;
pub use memory::MemoryStore;

mod journal;
pub use journal::{
    Durability, Journal, JournalContents, JournalOptions, JournalRecord, OnDurable, Rotation,
};

mod crash;
pub use crash::{CrashPoint, UnknownCrashPoint};

mod error;
pub use error::{ChainIdentity, JournalError, StorageError};

mod codec;
mod kv;

mod redo;
#[cfg(feature = "test-utils")]
pub use redo::list_redo_log;

#[cfg(test)]
mod fault;

#[cfg(feature = "test-utils")]
pub mod conformance;
