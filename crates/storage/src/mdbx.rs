//! The store on disk: libMDBX.

use crate::{
    BlockCommit, CrashPoint, GenesisState, HistoryWindow, RecordWrite, RevertCommit, Snapshot,
    StorageError, Store, StoreStats, TableStats, codec,
    kv::{self, Table},
    redo::{self, Layer, Log},
    snapshot::TableSnapshot,
};
use signet_libmdbx::{
    Database, DatabaseFlags, Environment, EnvironmentFlags, Geometry, MdbxError, Mode, SyncMode,
    sys::PageSize,
};
use std::{
    fmt, fs, io,
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
};

mod flush;
use flush::Shared;

mod meta;
pub(crate) use meta::MetaTable;

mod tables;
use tables::{WriteTables, scan};

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
/// A commit is a record of the redo log, synced before it returns; there is no option for less. A thread writes what several
/// commits left to the tables of the engine. Dropping the store writes the rest.
pub struct MdbxStore {
    shared: Arc<Shared>,
    /// Present until the store is dropped.
    flusher: Option<JoinHandle<()>>,
    options: StoreOptions,
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

    /// Opens the tables and brings them up to the log; `check` looks at them and may write, in the same transaction.
    fn open_with(
        options: StoreOptions,
        check: impl FnOnce(&mut WriteTables<'_>) -> Result<(), StorageError>,
    ) -> Result<Self, StorageError> {
        let failed =
            |error| StorageError::Io { path: options.path.clone(), error: Arc::new(error) };
        fs::create_dir_all(&options.path).map_err(failed)?;
        let sync_mode = SyncMode::Durable;
        let environment = open_environment(&options, Mode::ReadWrite { sync_mode })?;
        let transaction = environment.begin_rw_unsync()?;
        let mut handles = [Database::freelist_db(); Table::ALL.len()];
        for table in Table::ALL {
            handles[table as usize] =
                transaction.create_db(Some(table.name()), DatabaseFlags::empty())?;
        }
        let mut tables = WriteTables::new(&transaction, &handles);
        let schema = codec::read_schema(&tables)?;
        if schema.is_some_and(|schema| schema <= codec::SCHEMA_VERSION) {
            let layers = redo::read(&options.path, codec::read_applied(&tables)?)?;
            let layers: Vec<Arc<Layer>> = layers.into_iter().map(Arc::new).collect();
            flush::apply(&layers, &mut tables)?;
        }
        check(&mut tables)?;
        let applied = codec::read_applied(&tables)?;
        drop(tables);
        // Before the commit: a store that is new must not find the records of another.
        let log = Log::open(&options.path, applied, schema.is_none())?;
        transaction.commit()?;
        let shared = Arc::new(Shared::new(environment, handles, log, applied));
        let flusher = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("weir-flush".into()).spawn(move || shared.run())
        };
        let flusher = Some(flusher.map_err(failed)?);
        Ok(Self { shared, flusher, options })
    }
}

impl Drop for MdbxStore {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(flusher) = self.flusher.take()
            && flusher.join().is_err()
            && !thread::panicking()
        {
            panic!("the thread that flushes the store panicked, which is a bug");
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
        let tables = self.shared.view(StoreOptions::READERS_PER_SNAPSHOT)?;
        Ok(Arc::new(TableSnapshot::new(tables)?))
    }

    fn commit(&self, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
        CrashPoint::BlockStore.pass();
        self.shared.write(|tables| {
            kv::write_commit(tables, commit, self.options.history)?;
            CrashPoint::BlockCommit.pass();
            Ok(())
        })?;
        CrashPoint::BlockShow.pass();
        Ok(())
    }

    fn revert(&self, revert: &RevertCommit<'_>) -> Result<(), StorageError> {
        self.shared.write(|tables| kv::write_revert(tables, revert))
    }

    fn write_records(&self, writes: &[RecordWrite]) -> Result<(), StorageError> {
        self.shared.write(|tables| kv::write_records(tables, writes))
    }

    fn stats(&self) -> Result<StoreStats, StorageError> {
        let path = self.options.path.join(DATA_FILE);
        let file = fs::metadata(&path)
            .map_err(|error| StorageError::Io { path, error: Arc::new(error) })?;
        let transaction = self.shared.environment().begin_ro_sync()?;
        let mut tables = Vec::with_capacity(Table::ALL.len());
        for table in Table::ALL {
            let stat = transaction.db_stat(&self.shared.handles()[table as usize])?;
            let pages = stat.branch_pages() + stat.leaf_pages() + stat.overflow_pages();
            tables.push(TableStats {
                name: table.name(),
                entries: stat.entries() as u64,
                bytes: (pages * stat.page_size() as usize) as u64,
            });
        }
        let bytes_max = Some(self.options.map_bytes_max as u64);
        let log_bytes = self.shared.pending_bytes() as u64;
        Ok(StoreStats { bytes: file.len(), bytes_max, log_bytes, tables })
    }
}
