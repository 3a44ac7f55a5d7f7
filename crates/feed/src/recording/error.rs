//! Why a recording cannot be written or read.

use crate::{CodecError, ConsumerError, SyncFault};
use std::{io, path::PathBuf};
use weir_arena::{ApplyError, LookupError};

/// Why a file is not a recording, or not a whole one.
///
/// A tail that was cut short is none of these: it is what a crash leaves, and is counted instead.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The operating system refused.
    #[error("recording cannot be accessed: path={path}", path = .path.display())]
    Io {
        /// The file; empty if the recording is not a file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The file does not begin with the magic bytes.
    #[error("file is not a recording")]
    Magic,
    /// The file is of another version of the format, or of the records in it.
    #[error("recording version is not supported: version={version} codec={codec}")]
    Version {
        /// Version of the file format.
        version: u16,
        /// Codec of the records.
        codec: u16,
    },
    /// The checksum of the file's head is wrong.
    #[error("head of the recording is damaged")]
    Head,
    /// The length of a chunk is zero or too large.
    #[error("chunk length is out of bounds: offset={offset} length={length} max={max}")]
    ChunkLength {
        /// Where the chunk begins.
        offset: u64,
        /// The length read.
        length: u32,
        /// The largest length allowed.
        max: u32,
    },
    /// The checksum of a chunk is wrong, and other chunks follow.
    #[error("chunk is damaged: offset={offset}")]
    Checksum {
        /// Where the chunk begins.
        offset: u64,
    },
    /// A chunk does not hold whole records.
    #[error("chunk does not hold records: offset={offset}")]
    Codec {
        /// Where the chunk begins.
        offset: u64,
        /// What is wrong.
        #[source]
        source: CodecError,
    },
    /// The records are not a stream.
    #[error("recording is not synced: offset={offset}")]
    NotSynced {
        /// Where the chunk begins.
        offset: u64,
        /// What is wrong.
        #[source]
        source: SyncFault,
    },
    /// A session is of another chain than the file's head says.
    #[error("chain differs: expected={expected} found={found}")]
    Chain {
        /// The chain in the head.
        expected: u64,
        /// The chain of the session.
        found: u64,
    },
}

/// Why a recording ended.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The feed cannot be read: the first connect failed, or the producer refuses.
    #[error("feed cannot be followed")]
    Feed(#[source] ConsumerError),
    /// The file cannot be written, or what is in it cannot be continued.
    #[error("recording cannot be continued")]
    Recording(#[source] RecordingError),
}

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("recording cannot be read")]
    Recording(#[source] RecordingError),
    /// The arena refuses a block of it.
    #[error("block is refused: number={number}")]
    Apply {
        /// Number of the block.
        number: u64,
        /// Why.
        #[source]
        source: ApplyError,
    },
    /// The arena refuses a pool of a snapshot in it.
    #[error("snapshot is refused: block={number}")]
    Snapshot {
        /// Number of the block whose state the snapshot is.
        number: u64,
        /// Why.
        #[source]
        source: LookupError,
    },
}
