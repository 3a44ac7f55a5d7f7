//! What can go wrong on the way to the disk.

use alloy_primitives::B256;
use std::{fmt, io, path::PathBuf, sync::Arc};
use weir_primitives::{BlockRef, Severity, StateError};
use weir_trie::TrieError;

/// What makes a chain this chain and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainIdentity {
    /// Chain id (EIP-155).
    pub chain_id: u64,
    /// Hash of block 0.
    pub genesis_hash: B256,
}

impl fmt::Display for ChainIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chain_id={} genesis={}", self.chain_id, self.genesis_hash)
    }
}

/// Why a store refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// The data directory was written by a newer program. Use that program.
    #[error("schema is newer than this program: found={found} supported={supported}")]
    SchemaTooNew {
        /// Schema version of the data.
        found: u32,
        /// Newest version this program reads.
        supported: u32,
    },
    /// The data directory holds another chain.
    #[error("data is of another chain: expected=({expected}) found=({found})")]
    ForeignChain {
        /// The chain the caller wants.
        expected: ChainIdentity,
        /// The chain in the data.
        found: ChainIdentity,
    },
    /// The block offered is not the child of the head; nothing was written.
    #[error(
        "block is not the child of the head: head={head_number} {head_hash} block={number} parent={parent_hash}",
        head_number = .head.number, head_hash = .head.hash, number = .block.number, parent_hash = .block.parent_hash
    )]
    NotChildOfHead {
        /// The head of the store.
        head: BlockRef,
        /// The block offered.
        block: BlockRef,
    },
    /// The block to go back to is not an ancestor of the head; nothing was written.
    #[error(
        "block is not an ancestor of the head: head={head_number} {head_hash} block={number} {hash}",
        head_number = .head.number, head_hash = .head.hash, number = .block.number, hash = .block.hash
    )]
    NotAncestorOfHead {
        /// The head of the store.
        head: BlockRef,
        /// The block asked for.
        block: BlockRef,
    },
    /// The block offered comes without its state diff; nothing was written.
    #[error("block has no state diff: number={number}")]
    DiffMissing {
        /// Number of the block.
        number: u64,
    },
    /// The key of a record is too long; nothing was written.
    #[error("record key is too long: bytes={bytes} bytes_max={bytes_max}")]
    RecordKeyTooLong {
        /// Length of the key.
        bytes: usize,
        /// Longest key.
        bytes_max: usize,
    },
    /// A commit is larger than a record of the redo log may be; nothing was written.
    #[error("commit is too large: bytes={bytes} bytes_max={bytes_max}")]
    CommitTooLarge {
        /// Bytes of its writes, as far as they were gathered.
        bytes: usize,
        /// Most bytes.
        bytes_max: usize,
    },
    /// There is no store where one was expected.
    #[error("there is no store: path={}", path.display())]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// The store takes nothing any more: its thread has ended.
    #[error("store is closed")]
    Closed,
    /// The data directory is in use by another process.
    #[error("data directory is in use: path={}", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The map has reached its bound: raise `map_bytes_max` or free space.
    #[error("database is full")]
    Full,
    /// Stored bytes are not what this program writes: the data is corrupt.
    #[error("stored value is malformed: table={table}")]
    Malformed {
        /// The table.
        table: &'static str,
    },
    /// The file system failed.
    #[error("file system failed: path={}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: Arc<io::Error>,
    },
    /// The database engine failed.
    #[error("database engine failed: {0}")]
    Engine(#[source] signet_libmdbx::MdbxError),
}

impl StorageError {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::NotChildOfHead { .. }
            | Self::NotAncestorOfHead { .. }
            | Self::DiffMissing { .. } => Severity::Reset,
            Self::SchemaTooNew { .. }
            | Self::ForeignChain { .. }
            | Self::RecordKeyTooLong { .. }
            | Self::CommitTooLarge { .. }
            | Self::Absent { .. }
            | Self::Closed
            | Self::InUse { .. }
            | Self::Full
            | Self::Malformed { .. }
            | Self::Io { .. }
            | Self::Engine(_) => Severity::Halt,
        }
    }
}

impl From<signet_libmdbx::MdbxError> for StorageError {
    fn from(error: signet_libmdbx::MdbxError) -> Self {
        match error {
            signet_libmdbx::MdbxError::MapFull => Self::Full,
            error => Self::Engine(error),
        }
    }
}

impl From<signet_libmdbx::ReadError> for StorageError {
    fn from(error: signet_libmdbx::ReadError) -> Self {
        match error {
            signet_libmdbx::ReadError::Mdbx(error) => error.into(),
            // Keys and values are read as plain bytes, which always decode.
            signet_libmdbx::ReadError::Decoding(_) => {
                Self::Engine(signet_libmdbx::MdbxError::DecodeError)
            }
        }
    }
}

impl From<StorageError> for StateError {
    fn from(error: StorageError) -> Self {
        Self::store(error)
    }
}

impl From<StorageError> for TrieError {
    fn from(error: StorageError) -> Self {
        Self::source(error)
    }
}

/// Why the journal refused or failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// Writing or syncing failed. The journal takes nothing more: what follows a hole could not be read back.
    #[error("journal failed: path={}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: Arc<io::Error>,
    },
    /// Writing failed, and the file is as it was: the disk is full, say. The record was not taken. Try again later.
    #[error("journal could not be written: path={}: {error}", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: Arc<io::Error>,
    },
    /// The file is not a journal.
    #[error("file is not a journal: path={}", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer program.
    #[error("journal format is newer than this program: found={found} supported={supported}")]
    FormatTooNew {
        /// Format version of the file.
        found: u32,
        /// Newest version this program reads.
        supported: u32,
    },
    /// Another process, or another `Journal` of this one, has the directory.
    #[error("journal is in use: path={}", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The record is longer than a record may be; it was not written.
    #[error("record is too large: bytes={bytes} bytes_max={bytes_max}")]
    RecordTooLarge {
        /// Length of the payload.
        bytes: usize,
        /// Longest payload.
        bytes_max: usize,
    },
    /// The writer is that far behind; the record was not taken. Try again later.
    #[error("journal queue is full: records={records}")]
    QueueFull {
        /// Records the queue holds.
        records: usize,
    },
    /// The journal is closed.
    #[error("journal is closed")]
    Closed,
}

impl JournalError {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::QueueFull { .. } | Self::RecordTooLarge { .. } | Self::NotWritten { .. } => {
                Severity::Retry
            }
            Self::Io { .. }
            | Self::NotAJournal { .. }
            | Self::FormatTooNew { .. }
            | Self::InUse { .. }
            | Self::Closed => Severity::Halt,
        }
    }
}
