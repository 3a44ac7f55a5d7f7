//! Ordered tables of bytes: all that a backend has to offer.

mod table;
pub(crate) use table::Table;

mod write;
pub(crate) use write::{open_existing, open_or_create, write_commit, write_records};

mod revert;
pub(crate) use revert::write_revert;

mod history;
pub(crate) use history::change_of;

mod log_index;
pub(crate) use log_index::log_blocks;

use crate::StorageError;
use std::{borrow::Cow, ops::ControlFlow};

/// Takes an entry; may end the walk.
pub(crate) type EntryVisitor<'a> =
    dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StorageError> + 'a;

/// An entry of a table.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// Read access to one version of the tables.
pub(crate) trait TableRead {
    /// The value of a key.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError>;

    /// Visits the entries whose key starts with `prefix`, in order.
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError>;

    /// The first entry whose key is `from` or after it.
    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError>;

    /// Visits the entries from `from` on, in order.
    fn walk(
        &self,
        table: Table,
        from: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        let mut from = from.to_vec();
        while let Some((key, value)) = self.first_from(table, &from)? {
            if visit(&key, &value)?.is_break() {
                break;
            }
            // The least key behind this one.
            from = key;
            from.push(0);
        }
        Ok(())
    }
}

/// Write access in one transaction. The writes become visible together, or not at all.
pub(crate) trait TableWrite: TableRead {
    /// Writes a value, or with `None` deletes what is there. Ascending keys are fastest.
    fn put(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), StorageError>;

    /// Deletes every entry whose key starts with `prefix`.
    fn delete_prefix(&mut self, table: Table, prefix: &[u8]) -> Result<(), StorageError>;
}
