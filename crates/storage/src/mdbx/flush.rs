//! The thread that brings the tables of the engine up to the log, and what it shares with the store.

use super::{
    Handles,
    tables::{ReadTables, WriteTables},
};
use crate::{
    CrashPoint, StorageError, codec,
    kv::{Table, TableWrite},
    redo::{Layer, Log, Merged, Overlay, Staged},
};
use parking_lot::{Condvar, Mutex};
use signet_libmdbx::{Environment, MdbxError, tx::aliases::RoTxSync};
use std::sync::Arc;

/// Layers at which they are written to the tables: each costs a reader a search.
const FLUSH_LAYERS: usize = 16;
/// Bytes of layers at which they are written to the tables: one write of many blocks touches a page once.
const FLUSH_BYTES: usize = 32 << 20;
/// Layers at which a commit waits for the tables: bounds what a reader pays while a flush takes its time.
const PENDING_LAYERS_MAX: usize = 64;
/// Bytes of layers at which a commit waits for the tables: bounds memory, disk and the time to open after a crash.
const PENDING_BYTES_MAX: usize = 128 << 20;

/// What the store and its thread share.
///
/// Lock order: `log` before `pending`.
pub(super) struct Shared {
    environment: Environment,
    handles: Handles,
    /// Whoever holds it writes.
    log: Mutex<Log>,
    pending: Mutex<Pending>,
    /// There is more to flush, or the store closes.
    grown: Condvar,
    /// A flush has ended.
    flushed: Condvar,
    /// Held while the engine's transaction is committed.
    committing: Mutex<()>,
}

/// What is in the log and not known to be in the tables.
struct Pending {
    /// Oldest first.
    layers: Arc<[Arc<Layer>]>,
    bytes: usize,
    /// Number of the last record, in the tables or not.
    sequence: u64,
    /// Why the last flush failed. Nothing is written after it; what is in the log stays there for the next opening.
    failure: Option<StorageError>,
    is_closing: bool,
}

impl Pending {
    fn set(&mut self, layers: impl Iterator<Item = Arc<Layer>>) {
        self.layers = layers.collect();
        self.bytes = self.layers.iter().map(|layer| layer.memory_bytes()).sum();
    }

    fn has_room(&self) -> bool {
        self.layers.len() < PENDING_LAYERS_MAX && self.bytes < PENDING_BYTES_MAX
    }

    fn is_due(&self) -> bool {
        self.is_closing || self.layers.len() >= FLUSH_LAYERS || self.bytes >= FLUSH_BYTES
    }
}

impl Shared {
    /// For tables that have everything up to record `applied`.
    pub(super) fn new(environment: Environment, handles: Handles, log: Log, applied: u64) -> Self {
        let pending = Pending {
            layers: Arc::default(),
            bytes: 0,
            sequence: applied,
            failure: None,
            is_closing: false,
        };
        Self {
            environment,
            handles,
            log: Mutex::new(log),
            pending: Mutex::new(pending),
            grown: Condvar::new(),
            flushed: Condvar::new(),
            committing: Mutex::new(()),
        }
    }

    pub(super) const fn environment(&self) -> &Environment {
        &self.environment
    }

