//! The segments of one chain, and who writes and reads them.

use super::{
    segment::{Opened, Segment, SegmentWriter},
    sync::Syncer,
};
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
};
use weir_arena::{PoolId, PoolSnapshot, SpillError, SpilledPool};

/// Blocks of one file. An answer reads one file from its beginning.
pub const SPILL_SEGMENT_BLOCKS: u64 = 1_024;
/// How files are called.
const EXTENSION: &str = "spill";

/// Where and how much to spill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpillOptions {
    /// The chain's own folder; it is created.
    pub path: PathBuf,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Blocks below the undo ring that are kept, at least; at most [`SPILL_SEGMENT_BLOCKS`] more.
    pub blocks: u64,
}

/// Why snapshots are not spilled or not read.
#[derive(Debug, thiserror::Error)]
pub enum SpillStoreError {
    /// A file cannot be read or written.
    #[error("spilled snapshots cannot be used: path={}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is of another chain, or of another program.
    #[error("file is not one of this chain's spilled snapshots: path={}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A record in the middle of a file is damaged.
    #[error("spilled block is damaged: number={number}")]
    Record {
        /// The block asked for.
        number: u64,
        /// What is wrong.
        #[source]
        source: SpillError,
    },
    /// A file has fewer blocks than it had.
    #[error("spilled block is missing from its file: number={number}")]
    Torn {
        /// The block asked for.
        number: u64,
    },
    /// A block's record has more than four gigabytes.
    #[error("spilled block is too large: number={number}")]
    TooLarge {
        /// The block.
        number: u64,
    },
}

/// A pool's state after a block that has left the undo ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpilledState {
    /// Number of the block.
    pub number: u64,
    /// Hash of the block.
    pub hash: B256,
    /// Swap state, fees and ticks; `None` if they were not known then.
    pub state: Option<SpilledPool>,
}

#[derive(Debug)]
struct Store {
    /// Ascending and without overlap; there may be holes.
    segments: VecDeque<Segment>,
    /// Of the newest segment.
    writer: Option<SegmentWriter>,
    next_file: u64,
    has_failed: bool,
}

/// Keeps the pool states of blocks that leave the undo ring, in files of their own.
///
/// A block is spilled only when no revert can reach it any more. One that does not follow from the last (after a gap, or a reorg below
/// the ring) begins a new segment, and takes the place of what had its number or a higher one. Files are synced behind the engine's
/// back, which does not wait for a disk: a crash of the machine takes the blocks since the last sync ended, and a torn tail of a file is
/// cut off at the next start. Dropping it syncs what is left.
#[derive(Debug)]
pub struct SnapshotSpill {
    options: SpillOptions,
    store: Mutex<Store>,
    syncer: Syncer,
}

impl SnapshotSpill {
    /// Opens the folder with what an earlier run has left in it.
    ///
    /// # Errors
    /// If it cannot be read or written, or holds files of another chain.
    pub fn open(options: SpillOptions) -> Result<Self, SpillStoreError> {
        let failed = |source| SpillStoreError::Io { path: options.path.clone(), source };
        std::fs::create_dir_all(&options.path).map_err(failed)?;
        let mut files: Vec<(u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&options.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            files.extend(file_number(&path).map(|number| (number, path)));
        }
        files.sort_unstable();
        let mut store = Store {
            segments: VecDeque::new(),
            writer: None,
            next_file: files.last().map_or(0, |(number, _)| number + 1),
            has_failed: false,
        };
        for (_, path) in files {
            match Segment::open(path.clone(), options.chain_id)? {
                Opened::Blocks(segment, writer) => {
                    // A crash may have come between a new segment and the cut of those that it replaces.
                    store.cut(segment.first())?;
                    store.segments.push_back(segment);
                    store.writer = Some(writer);
                }
                Opened::Nothing => remove(&path)?,
                Opened::Older { version } => {
                    tracing::warn!(path = %path.display(), version, "spilled snapshots of an earlier format are dropped");
                    remove(&path)?;
                }
            }
        }
        let syncer = Syncer::start(options.path.clone()).map_err(failed)?;
        let spill = Self { options, store: Mutex::new(store), syncer };
        spill.record(&spill.store.lock());
        Ok(spill)
    }

    /// Takes the snapshot of a block that has left the undo ring. A failure is told in the log and in a metric, and ends the spilling.
    pub fn push(&self, snapshot: &PoolSnapshot) {
        let mut store = self.store.lock();
        if store.has_failed {
            return;
        }
        if let Err(error) = self.append(&mut store, snapshot) {
            tracing::error!(%error, cause = ?std::error::Error::source(&error), "snapshots are not spilled any more");
            metrics::counter!("weir_arena_spill_errors_total", "chain" => self.chain())
                .increment(1);
            store.has_failed = true;
        }
        self.record(&store);
    }

