//! The table of versions alone, of a store that is left as it is.

use super::{DATA_FILE, open_environment, scan};
use crate::{
    StorageError, StoreOptions, codec,
    kv::{Entry, EntryVisitor, Table, TableRead},
    redo::{self, Overlay},
};
use signet_libmdbx::{Database, MdbxError, Mode, tx::aliases::RoTxSync};
use std::{borrow::Cow, sync::Arc};

/// [`Table::Meta`] of a store that may be of any version, opened for reading, without what is in the log alone. Other tables
/// are not there.
pub(crate) struct MetaTable {
    transaction: RoTxSync,
    handle: Database,
}

impl MetaTable {
    /// The table as opening the store would leave it, but for migrations.
    pub(crate) fn open(options: &StoreOptions) -> Result<Overlay<Self>, StorageError> {
        let table = Self::open_without_log(options)?;
        let applied = codec::read_applied(&table)?;
        let layers = redo::read(&options.path, applied)?;
        Ok(Overlay::new(table, layers.into_iter().map(Arc::new).collect(), applied))
    }

    fn open_without_log(options: &StoreOptions) -> Result<Self, StorageError> {
        let absent = || StorageError::Absent { path: options.path.clone() };
        if !options.path.join(DATA_FILE).is_file() {
            return Err(absent());
        }
        let transaction = open_environment(options, Mode::ReadOnly)?.begin_ro_sync()?;
        match transaction.open_db(Some(Table::Meta.name())) {
            Ok(handle) => Ok(Self { transaction, handle }),
            Err(MdbxError::NotFound) => Err(absent()),
            Err(error) => Err(error.into()),
        }
    }

    fn has(table: Table) -> bool {
        table == Table::Meta
    }
}

impl TableRead for MetaTable {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        if !Self::has(table) {
            return Ok(None);
        }
        Ok(self.transaction.get(self.handle.dbi(), key)?)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        if !Self::has(table) {
            return Ok(());
        }
        scan(self.transaction.cursor(self.handle)?, prefix, visit)
    }

    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError> {
        if !Self::has(table) {
            return Ok(None);
        }
        let mut cursor = self.transaction.cursor(self.handle)?;
        Ok(cursor.set_range::<Vec<u8>, Vec<u8>>(from)?)
    }
}
