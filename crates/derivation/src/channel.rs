//! A compressed run of batches.

use crate::{Batch, DecodeError, frame::take, limits};
use alloy_primitives::{B256, FixedBytes, keccak256};
use std::{fmt, io::Read};

/// First byte of a channel.
const CHANNEL_VERSION: u8 = 1;

/// Names a channel: the first 16 bytes of the Keccak-256 of its bytes.
///
/// So the id is a checksum too, and posting the same channel twice is the same channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChannelId(pub FixedBytes<16>);

impl ChannelId {
    /// The id of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(FixedBytes::from_slice(&keccak256(bytes)[..16]))
    }

    /// The id's bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<[u8; 16]> for ChannelId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes.into())
    }
}

/// How a channel's body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// One zstd frame (RFC 8878).
    Zstd,
}

impl Compression {
    const fn to_byte(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Zstd => 1,
        }
    }

    const fn from_byte(byte: u8) -> Result<Self, DecodeError> {
        match byte {
            0 => Ok(Self::None),
            1 => Ok(Self::Zstd),
            found => Err(DecodeError::Version { part: "compression", found }),
        }
    }
}

/// What stands before a channel's body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChannelHeader {
    pub(crate) compression: Compression,
    pub(crate) first_block: u64,
    pub(crate) batches: u32,
    pub(crate) last_hash: B256,
    pub(crate) raw_bytes: u32,
    pub(crate) crc32: u32,
}

impl ChannelHeader {
    /// Bytes of the header: version 1, compression 1, first block 8, batches 4, last hash 32, raw length 4, checksum 4.
    pub(crate) const BYTES: usize = 1 + 1 + 8 + 4 + 32 + 4 + 4;

    /// Appends the header.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(CHANNEL_VERSION);
        out.push(self.compression.to_byte());
        out.extend_from_slice(&self.first_block.to_be_bytes());
        out.extend_from_slice(&self.batches.to_be_bytes());
        out.extend_from_slice(self.last_hash.as_slice());
        out.extend_from_slice(&self.raw_bytes.to_be_bytes());
        out.extend_from_slice(&self.crc32.to_be_bytes());
    }

    fn decode(bytes: &mut &[u8]) -> Result<Self, DecodeError> {
        let [version] = take(bytes, "channel version")?;
        if version != CHANNEL_VERSION {
            return Err(DecodeError::Version { part: "channel", found: version });
        }
        let [compression] = take(bytes, "channel compression")?;
        let header = Self {
            compression: Compression::from_byte(compression)?,
            first_block: u64::from_be_bytes(take(bytes, "first block")?),
            batches: u32::from_be_bytes(take(bytes, "batch count")?),
            last_hash: B256::from(take::<32>(bytes, "last hash")?),
            raw_bytes: u32::from_be_bytes(take(bytes, "raw length")?),
            crc32: u32::from_be_bytes(take(bytes, "checksum")?),
        };
        within("raw length", header.raw_bytes as usize, limits::CHANNEL_RAW_BYTES_MAX)?;
        within("batch count", header.batches as usize, limits::CHANNEL_BATCHES_MAX)?;
        if header.batches == 0 {
            return Err(DecodeError::Empty { part: "channel" });
        }
        Ok(header)
    }
}

const fn within(part: &'static str, found: usize, limit: usize) -> Result<(), DecodeError> {
    if found > limit { Err(DecodeError::Limit { part, found, limit }) } else { Ok(()) }
}

/// A channel ready to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedChannel {
    id: ChannelId,
    first_block: u64,
    batches: u32,
    last_hash: B256,
    raw_bytes: u32,
    bytes: Vec<u8>,
}

impl SealedChannel {
    /// Puts header and body together.
    pub(crate) fn seal(header: &ChannelHeader, body: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(ChannelHeader::BYTES + body.len());
        header.encode(&mut bytes);
        bytes.extend_from_slice(body);
        debug_assert!(bytes.len() <= limits::CHANNEL_BYTES_MAX, "the encoder keeps to the limit");
        Self {
            id: ChannelId::of(&bytes),
            first_block: header.first_block,
            batches: header.batches,
            last_hash: header.last_hash,
            raw_bytes: header.raw_bytes,
            bytes,
        }
    }