    /// A pool's state after block `number`; `None` if that block is not kept.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn state_at(
        &self,
        pool: &PoolId,
        number: u64,
    ) -> Result<Option<SpilledState>, SpillStoreError> {
        let store = self.store.lock();
        let found =
            store.segments.iter().find_map(|segment| Some((segment, segment.hash(number)?)));
        let Some((segment, hash)) = found else {
            metrics::counter!("weir_arena_spill_misses_total", "chain" => self.chain())
                .increment(1);
            return Ok(None);
        };
        let state = segment.read(number)?.state(pool).cloned();
        metrics::counter!("weir_arena_spill_hits_total", "chain" => self.chain()).increment(1);
        Ok(Some(SpilledState { number, hash, state }))
    }

    /// Waits until every block taken so far is on the disk.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn sync(&self) -> Result<(), SpillStoreError> {
        let file = self.store.lock().writer.as_ref().map(SegmentWriter::file).transpose();
        let failed = |source| SpillStoreError::Io { path: self.options.path.clone(), source };
        self.syncer.sync(file.map_err(failed)?).map_err(failed)
    }

    /// Number of the oldest block kept.
    pub fn oldest(&self) -> Option<u64> {
        self.store.lock().segments.front().map(Segment::first)
    }

    /// Blocks kept.
    pub fn blocks(&self) -> u64 {
        self.store.lock().segments.iter().map(Segment::len).sum()
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.store.lock().segments.iter().map(Segment::bytes).sum()
    }

    fn append(&self, store: &mut Store, snapshot: &PoolSnapshot) -> Result<(), SpillStoreError> {
        let Some(tip) = snapshot.tip() else { return Ok(()) };
        if store.segments.iter().any(|segment| segment.hash(tip.number) == Some(tip.hash)) {
            // A rebuild from stored blocks comes by again.
            return Ok(());
        }
        let last = store.segments.back().and_then(Segment::last);
        let is_next = last == tip.number.checked_sub(1).map(|number| (number, tip.parent_hash));
        let has_room = |segment: &Segment| segment.len() < SPILL_SEGMENT_BLOCKS;
        if !is_next || !store.segments.back().is_some_and(has_room) {
            store.cut(tip.number)?;
            let path = self.options.path.join(format!("{:010}.{EXTENSION}", store.next_file));
            store.next_file += 1;
            let (segment, writer) = Segment::create(path, self.options.chain_id, tip.number)?;
            store.segments.push_back(segment);
            store.writer = Some(writer);
        }
        let Store { segments, writer, .. } = store;
        if let (Some(segment), Some(writer)) = (segments.back_mut(), writer) {
            segment.append(writer, snapshot)?;
            let failed = |source| SpillStoreError::Io { path: self.options.path.clone(), source };
            self.syncer.ask(|| writer.file()).map_err(failed)?;
        }
        self.evict(store)
    }

    /// Drops whole files that the bound does not ask for.
    fn evict(&self, store: &mut Store) -> Result<(), SpillStoreError> {
        let mut kept: u64 = store.segments.iter().map(Segment::len).sum();
        while let Some(oldest) = store.segments.front() {
            if store.segments.len() == 1 || kept - oldest.len() < self.options.blocks {
                return Ok(());
            }
            kept -= oldest.len();
            remove(oldest.path())?;
            store.segments.pop_front();
        }
        Ok(())
    }

    fn chain(&self) -> String {
        self.options.chain_id.to_string()
    }

    fn record(&self, store: &Store) {
        let sum = |of: fn(&Segment) -> u64| store.segments.iter().map(of).sum::<u64>() as f64;
        metrics::gauge!("weir_arena_spill_blocks", "chain" => self.chain()).set(sum(Segment::len));
        metrics::gauge!("weir_arena_spill_bytes", "chain" => self.chain()).set(sum(Segment::bytes));
    }
}

impl Drop for SnapshotSpill {
    fn drop(&mut self) {
        if let Err(error) = self.sync() {
            tracing::warn!(%error, "last spilled snapshots are not synced");
        }
    }
}

impl Store {
    /// Drops all blocks from `number` on.
    fn cut(&mut self, number: u64) -> Result<(), SpillStoreError> {
        while let Some(newest) = self.segments.back_mut() {
            if newest.cut(number)? {
                let is_above = newest.first() >= number;
                if !is_above {
                    return Ok(());
                }
            }
            remove(newest.path())?;
            self.segments.pop_back();
        }
        Ok(())
    }
}

fn file_number(path: &Path) -> Option<u64> {
    if path.extension()? != EXTENSION {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok()
}

fn remove(path: &Path) -> Result<(), SpillStoreError> {
    let removed = std::fs::remove_file(path);
    removed.map_err(|source| SpillStoreError::Io { path: path.to_path_buf(), source })
}
