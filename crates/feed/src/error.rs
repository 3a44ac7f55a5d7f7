//! Bytes that are not a feed.

use crate::{Refusal, Refused, SyncFault};
use alloy_primitives::B256;
use std::{io, path::PathBuf};
use weir_primitives::Severity;

/// Why bytes are not a record of feed protocol version 1.
///
/// None of these can be repaired by reading on: the reader drops the connection and resumes from its last
/// complete block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The length in front of a frame is zero or above [`FRAME_BYTES_MAX`](crate::FRAME_BYTES_MAX).
    #[error("frame length is out of bounds: length={length} max={max}")]
    FrameLength {
        /// The length read.
        length: u32,
        /// The largest length allowed.
        max: u32,
    },
    /// The record type is not one of this version.
    #[error("record type is unknown: type={record:#04x}")]
    UnknownType {
        /// The type byte.
        record: u8,
    },
    /// The record type is reserved for a later version and must not be sent in this one.
    #[error("record type is reserved: type={record:#04x}")]
    ReservedType {
        /// The type byte.
        record: u8,
    },
    /// The record ends inside a field.
    #[error("record is too short: type={record:#04x}")]
    Short {
        /// The type byte.
        record: u8,
    },
    /// The record goes on after its last field.
    #[error("record is too long: type={record:#04x} excess={excess}")]
    Long {
        /// The type byte.
        record: u8,
        /// Bytes after the last field.
        excess: usize,
    },
    /// A field that names one of a closed set holds something else.
    #[error("field holds an unknown value: field={field} value={value}")]
    UnknownValue {
        /// Name of the field in `docs/spec/feed.md`.
        field: &'static str,
        /// The value read.
        value: u64,
    },
    /// A number does not fit the range that the protocol gives it (a tick, a 112-bit reserve, a 160-bit price).
    #[error("field is out of range: field={field}")]
    OutOfRange {
        /// Name of the field in `docs/spec/feed.md`.
        field: &'static str,
    },
    /// Bytes that must be zero are not.
    #[error("padding is not zero: field={field}")]
    Padding {
        /// Name of the field in `docs/spec/feed.md`.
        field: &'static str,
    },
    /// The handshake does not start with the magic bytes: this is not a feed socket.
    #[error("handshake has the wrong magic bytes")]
    Magic,
}

impl CodecError {
    /// What a reader does next: always reconnect and resume.
    pub const fn severity(&self) -> Severity {
        Severity::Reset
    }
}

/// Why a producer could not start, or does not accept an update.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// The update holds no block.
    #[error("update is empty")]
    Empty,
    /// The update is of another chain.
    #[error("chain differs: expected={expected} found={found}")]
    Chain {
        /// The producer's chain.
        expected: u64,
        /// The envelope's chain.
        found: u64,
    },
    /// The update does not continue the stream: a block whose parent is not the tip, or a revert of another block.
    #[error(
        "update does not continue the stream: number={number} expected={expected} found={found}"
    )]
    NotTip {
        /// Number of the block that does not fit.
        number: u64,
        /// The hash expected there.
        expected: B256,
        /// The hash found.
        found: B256,
    },
    /// A step does not continue the steps of the open block.
    #[error("step does not continue the open block: number={number} index={index}")]
    StepOrder {
        /// Number of the open block.
        number: u64,
        /// Index of the step.
        index: u32,
    },
    /// The open block has as many steps or updates as it may.
    #[error("open block is full: number={number} steps={steps} updates={updates}")]
    StepsFull {
        /// Number of the open block.
        number: u64,
        /// Steps published.
        steps: u32,
        /// Updates in them, with those of the step refused.
        updates: usize,
    },
    /// The genesis block was to be reverted.
    #[error("the genesis block cannot be reverted")]
    Genesis,
    /// A server was given no producer.
    #[error("no chain is to be served")]
    NoChain,
    /// Two producers of one server follow the same chain.
    #[error("chain is to be served twice: chain={chain_id}")]
    ChainTwice {
        /// The chain.
        chain_id: u64,
    },
    /// The codec of a server has no way to say which chain is wanted.
    #[error("codec serves one chain: chains={chains}")]
    ManyChains {
        /// How many producers there are.
        chains: usize,
    },
    /// The folder of the socket can be written by others, who could put their own socket in its place.
    #[error("socket folder is not private: path={path} mode={mode:o}", path = .path.display())]
    FolderNotPrivate {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Something that is not a socket is at the socket's path; it is left alone.
    #[error("path exists and is not a socket: path={path}", path = .path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Another producer serves this path.
    #[error("socket is in use by another producer: path={path}", path = .path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("socket cannot be served: path={path}", path = .path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl ProducerError {
    /// What the driver does next: an update that does not fit means our view of the chain is wrong; a socket that
    /// cannot be served is configuration.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Empty
            | Self::NotTip { .. }
            | Self::StepOrder { .. }
            | Self::StepsFull { .. }
            | Self::Genesis => Severity::Reset,
            Self::Chain { .. }
            | Self::NoChain
            | Self::ChainTwice { .. }
            | Self::ManyChains { .. }
            | Self::FolderNotPrivate { .. }
            | Self::NotASocket { .. }
            | Self::InUse { .. }
            | Self::Io { .. } => Severity::Halt,
        }
    }
}

/// Why a consumer has no next event.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// The socket could not be reached, or broke.
    #[error("feed socket failed")]
    Io(#[source] io::Error),
    /// The producer closed the connection, perhaps in the middle of a frame.
    #[error("producer closed the connection: mid_frame={mid_frame}")]
    Closed {
        /// Whether a frame was cut short.
        mid_frame: bool,
    },
    /// The producer has said nothing, not even a heartbeat.
    #[error("feed is idle: seconds={seconds}")]
    Idle {
        /// How long.
        seconds: u64,
    },
    /// The producer does not serve this consumer.
    #[error("producer refused: reason={reason} version={version} codec={codec} chain={chain_id}", reason = .0.reason, version = .0.version, codec = .0.codec, chain_id = .0.chain_id)]
    Refused(Refused),
    /// The process behind the socket runs under another user than the one expected.
    #[error("producer runs under another user: expected={expected} found={found}")]
    ForeignUser {
        /// The user id expected.
        expected: u32,
        /// The user id that the kernel reports.
        found: u32,
    },
    /// Bytes that are not a feed.
    #[error("feed cannot be decoded")]
    Codec(#[source] CodecError),
    /// Records are missing, twice or in disorder: what was read of the block is dropped.
    #[error("feed is not synced")]
    NotSynced(#[source] SyncFault),
}

impl ConsumerError {
    /// What the driver does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Io(_) | Self::Closed { .. } | Self::Idle { .. } => Severity::Retry,
            Self::Codec(_) | Self::NotSynced(_) => Severity::Reset,
            Self::Refused(refused) => match refused.reason {
                Refusal::Full | Refusal::Snapshot => Severity::Retry,
                Refusal::Version | Refusal::Codec | Refusal::Chain => Severity::Halt,
            },
            Self::ForeignUser { .. } => Severity::Halt,
        }
    }
}
