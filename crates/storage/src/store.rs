//! The write side.

use crate::{RecordWrite, Snapshot, StorageError};
use std::sync::Arc;
use weir_primitives::{BlockRef, ExecutedBlock};
use weir_trie::{HashedDiff, TrieUpdates};

/// A block with everything a store keeps of it.
#[derive(Debug, Clone, Copy)]
pub struct BlockCommit<'a> {
    /// The block; its diff is present.
    pub block: &'a ExecutedBlock,
    /// The diff with hashed keys: `hash_diff` of the block's diff.
    pub hashed: &'a HashedDiff,
    /// What the trie took for this block.
    pub trie: &'a TrieUpdates,
    /// Records of the block, its witness, say.
    pub records: &'a [RecordWrite],
}

/// How far back state can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryWindow {
    /// From genesis on; nothing is pruned.
    Archive,
    /// So many blocks before the head. What a block changed is pruned when it is older: a few blocks a commit.
    Blocks(u64),
}

impl HistoryWindow {
    /// Blocks before the head whose state can be read unless told otherwise.
    pub const DEFAULT_BLOCKS: u64 = 10_000;
}

impl Default for HistoryWindow {
    fn default() -> Self {
        Self::Blocks(Self::DEFAULT_BLOCKS)
    }
}

/// The newest blocks taken off, with the state and the trie nodes that hold without them.
#[derive(Debug, Clone, Copy)]
pub struct RevertCommit<'a> {
    /// The ancestor of the head that becomes the head.
    pub to: BlockRef,
    /// From the head's state to the ancestor's: [`inverse_diff`](crate::inverse_diff) of the removed blocks.
    pub hashed: &'a HashedDiff,
    /// What the trie took for `hashed`.
    pub trie: &'a TrieUpdates,
}

/// The first block of a chain, with the state that it starts from.
#[derive(Debug, Clone)]
pub struct GenesisState {
    /// Block 0; its diff holds every allocated account, none of which existed before.
    pub block: ExecutedBlock,
    /// The diff with hashed keys.
    pub hashed: HashedDiff,
    /// All nodes of the state.
    pub trie: TrieUpdates,
    /// Chain id (EIP-155).
    pub chain_id: u64,
}

/// A store of one chain. There is one writer at a time; snapshots never block it and are never blocked by it.
///
/// After an error of a write nothing of it is in the store. Unless it is [`StorageError::NotChildOfHead`],
/// [`StorageError::NotAncestorOfHead`] or [`StorageError::DiffMissing`], the caller must not go on as if it could write:
/// see [`StorageError::severity`].
pub trait Store: Send + Sync {
    /// An immutable view of the present head. Cheap: take one a request. It keeps the space of what it sees, so do
    /// not hold it for long.
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StorageError>;

    /// Makes `commit.block`, which must be the child of the head, the head. Atomic; durable when it returns.
    fn commit(&self, commit: &BlockCommit<'_>) -> Result<(), StorageError>;

    /// Takes blocks off until `revert.to`, an ancestor of the head, is the head. Their bodies, receipts and index
    /// entries are gone; records and codes stay. Atomic; durable when it returns.
    fn revert(&self, revert: &RevertCommit<'_>) -> Result<(), StorageError>;

    /// Applies record writes in order. Atomic; durable when it returns.
    fn write_records(&self, writes: &[RecordWrite]) -> Result<(), StorageError>;

    /// Sizes, for metrics.
    fn stats(&self) -> Result<StoreStats, StorageError>;
}

/// Size of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes on disk that are allocated to the store, or bytes of memory of a store that has no disk.
    pub bytes: u64,
    /// Bound that `bytes` may reach, if there is one.
    pub bytes_max: Option<u64>,
    /// Bytes of commits that are durable in a log and not in the tables yet; they are in memory, too.
    pub log_bytes: u64,
    /// Each table.
    pub tables: Vec<TableStats>,
}

/// Size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableStats {
    /// Name of the table.
    pub name: &'static str,
    /// Number of entries. Those of the newest commits may be missing that a store still holds in a log.
    pub entries: u64,
    /// Bytes of the pages that hold them.
    pub bytes: u64,
}
