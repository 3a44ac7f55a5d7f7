//! The witnesses of the newest blocks.

use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use weir_evm::ExecutionWitness;
use weir_primitives::{BlockRef, StateError};
use weir_storage::{RecordNamespace, RecordWrite, Store};

/// Witnesses that are served before they are in the store.
const RECENT_MAX: usize = 4;

/// A record: the witness of the block with this hash. The key is the block number, eight bytes, the highest first.
#[derive(Debug, RlpDecodable)]
struct Record {
    hash: B256,
    witness: ExecutionWitness,
}

/// As [`Record`], to be written.
#[derive(Debug, RlpEncodable)]
struct RecordRef<'a> {
    hash: B256,
    witness: &'a ExecutionWitness,
}

/// The witnesses of the newest blocks, in the store; the very newest also in memory.
pub struct Witnesses {
    store: Arc<dyn Store>,
    recent: Mutex<VecDeque<(BlockRef, Arc<ExecutionWitness>)>>,
    /// Blocks whose witnesses are kept.
    blocks: AtomicU64,
}

impl fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witnesses").field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

impl Witnesses {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, recent: Mutex::default(), blocks: AtomicU64::new(0) }
    }

    /// Keeps the witnesses of so many blocks from now on.
    pub(crate) fn keep_blocks(&self, blocks: u64) {
        self.blocks.store(blocks, Ordering::Relaxed);
    }

    /// Serves the witness of a block that is about to be published.
    pub(crate) fn show(&self, block: BlockRef, witness: ExecutionWitness) {
        let mut recent = self.recent.lock();
        recent.push_back((block, Arc::new(witness)));
        while RECENT_MAX < recent.len() {
            recent.pop_front();
        }
    }

    /// What is written with a block: its witness, and that the one which leaves the window is deleted.
    pub(crate) fn records(
        &self,
        block: BlockRef,
        witness: Option<&ExecutionWitness>,
    ) -> Vec<RecordWrite> {
        let blocks = self.blocks.load(Ordering::Relaxed);
        let Some(witness) = witness.filter(|_| blocks > 0) else { return Vec::new() };
        let namespace = RecordNamespace::Witness;
        let key = |number: u64| number.to_be_bytes().to_vec();
        let mut value = Vec::new();
        RecordRef { hash: block.hash, witness }.encode(&mut value);
        let mut writes = vec![RecordWrite::put(namespace, key(block.number), value)];
        if let Some(oldest) = block.number.checked_sub(blocks) {
            writes.push(RecordWrite::delete(namespace, key(oldest)));
        }
        writes
    }

    fn recent(&self, hash: &B256) -> Option<Arc<ExecutionWitness>> {
        let recent = self.recent.lock();
        recent.iter().find(|(block, _)| block.hash == *hash).map(|(_, witness)| Arc::clone(witness))
    }

    /// The witness of a canonical block.
    ///
    /// # Errors
    /// [`StateError::Pruned`] if it is not kept, or never was.
    pub fn get(&self, number: u64, hash: &B256) -> Result<Arc<ExecutionWitness>, StateError> {
        if let Some(witness) = self.recent(hash) {
            return Ok(witness);
        }
        let snapshot = self.store.snapshot().map_err(StateError::store)?;
        let namespace = RecordNamespace::Witness;
        let record =
            snapshot.record(namespace, &number.to_be_bytes()).map_err(StateError::store)?;
        let record = match record {
            Some(bytes) => {
                let record = Record::decode(&mut bytes.as_slice()).map_err(StateError::store)?;
                (record.hash == *hash).then_some(record)
            }
            None => None,
        };
        let blocks = self.blocks.load(Ordering::Relaxed);
        let oldest = (snapshot.head().number + 1).saturating_sub(blocks).max(1);
        match record {
            Some(record) => Ok(Arc::new(record.witness)),
            None => Err(StateError::Pruned { block: number, oldest }),
        }
    }
}
