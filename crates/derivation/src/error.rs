//! Why bytes are not a batch, channel or frame, and why blocks cannot become one.

use crate::{ChannelId, limits};
use alloy_primitives::B256;

/// Why blocks cannot be encoded. None of these is cured by trying again.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A block does not follow the one before it in the channel.
    #[error(
        "block does not follow the last one: number={number} parent={parent} expected_parent={expected}"
    )]
    Unlinked {
        /// Number of the block offered.
        number: u64,
        /// Its parent hash.
        parent: B256,
        /// Hash of the last block that was added.
        expected: B256,
    },
    /// The header holds something that batches of this version cannot carry (proof of work, ommers).
    #[error("block is not of the kind batches carry: number={number} field={field}")]
    Inexpressible {
        /// Number of the block offered.
        number: u64,
        /// The header field that has an unexpected value.
        field: &'static str,
    },
    /// One block alone is larger than a channel may be.
    #[error(
        "block is too large for a channel: number={number} bytes={bytes} limit={}",
        limits::CHANNEL_RAW_BYTES_MAX
    )]
    BlockTooLarge {
        /// Number of the block offered.
        number: u64,
        /// Bytes of its batch before compression.
        bytes: usize,
    },
    /// A setting is outside its range.
    #[error("setting is out of range: setting={setting} value={value} range={low}..={high}")]
    Setting {
        /// Name of the field.
        setting: &'static str,
        /// Its value.
        value: u64,
        /// Lowest value allowed.
        low: u64,
        /// Highest value allowed.
        high: u64,
    },
    /// The compressor failed: it is out of memory, or there is a defect.
    #[error("compression failed")]
    Compression(#[source] std::io::Error),
}

/// Why bytes found on L1 are not what a batcher of this format posts. The bytes never get better: ignore them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A version byte names a format this program does not know.
    #[error("version is unknown: part={part} found={found}")]
    Version {
        /// `payload`, `channel`, `compression` or `batch`.
        part: &'static str,
        /// The byte found.
        found: u8,
    },
    /// The bytes end before the part does.
    #[error("bytes end early: part={part} needed={needed} available={available}")]
    Truncated {
        /// The part being read.
        part: &'static str,
        /// Bytes it needs.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// There are bytes after the end of a part.
    #[error("bytes are left over: part={part} bytes={bytes}")]
    Trailing {
        /// The part that was read.
        part: &'static str,
        /// Bytes after it.
        bytes: usize,
    },
    /// A part is empty that must not be.
    #[error("part is empty: part={part}")]
    Empty {
        /// The part.
        part: &'static str,
    },
    /// A number exceeds the limits of the format.
    #[error("limit is exceeded: part={part} found={found} limit={limit}")]
    Limit {
        /// What is counted.
        part: &'static str,
        /// The number found or claimed.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A flag byte is neither 0 nor 1.
    #[error("flag is neither 0 nor 1: found={found}")]
    Flag {
        /// The byte found.
        found: u8,
    },
    /// The reassembled bytes do not hash to the channel's id: frames are mixed up or damaged.
    #[error("channel does not hash to its id: id={id} computed={computed}")]
    ChannelId {
        /// The id in the frames.
        id: ChannelId,
        /// The id of the bytes.
        computed: ChannelId,
    },
    /// The decompressed body has another checksum or length than its header says.
    #[error("body differs from its header: part={part} expected={expected} found={found}")]
    Body {
        /// `crc32`, `length` or `batches`.
        part: &'static str,
        /// What the header says.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The body is not a zstd frame, or wants more memory than a decoder allocates.
    #[error("body cannot be decompressed")]
    Decompression,
    /// A batch is not the RLP that it should be.
    #[error("batch is not valid rlp: index={index}")]
    Rlp {
        /// Index of the batch in the channel.
        index: usize,
        /// What the RLP reader says.
        #[source]
        source: alloy_rlp::Error,
    },
    /// A batch is not the child of the one before it.
    #[error(
        "batch does not follow the one before: index={index} expected={expected} found={found}"
    )]
    BatchNumber {
        /// Index of the batch in the channel.
        index: usize,
        /// The block number expected.
        expected: u64,
        /// The block number found.
        found: u64,
    },
    /// A transaction of a batch is not an EIP-2718 transaction.
    #[error("transaction cannot be decoded: block={block} index={index}")]
    Transaction {
        /// Block number of the batch.
        block: u64,
        /// Index of the transaction.
        index: usize,
    },
}