    pub(super) const fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Bytes of layers that are not known to be in the tables.
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending.lock().bytes
    }

    /// The newest state, read by so many transactions.
    pub(super) fn view(&self, readers: usize) -> Result<Overlay<ReadTables>, StorageError> {
        loop {
            let (layers, sequence) = {
                let pending = self.pending.lock();
                (Arc::clone(&pending.layers), pending.sequence)
            };
            let tables = ReadTables::new(self.begin_readers(readers)?, self.handles);
            let applied = codec::read_applied(&tables)?;
            // Otherwise the tables have got ahead of the layers, of which some are missing.
            if applied <= sequence {
                return Ok(Overlay::new(tables, layers, applied));
            }
        }
    }

    /// Read transactions that all see the same tables.
    fn begin_readers(&self, readers: usize) -> Result<Vec<RoTxSync>, StorageError> {
        match self.environment.begin_ro_sync_multi(readers) {
            Err(MdbxError::SnapshotDivergence) => {
                // A flush ended between two of them: hold the next one back.
                let _turn = self.committing.lock();
                Ok(self.environment.begin_ro_sync_multi(readers)?)
            }
            result => Ok(result?),
        }
    }

    /// Appends to the log what `write` writes, and shows it.
    pub(super) fn write(
        &self,
        write: impl FnOnce(&mut Staged<ReadTables>) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        self.wait_for_room()?;
        let mut log = self.log.lock();
        let mut staged = Staged::new(self.view(1)?, log.last_bytes());
        write(&mut staged)?;
        let layer = staged.into_layer();
        if layer.is_empty() {
            return Ok(());
        }
        let layer = Arc::new(log.append(layer)?);
        let mut pending = self.pending.lock();
        pending.sequence = layer.sequence();
        let layers: Vec<Arc<Layer>> = pending.layers.iter().cloned().chain([layer]).collect();
        pending.set(layers.into_iter());
        if pending.is_due() {
            self.grown.notify_one();
        }
        Ok(())
    }

    /// Waits until the layers may grow.
    fn wait_for_room(&self) -> Result<(), StorageError> {
        let mut pending = self.pending.lock();
        loop {
            if let Some(failure) = &pending.failure {
                return Err(failure.clone());
            }
            if pending.has_room() {
                return Ok(());
            }
            self.flushed.wait(&mut pending);
        }
    }

    /// Lets the thread write what is left and end.
    pub(super) fn close(&self) {
        self.pending.lock().is_closing = true;
        self.grown.notify_one();
    }

    /// Writes layers to the tables whenever there are enough, until the store closes or a flush fails.
    pub(super) fn run(&self) {
        let _ending = Ending(self);
        while self.wait_until_due() {
            if let Err(error) = self.flush() {
                self.pending.lock().failure = Some(error);
                break;
            }
            self.flushed.notify_all();
        }
    }

    /// Whether there is something to flush; otherwise the store closes.
    fn wait_until_due(&self) -> bool {
        let mut pending = self.pending.lock();
        while !pending.is_due() {
            self.grown.wait(&mut pending);
        }
        !pending.layers.is_empty()
    }

    /// Writes all present layers to the tables.
    fn flush(&self) -> Result<(), StorageError> {
        let layers = {
            // The layers are those of the present file.
            let mut log = self.log.lock();
            log.turn();
            Arc::clone(&self.pending.lock().layers)
        };
        let transaction = self.environment.begin_rw_unsync()?;
        let mut tables = WriteTables::new(&transaction, &self.handles);
        apply(&layers, &mut tables)?;
        drop(tables);
        CrashPoint::FlushCommit.pass();
        {
            let _turn = self.committing.lock();
            transaction.commit()?;
        }
        CrashPoint::FlushShow.pass();
        let mut pending = self.pending.lock();
        let rest: Vec<Arc<Layer>> = pending.layers[layers.len()..].to_vec();
        pending.set(rest.into_iter());
        Ok(())
    }
}

/// Lets nobody wait for a thread that has ended, however it did.
struct Ending<'a>(&'a Shared);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.pending.lock().failure.get_or_insert(StorageError::Closed);
        self.0.flushed.notify_all();
    }
}

/// Writes layers, oldest first, to tables that do not have them.
pub(super) fn apply(
    layers: &[Arc<Layer>],
    tables: &mut impl TableWrite,
) -> Result<(), StorageError> {
    let Some(last) = layers.last() else { return Ok(()) };
    for table in Table::ALL {
        for (key, value) in Merged::new(layers.iter().rev().map(AsRef::as_ref), table, &[]) {
            tables.put(table, key, value)?;
        }
    }
    codec::write_applied(tables, last.sequence())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GenesisState, MdbxStore, RecordNamespace, RecordWrite, Store, StoreOptions};
    use weir_primitives::{Block, ExecutedBlock, Header, RecoveredBlock};

    fn genesis() -> GenesisState {
        let header = Header::default();
        let hash = header.hash_slow();
        let block =
            RecoveredBlock::new(Block { header, body: Default::default() }, hash, Vec::new());
        let (receipts, diff) = (Arc::default(), Some(Arc::default()));
        let block = ExecutedBlock { block: Arc::new(block), receipts, diff };
        GenesisState { block, hashed: Default::default(), trie: Default::default(), chain_id: 1 }
    }

    #[test]
    fn nobody_waits_for_a_thread_that_has_ended() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = MdbxStore::open(StoreOptions::new(folder.path()), &genesis()).unwrap();
        let write =
            || store.write_records(&[RecordWrite::put(RecordNamespace::Meta, "key", "value")]);
        write().unwrap();
        drop(Ending(&store.shared));
        let error = write().unwrap_err();
        assert!(matches!(error, StorageError::Closed), "{error}");
        let record = store.snapshot().unwrap().record(RecordNamespace::Meta, b"key").unwrap();
        assert_eq!(record.as_deref(), Some(b"value".as_slice()), "what was taken is shown");
    }
}
