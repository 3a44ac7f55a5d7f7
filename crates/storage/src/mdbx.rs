//! The store on disk: libMDBX.

use crate::{
    BlockCommit, CrashPoint, GenesisState, HistoryWindow, RecordWrite, RevertCommit, Snapshot,
    StorageError, Store, StoreStats, TableStats,
    kv::{self, Entry, EntryVisitor, Table, TableRead, TableWrite},
    snapshot::TableSnapshot,
};
use parking_lot::Mutex;
use signet_libmdbx::{
    Cursor, Database, DatabaseFlags, Environment, EnvironmentFlags, Geometry, MdbxError, Mode, Rw,
    SyncMode, TransactionKind, WriteFlags,
    sys::PageSize,
    tx::aliases::{RoTxSync, RwTxUnsync},
};
use std::{
    borrow::Cow,
    fmt, fs, io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

mod meta;
pub(crate) use meta::MetaTable;

/// Where a store lies and how large it may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Directory of the database; created if absent.
    pub path: PathBuf,
    /// Largest size of the database in bytes. Address space, not disk, is reserved for it.
    pub map_bytes_max: usize,
    /// Bytes by which the file grows.
    pub growth_bytes: usize,
    /// How far back state can be read.
    pub history: HistoryWindow,
    /// Most snapshot readers at a time; a snapshot takes [`StoreOptions::READERS_PER_SNAPSHOT`].
    pub readers_max: u64,
}

impl StoreOptions {
    /// Read transactions that a snapshot spreads its threads over.
    pub const READERS_PER_SNAPSHOT: usize = 4;

    /// Options for a store in `path`: at most 1 TiB, growing by 64 MiB, the default history, 4,096 snapshots at a time.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            map_bytes_max: 1 << 40,
            growth_bytes: 64 << 20,
            history: HistoryWindow::default(),
            readers_max: 16_384,
        }
    }
}

/// Page size in bytes. Stated, so that the format does not depend on the machine that made it.
const PAGE_BYTES: usize = 4096;

/// Name that libMDBX gives the data file in its directory.
const DATA_FILE: &str = "mdbx.dat";

/// The handles of all tables, by discriminant.
type Handles = [Database; Table::ALL.len()];

/// A store in a libMDBX database, opened for this process alone.
///
/// Every commit is synced to disk before it returns ([`SyncMode::Durable`]); there is no option for less.
pub struct MdbxStore {
    environment: Environment,
    handles: Handles,
    options: StoreOptions,
    /// One writer at a time waits here rather than in the engine, which polls.
    writer: Mutex<()>,
}

impl fmt::Debug for MdbxStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MdbxStore").field("options", &self.options).finish_non_exhaustive()
    }
}

impl MdbxStore {
    /// Opens the store and writes genesis if it is empty; otherwise checks schema version and chain.
    pub fn open(options: StoreOptions, genesis: &GenesisState) -> Result<Self, StorageError> {
        Self::open_with(options, |tables| kv::open_or_create(tables, genesis))
    }

    /// Opens a store that is there, of whatever chain.
    ///
    /// # Errors
    /// [`StorageError::Absent`] if there is none.
    pub fn open_existing(options: StoreOptions) -> Result<Self, StorageError> {
        if !options.path.join(DATA_FILE).is_file() {
            return Err(StorageError::Absent { path: options.path });
        }
        let path = options.path.clone();
        Self::open_with(options, |tables| match kv::open_existing(tables)? {
            true => Ok(()),
            false => Err(StorageError::Absent { path }),
        })
    }

