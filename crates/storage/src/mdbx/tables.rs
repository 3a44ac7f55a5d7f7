//! The tables of the engine, to read and to write.

use super::Handles;
use crate::{
    StorageError,
    kv::{Entry, EntryVisitor, Table, TableRead, TableWrite},
};
use signet_libmdbx::{
    Cursor, Rw, TransactionKind, WriteFlags,
    tx::aliases::{RoTxSync, RwTxUnsync},
};
use std::{
    borrow::Cow,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The tables as one snapshot sees them.
pub(super) struct ReadTables {
    /// Each is behind a lock of its own: threads spread over them.
    transactions: Vec<RoTxSync>,
    handles: Handles,
}

impl ReadTables {
    /// The transactions all see the same state.
    pub(super) const fn new(transactions: Vec<RoTxSync>, handles: Handles) -> Self {
        Self { transactions, handles }
    }

    /// The transaction of the calling thread.
    fn transaction(&self) -> &RoTxSync {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static THREAD: usize = THREADS.fetch_add(1, Ordering::Relaxed);
        }
        &self.transactions[THREAD.with(|thread| *thread) % self.transactions.len()]
    }
}

impl TableRead for ReadTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        Ok(self.transaction().get(self.handles[table as usize].dbi(), key)?)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        scan(self.transaction().cursor(self.handles[table as usize])?, prefix, visit)
    }

    fn walk(
        &self,
        table: Table,
        from: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        let mut cursor = self.transaction().cursor(self.handles[table as usize])?;
        let mut entries = cursor.iter_from::<Cow<'_, [u8]>, Cow<'_, [u8]>>(from)?;
        while let Some((key, value)) = entries.borrow_next()? {
            if visit(&key, &value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError> {
        let mut cursor = self.transaction().cursor(self.handles[table as usize])?;
        Ok(cursor.set_range::<Vec<u8>, Vec<u8>>(from)?)
    }
}

/// The tables in a write transaction.
pub(super) struct WriteTables<'a> {
    transaction: &'a RwTxUnsync,
    handles: &'a Handles,
    /// The cursor of the last table written: the next key is often on the same page.
    cursor: Option<(Table, Cursor<'a, Rw>)>,
}

impl<'a> WriteTables<'a> {
    pub(super) const fn new(transaction: &'a RwTxUnsync, handles: &'a Handles) -> Self {
        Self { transaction, handles, cursor: None }
    }

    fn cursor(&mut self, table: Table) -> Result<&mut Cursor<'a, Rw>, StorageError> {
        if self.cursor.as_ref().is_none_or(|(present, _)| *present != table) {
            let cursor = self.transaction.cursor(self.handles[table as usize])?;
            self.cursor = Some((table, cursor));
        }
        let (_, cursor) = self.cursor.as_mut().expect("the cursor was set above");
        Ok(cursor)
    }
}

impl TableRead for WriteTables<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        Ok(self.transaction.get(self.handles[table as usize].dbi(), key)?)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        scan(self.transaction.cursor(self.handles[table as usize])?, prefix, visit)
    }

    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError> {
        let mut cursor = self.transaction.cursor(self.handles[table as usize])?;
        Ok(cursor.set_range::<Vec<u8>, Vec<u8>>(from)?)
    }
}

impl TableWrite for WriteTables<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), StorageError> {
        let cursor = self.cursor(table)?;
        match value {
            Some(value) => cursor.put(key, value, WriteFlags::UPSERT)?,
            None => {
                if cursor.set::<()>(key)?.is_some() {
                    cursor.del()?;
                }
            }
        }
        Ok(())
    }

    fn delete_prefix(&mut self, table: Table, prefix: &[u8]) -> Result<(), StorageError> {
        let cursor = self.cursor(table)?;
        while let Some((key, ())) = cursor.set_range::<Cow<'_, [u8]>, ()>(prefix)? {
            if !key.starts_with(prefix) {
                break;
            }
            cursor.del()?;
        }
        Ok(())
    }
}

pub(super) fn scan<K: TransactionKind>(
    mut cursor: Cursor<'_, K>,
    prefix: &[u8],
    visit: &mut EntryVisitor<'_>,
) -> Result<(), StorageError> {
    let mut entries = cursor.iter_from::<Cow<'_, [u8]>, Cow<'_, [u8]>>(prefix)?;
    while let Some((key, value)) = entries.borrow_next()? {
        if !key.starts_with(prefix) || visit(&key, &value)?.is_break() {
            break;
        }
    }
    Ok(())
}
