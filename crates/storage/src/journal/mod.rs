//! An append-only file of records with group commit.

mod contents;
mod disk;
mod format;
mod handle;
mod writer;

#[cfg(test)]
mod faults;

pub use contents::JournalContents;
pub use format::JournalRecord;
pub use handle::{Durability, Journal, JournalOptions, OnDurable, Rotation};
