//! The store in memory, for tests and chains that need not survive.
//!
//! Every key keeps the versions that some snapshot may still see, so a snapshot costs nothing and a commit copies nothing.

use crate::{
    BlockCommit, GenesisState, HistoryWindow, RecordWrite, RevertCommit, Snapshot, StorageError,
    Store, StoreStats, TableStats,
    kv::{self, Entry, EntryVisitor, Table, TableRead},
    redo::{Layer, Merged, Overlay, Staged},
    snapshot::TableSnapshot,
};
use parking_lot::{Mutex, RwLock};
use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    fmt,
    ops::Bound,
    sync::Arc,
};

/// Versions of a value, oldest first: when it was written, and the value or its absence.
type Versions = Vec<(u64, Option<Arc<[u8]>>)>;

/// Entries that a reader sees, by key.
type Visible = Vec<(Box<[u8]>, Arc<[u8]>)>;

/// A store that lives as long as the process.
///
/// Holds to the contract of [`Store`] except that nothing is durable.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    /// One writer at a time.
    writer: Mutex<()>,
    history: HistoryWindow,
}

/// What the store shares with its snapshots.
///
/// Lock order: `snapshots` before `tables`.
struct Shared {
    /// Number of snapshots by the version they see.
    snapshots: Mutex<BTreeMap<u64, usize>>,
    tables: RwLock<Tables>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Tables {
    version: u64,
    tables: [BTreeMap<Box<[u8]>, Versions>; Table::ALL.len()],
    /// Keys that had more than one version, or a deletion, at the version of the write: to be trimmed after it.
    superseded: VecDeque<(u64, Table, Box<[u8]>)>,
}

impl MemoryStore {
    /// A store that holds genesis, with the default history.
    pub fn new(genesis: &GenesisState) -> Result<Self, StorageError> {
        Self::with_history(genesis, HistoryWindow::default())
    }

    /// A store that holds genesis, whose state can be read so far back.
    pub fn with_history(
        genesis: &GenesisState,
        history: HistoryWindow,
    ) -> Result<Self, StorageError> {
        let shared = Shared { snapshots: Mutex::default(), tables: RwLock::new(Tables::default()) };
        let store = Self { shared: Arc::new(shared), writer: Mutex::new(()), history };
        store.write(|tables| kv::open_or_create(tables, genesis))?;
        Ok(store)
    }

    /// Collects the writes of `write` and applies them at once, if it succeeds.
    fn write(
        &self,
        write: impl FnOnce(&mut Staged<ReadTables>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let _turn = self.writer.lock();
        let mut staged = Staged::new(Overlay::new(self.reader(), Arc::default(), 0), 0);
        write(&mut staged)?;
        // Its reader ends here.
        let writes = staged.into_layer();
        let oldest = self.shared.snapshots.lock().keys().next().copied();
        self.shared.tables.write().apply(&writes, oldest);
        Ok(())
    }

    fn reader(&self) -> ReadTables {
        let mut snapshots = self.shared.snapshots.lock();
        let version = self.shared.tables.read().version;
        *snapshots.entry(version).or_default() += 1;
        drop(snapshots);
        ReadTables { shared: Arc::clone(&self.shared), version }
    }
}

impl Store for MemoryStore {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StorageError> {
        Ok(Arc::new(TableSnapshot::new(self.reader())?))
    }

    fn commit(&self, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
        self.write(|tables| kv::write_commit(tables, commit, self.history))
    }

    fn revert(&self, revert: &RevertCommit<'_>) -> Result<(), StorageError> {
        self.write(|tables| kv::write_revert(tables, revert))
    }

    fn write_records(&self, writes: &[RecordWrite]) -> Result<(), StorageError> {
        self.write(|tables| kv::write_records(tables, writes))
    }

