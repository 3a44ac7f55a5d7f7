//! The store in memory, for tests and chains that need not survive.
//!
//! Every key keeps the versions that some snapshot may still see, so a snapshot costs nothing and a commit copies nothing.

use crate::{
    BlockCommit, GenesisState, HistoryWindow, RecordWrite, RevertCommit, Snapshot, StorageError,
    Store, StoreStats, TableStats,
    kv::{self, Entry, EntryVisitor, Table, TableRead, TableWrite},
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
        write: impl FnOnce(&mut StagedTables) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let _turn = self.writer.lock();
        let mut staged = StagedTables { base: self.reader(), writes: Default::default() };
        write(&mut staged)?;
        let StagedTables { base, writes } = staged;
        drop(base);
        let oldest = self.shared.snapshots.lock().keys().next().copied();
        self.shared.tables.write().apply(writes, oldest);
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
    fn apply(&mut self, writes: StagedWrites, oldest: Option<u64>) {
        let oldest = oldest.unwrap_or(self.version + 1);
        self.version += 1;
        for (table, writes) in Table::ALL.into_iter().zip(writes) {
            for (key, value) in writes {
                let is_deletion = value.is_none();
                let versions = self.tables[table as usize].entry(key.clone()).or_default();
                versions.push((self.version, value));
                if versions.len() > 1 || is_deletion {
                    self.superseded.push_back((self.version, table, key));
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

/// The entries of an ordered map whose key starts with `prefix`.
fn with_prefix<'a, V>(
    table: &'a BTreeMap<Box<[u8]>, V>,
    prefix: &'a [u8],
) -> impl Iterator<Item = (&'a Box<[u8]>, &'a V)> {
    let from = (Bound::Included(prefix), Bound::Unbounded);
    table.range::<[u8], _>(from).take_while(move |(key, _)| key.starts_with(prefix))
}

/// The tables as one snapshot sees them.
struct ReadTables {
    shared: Arc<Shared>,
    version: u64,
}

impl ReadTables {
    fn collect(&self, table: Table, prefix: &[u8]) -> BTreeMap<Box<[u8]>, Option<Arc<[u8]>>> {
        let shared = self.shared.tables.read();
        let entries = with_prefix(&shared.tables[table as usize], prefix);
        entries
            .filter_map(|(key, versions)| {
                let value = visible(versions, self.version)?;
                Some((key.clone(), Some(Arc::clone(value))))
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
        visit_entries(self.collect(table, prefix), visit)
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

fn visit_entries(
    entries: BTreeMap<Box<[u8]>, Option<Arc<[u8]>>>,
    visit: &mut EntryVisitor<'_>,
) -> Result<(), StorageError> {
    for (key, value) in entries {
        if let Some(value) = value
            && visit(&key, &value)?.is_break()
        {
            break;
        }
    }
    Ok(())
}

/// Writes by table, not applied yet.
type StagedWrites = [BTreeMap<Box<[u8]>, Option<Arc<[u8]>>>; Table::ALL.len()];

/// The tables with writes that nobody else sees.
struct StagedTables {
    base: ReadTables,
    writes: StagedWrites,
}

impl TableRead for StagedTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        match self.writes[table as usize].get(key) {
            Some(value) => Ok(value.as_ref().map(|value| Cow::Owned(value.to_vec()))),
            None => self.base.get(table, key),
        }
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        visit: &mut EntryVisitor<'_>,
    ) -> Result<(), StorageError> {
        let mut entries = self.base.collect(table, prefix);
        let staged = with_prefix(&self.writes[table as usize], prefix);
        entries.extend(staged.map(|(key, value)| (key.clone(), value.clone())));
        visit_entries(entries, visit)
    }

    fn first_from(&self, table: Table, from: &[u8]) -> Result<Option<Entry>, StorageError> {
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let mut staged = self.writes[table as usize].range::<[u8], _>(bounds);
        let staged = staged.find_map(|(key, value)| Some((key.to_vec(), value.as_ref()?.to_vec())));
        // An entry of the base counts unless it is written here.
        let mut from = from.to_vec();
        let base = loop {
            let Some(entry) = self.base.first_from(table, &from)? else { break None };
            if !self.writes[table as usize].contains_key(entry.0.as_slice()) {
                break Some(entry);
            }
            from = entry.0;
            from.push(0);
        };
        Ok(match (staged, base) {
            (Some(staged), Some(base)) => Some(if staged.0 < base.0 { staged } else { base }),
            (staged, base) => staged.or(base),
        })
    }
}

impl TableWrite for StagedTables {
    fn put(&mut self, table: Table, key: &[u8], value: Option<&[u8]>) -> Result<(), StorageError> {
        self.writes[table as usize].insert(key.into(), value.map(Arc::from));
        Ok(())
    }

    fn delete_prefix(&mut self, table: Table, prefix: &[u8]) -> Result<(), StorageError> {
        let base = self.base.collect(table, prefix).into_keys();
        let staged = with_prefix(&self.writes[table as usize], prefix).map(|(key, _)| key.clone());
        let keys: Vec<Box<[u8]>> = base.chain(staged).collect();
        self.writes[table as usize].extend(keys.into_iter().map(|key| (key, None)));
        Ok(())
    }
}