    /// The channel's id.
    pub const fn id(&self) -> ChannelId {
        self.id
    }

    /// Number of the first block.
    pub const fn first_block(&self) -> u64 {
        self.first_block
    }

    /// Number of the last block.
    pub const fn last_block(&self) -> u64 {
        self.first_block + self.batches as u64 - 1
    }

    /// Hash of the last block.
    pub const fn last_hash(&self) -> B256 {
        self.last_hash
    }

    /// Bytes of the body before compression.
    pub const fn raw_bytes(&self) -> u32 {
        self.raw_bytes
    }

    /// Header and compressed body: what the frames carry.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A decoded channel: consecutive batches, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// The channel's id.
    pub id: ChannelId,
    /// The batches, each the child of the one before by number.
    pub batches: Vec<Batch>,
    /// What the last batch's block must hash to when it is re-executed.
    pub last_hash: B256,
}

impl Channel {
    /// Checks the id, decompresses and reads the batches of reassembled channel bytes.
    ///
    /// # Errors
    /// Any [`DecodeError`] about channels and batches. Memory stays within [`limits`] whatever the bytes claim.
    pub fn decode(id: ChannelId, bytes: &[u8]) -> Result<Self, DecodeError> {
        within("channel", bytes.len(), limits::CHANNEL_BYTES_MAX)?;
        let computed = ChannelId::of(bytes);
        if computed != id {
            return Err(DecodeError::ChannelId { id, computed });
        }
        let mut rest = bytes;
        let header = ChannelHeader::decode(&mut rest)?;
        let body = match header.compression {
            Compression::None => rest.to_vec(),
            Compression::Zstd => decompress(rest, header.raw_bytes as usize)?,
        };
        let expect = |part, expected: u32, found: u64| match u64::from(expected) == found {
            true => Ok(()),
            false => Err(DecodeError::Body { part, expected: u64::from(expected), found }),
        };
        expect("length", header.raw_bytes, body.len() as u64)?;
        expect("crc32", header.crc32, u64::from(crc32fast::hash(&body)))?;
        let batches = decode_batches(&body, header.first_block, header.batches as usize)?;
        expect("batches", header.batches, batches.len() as u64)?;
        Ok(Self { id, batches, last_hash: header.last_hash })
    }

    /// Number of the first block.
    pub fn first_block(&self) -> u64 {
        self.batches.first().map_or(0, |batch| batch.number)
    }

    /// Number of the last block.
    pub fn last_block(&self) -> u64 {
        self.batches.last().map_or(0, |batch| batch.number)
    }
}

/// Decompresses at most one byte more than `raw_bytes`, so a wrong claim is seen without unpacking a bomb.
fn decompress(compressed: &[u8], raw_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let failed = |_| DecodeError::Decompression;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed).map_err(failed)?;
    decoder.window_log_max(limits::ZSTD_WINDOW_LOG_MAX).map_err(failed)?;
    let mut decoder = decoder.single_frame();
    let mut body = Vec::new();
    (&mut decoder).take(raw_bytes as u64 + 1).read_to_end(&mut body).map_err(failed)?;
    // A claim that was too small left bytes in the decoder; the caller reports the length.
    if body.len() <= raw_bytes {
        let left = decoder.finish().len();
        if left != 0 {
            return Err(DecodeError::Trailing { part: "channel", bytes: left });
        }
    }
    Ok(body)
}

fn decode_batches(mut body: &[u8], first: u64, claimed: usize) -> Result<Vec<Batch>, DecodeError> {
    let mut batches = Vec::new();
    while !body.is_empty() {
        let index = batches.len();
        within("batch count", index + 1, claimed)?;
        let batch = Batch::decode(&mut body, index)?;
        let expected = first.checked_add(index as u64);
        if expected != Some(batch.number) {
            let expected = expected.unwrap_or(u64::MAX);
            return Err(DecodeError::BatchNumber { index, expected, found: batch.number });
        }
        batches.push(batch);
    }
    Ok(batches)
}