    fn stats(&self) -> Result<StoreStats, StorageError> {
        let shared = self.shared.tables.read();
        let tables: Vec<TableStats> =
            Table::ALL.into_iter().map(|table| table_stats(table, &shared)).collect();
        let bytes = tables.iter().map(|table| table.bytes).sum();
        Ok(StoreStats { bytes, bytes_max: None, log_bytes: 0, tables })
    }
}

fn table_stats(table: Table, shared: &Tables) -> TableStats {
    let mut stats = TableStats { name: table.name(), entries: 0, bytes: 0 };
    for (key, versions) in &shared.tables[table as usize] {
        let values = versions.iter().filter_map(|(_, value)| value.as_ref());
        stats.bytes += (key.len() + values.map(|value| value.len()).sum::<usize>()) as u64;
        stats.entries += u64::from(versions.last().is_some_and(|(_, value)| value.is_some()));
    }
    stats
}

impl Tables {
    /// Makes the writes the next version. `oldest` is the oldest version that a snapshot sees.
    fn apply(&mut self, writes: &Layer, oldest: Option<u64>) {
        let oldest = oldest.unwrap_or(self.version + 1);
        self.version += 1;
        for table in Table::ALL {
            for (key, value) in Merged::new([writes].into_iter(), table, &[]) {
                let versions = self.tables[table as usize].entry(key.into()).or_default();
                versions.push((self.version, value.map(Arc::from)));
                if versions.len() > 1 || value.is_none() {
                    self.superseded.push_back((self.version, table, key.into()));
                }
            }
        }
        while self.superseded.front().is_some_and(|(version, ..)| *version <= oldest) {
            if let Some((_, table, key)) = self.superseded.pop_front() {
                self.trim(table, &key, oldest);
            }
        }
    }

    /// Drops the versions of a key that nobody can see any more.
    fn trim(&mut self, table: Table, key: &[u8], oldest: u64) {
        let table = &mut self.tables[table as usize];
        let Some(versions) = table.get_mut(key) else { return };
        let visible = versions.iter().rposition(|(version, _)| *version <= oldest).unwrap_or(0);
        versions.drain(..visible);
        if matches!(versions[..], [(version, None)] if version <= oldest) {
            table.remove(key);
        }
    }
}

/// The value that a reader at `version` sees.
fn visible(versions: &Versions, version: u64) -> Option<&Arc<[u8]>> {
    let at = versions.iter().rfind(|(written, _)| *written <= version);
    at.and_then(|(_, value)| value.as_ref())
}

/// The tables as one snapshot sees them.
struct ReadTables {
    shared: Arc<Shared>,
    version: u64,
}

impl ReadTables {
    fn collect(&self, table: Table, prefix: &[u8]) -> Visible {
        let shared = self.shared.tables.read();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let entries = shared.tables[table as usize].range::<[u8], _>(from);
        entries
            .take_while(|(key, _)| key.starts_with(prefix))
            .filter_map(|(key, versions)| {
                Some((key.clone(), Arc::clone(visible(versions, self.version)?)))
            })
            .collect()
    }
}

impl Drop for ReadTables {
    fn drop(&mut self) {
        let mut snapshots = self.shared.snapshots.lock();
        if let Some(count) = snapshots.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                snapshots.remove(&self.version);
            }
        }
    }
}

impl TableRead for ReadTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        let shared = self.shared.tables.read();
        let versions = shared.tables[table as usize].get(key);
        let value = versions.and_then(|versions| visible(versions, self.version));
        Ok(value.map(|value| Cow::Owned(value.to_vec())))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        // The lock is not held while others run.
        for (key, value) in self.collect(table, prefix) {
            if visit(&key, &value)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError> {
        let shared = self.shared.tables.read();
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let mut entries = shared.tables[table as usize].range::<[u8], _>(bounds);
        Ok(entries.find_map(|(key, versions)| {
            let value = visible(versions, self.version)?;
            Some((key.to_vec(), value.to_vec()))
        }))
    }
}