    /// Opens the tables; `check` looks at them and may write, in one transaction.
    fn open_with(
        options: StoreOptions,
        check: impl FnOnce(&mut WriteTables<'_>) -> Result<(), StorageError>,
    ) -> Result<Self, StorageError> {
        fs::create_dir_all(&options.path).map_err(|error| StorageError::Io {
            path: options.path.clone(),
            error: Arc::new(error),
        })?;
        let sync_mode = SyncMode::Durable;
        let environment = open_environment(&options, Mode::ReadWrite { sync_mode })?;
        let transaction = environment.begin_rw_unsync()?;
        let mut handles = [Database::freelist_db(); Table::ALL.len()];
        for table in Table::ALL {
            handles[table as usize] =
                transaction.create_db(Some(table.name()), DatabaseFlags::empty())?;
        }
        let mut tables = WriteTables::new(&transaction, &handles);
        check(&mut tables)?;
        drop(tables);
        transaction.commit()?;
        Ok(Self { environment, handles, options, writer: Mutex::new(()) })
    }

    /// Runs `write` in one transaction and syncs it.
    fn write(
        &self,
        write: impl FnOnce(&mut WriteTables<'_>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let _turn = self.writer.lock();
        let transaction = self.environment.begin_rw_unsync()?;
        let mut tables = WriteTables::new(&transaction, &self.handles);
        write(&mut tables)?;
        drop(tables);
        transaction.commit()?;
        Ok(())
    }

    /// Read transactions that all see the same head.
    fn begin_readers(&self) -> Result<Vec<RoTxSync>, StorageError> {
        let readers = StoreOptions::READERS_PER_SNAPSHOT;
        match self.environment.begin_ro_sync_multi(readers) {
            Err(MdbxError::SnapshotDivergence) => {
                // Commits came faster than the transactions could be opened: hold the next one back.
                let _turn = self.writer.lock();
                Ok(self.environment.begin_ro_sync_multi(readers)?)
            }
            result => Ok(result?),
        }
    }
}

fn open_environment(options: &StoreOptions, mode: Mode) -> Result<Environment, StorageError> {
    let growth = isize::try_from(options.growth_bytes).unwrap_or(isize::MAX);
    let mut builder = Environment::builder();
    builder
        .set_max_dbs(Table::ALL.len())
        .set_max_readers(options.readers_max)
        .set_geometry(Geometry {
            size: Some(0..=options.map_bytes_max),
            growth_step: Some(growth),
            shrink_threshold: None,
            page_size: Some(PageSize::Set(PAGE_BYTES)),
        })
        .set_flags(EnvironmentFlags {
            exclusive: true,
            mode,
            // State is read at random; reading ahead would evict what is needed.
            no_rdahead: true,
            ..EnvironmentFlags::default()
        });
    builder.open(&options.path).map_err(|error| {
        if is_in_use(error) {
            StorageError::InUse { path: options.path.clone() }
        } else {
            error.into()
        }
    })
}

/// Whether the engine found the lock of another process, or of this one.
fn is_in_use(error: MdbxError) -> bool {
    match error {
        MdbxError::Busy => true,
        MdbxError::Other(code) => {
            io::Error::from_raw_os_error(code).kind() == io::ErrorKind::WouldBlock
        }
        _ => false,
    }
}

impl Store for MdbxStore {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StorageError> {
        let tables = ReadTables { transactions: self.begin_readers()?, handles: self.handles };
        Ok(Arc::new(TableSnapshot::new(tables)?))
    }

    fn commit(&self, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
        CrashPoint::BlockStore.pass();
        self.write(|tables| {
            kv::write_commit(tables, commit, self.options.history)?;
            CrashPoint::BlockCommit.pass();
            Ok(())
        })?;
        CrashPoint::BlockShow.pass();
        Ok(())
    }

    fn revert(&self, revert: &RevertCommit<'_>) -> Result<(), StorageError> {
        self.write(|tables| kv::write_revert(tables, revert))
    }

    fn write_records(&self, writes: &[RecordWrite]) -> Result<(), StorageError> {
        self.write(|tables| kv::write_records(tables, writes))
    }

    fn stats(&self) -> Result<StoreStats, StorageError> {
        let path = self.options.path.join(DATA_FILE);
        let file = fs::metadata(&path)
            .map_err(|error| StorageError::Io { path, error: Arc::new(error) })?;
        let transaction = self.environment.begin_ro_sync()?;
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            let stat = transaction.db_stat(&self.handles[table as usize])?;
            let pages = stat.branch_pages() + stat.leaf_pages() + stat.overflow_pages();
            tables.push(TableStats {
                name: table.name(),
                entries: stat.entries() as u64,
                bytes: (pages * stat.page_size() as usize) as u64,
            });
        }
        let bytes_max = Some(self.options.map_bytes_max as u64);
        Ok(StoreStats { bytes: file.len(), bytes_max, tables })
    }
}

/// The tables as one snapshot sees them.
struct ReadTables {
    /// Each is behind a lock of its own: threads spread over them.
    transactions: Vec<RoTxSync>,
    handles: Handles,
}

impl ReadTables {
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
struct WriteTables<'a> {
    transaction: &'a RwTxUnsync,
    handles: &'a Handles,
    /// The cursor of the last table written: the next key is often on the same page.
    cursor: Option<(Table, Cursor<'a, Rw>)>,
}

impl<'a> WriteTables<'a> {
    const fn new(transaction: &'a RwTxUnsync, handles: &'a Handles) -> Self {
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

fn scan<K: TransactionKind>(
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
