//! An append-only file of records with group commit.

mod format;
mod handle;
mod writer;

pub use format::JournalRecord;
pub use handle::{Durability, Journal, JournalOptions, OnDurable, Rotation};
