//! The first record of each direction.

use crate::{
    CodecError,
    wire::{FieldReader, FrameWriter},
};

/// The bytes that open both handshake records.
pub const MAGIC: [u8; 8] = *b"WEIRFEED";
/// The protocol version of this crate.
pub const PROTOCOL_VERSION: u16 = 1;
/// The codec of this crate: the fixed little-endian records of `docs/spec/feed.md`.
pub const CODEC_FIXED: u16 = 1;
/// The same records and [`Gate`](crate::Gate) besides, which readers of [`CODEC_FIXED`] do not know.
pub const CODEC_GATES: u16 = 2;
/// The chain id that a consumer sends when it takes whichever chain the producer follows.
pub const ANY_CHAIN: u64 = 0;

/// Where the stream is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the next block that the producer publishes.
    Live,
    /// With the oldest block that the producer retains.
    Oldest,
    /// After what the consumer already has.
    Resume(Position),
    /// With the state of all pools at a block near the tip, then with what comes after that block.
    Snapshot,
}

/// A place in a producer's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The producer's epoch. Sequence numbers of different epochs are unrelated.
    pub epoch: u64,
    /// The sequence number that is wanted next.
    pub next_seq: u64,
}

/// What a consumer says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Protocol version that the consumer speaks.
    pub version: u16,
    /// Codec that the consumer reads.
    pub codec: u16,
    /// Chain that the consumer wants, or [`ANY_CHAIN`].
    pub chain_id: u64,
    /// Where to begin.
    pub start: Start,
}

impl Hello {
    /// A greeting in this crate's version and codec.
    pub const fn new(chain_id: u64, start: Start) -> Self {
        Self { version: PROTOCOL_VERSION, codec: CODEC_FIXED, chain_id, start }
    }
}

/// What a producer answers to a [`Hello`] that it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Protocol version of the stream.
    pub version: u16,
    /// Codec of the stream.
    pub codec: u16,
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch: a new value each time the producer starts to count from zero.
    pub epoch: u64,
    /// Sequence number of the first record that follows.
    pub first_seq: u64,
    /// The oldest sequence number that can be resumed from.
    pub oldest_seq: u64,
    /// The sequence number that the producer assigns next.
    pub next_seq: u64,
}

/// Why a producer does not serve a consumer. The connection closes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub enum Refusal {
    /// The producer does not speak this protocol version.
    #[error("protocol version is not supported")]
    Version = 1,
    /// The producer does not write this codec.
    #[error("codec is not supported")]
    Codec = 2,
    /// The producer follows another chain.
    #[error("chain is not served")]
    Chain = 3,
    /// The producer serves as many consumers as it may.
    #[error("too many consumers")]
    Full = 4,
    /// The producer has no snapshot at a block of its stream.
    #[error("no snapshot is at hand")]
    Snapshot = 5,
}

impl Refusal {
    fn from_wire(value: u8) -> Result<Self, CodecError> {
        match value {
            1 => Ok(Self::Version),
            2 => Ok(Self::Codec),
            3 => Ok(Self::Chain),
            4 => Ok(Self::Full),
            5 => Ok(Self::Snapshot),
            other => Err(CodecError::UnknownValue { field: "refusal", value: other.into() }),
        }
    }
}

/// What a producer answers to a [`Hello`] that it does not serve, with what it would accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Refusal,
    /// The protocol version that the producer speaks.
    pub version: u16,
    /// The codec that the producer writes.
    pub codec: u16,
    /// The chain that the producer follows; zero if it follows several.
    pub chain_id: u64,
}

pub(crate) fn write_hello(hello: &Hello, out: &mut FrameWriter<'_>) {
    let (kind, position) = match hello.start {
        Start::Live => (0, Position { epoch: 0, next_seq: 0 }),
        Start::Oldest => (1, Position { epoch: 0, next_seq: 0 }),
        Start::Resume(position) => (2, position),
        Start::Snapshot => (3, Position { epoch: 0, next_seq: 0 }),
    };
    out.bytes(&MAGIC).u16(hello.version).u16(hello.codec).u64(hello.chain_id);
    out.u8(kind).u64(position.epoch).u64(position.next_seq);
}

pub(crate) fn read_hello(fields: &mut FieldReader<'_>) -> Result<Hello, CodecError> {
    require_magic(fields)?;
    let (version, codec, chain_id) = (fields.u16()?, fields.u16()?, fields.u64()?);
    let kind = fields.u8()?;
    let position = Position { epoch: fields.u64()?, next_seq: fields.u64()? };
    let start = match kind {
        0 | 1 | 3 if position != (Position { epoch: 0, next_seq: 0 }) => {
            return Err(CodecError::Padding { field: "start" });
        }
        0 => Start::Live,
        1 => Start::Oldest,
        2 => Start::Resume(position),
        3 => Start::Snapshot,
        other => return Err(CodecError::UnknownValue { field: "start", value: other.into() }),
    };
    Ok(Hello { version, codec, chain_id, start })
}

pub(crate) fn write_welcome(welcome: &Welcome, out: &mut FrameWriter<'_>) {
    out.bytes(&MAGIC).u16(welcome.version).u16(welcome.codec).u64(welcome.chain_id);
    out.u64(welcome.epoch).u64(welcome.first_seq).u64(welcome.oldest_seq).u64(welcome.next_seq);
}

pub(crate) fn read_welcome(fields: &mut FieldReader<'_>) -> Result<Welcome, CodecError> {
    require_magic(fields)?;
    Ok(Welcome {
        version: fields.u16()?,
        codec: fields.u16()?,
        chain_id: fields.u64()?,
        epoch: fields.u64()?,
        first_seq: fields.u64()?,
        oldest_seq: fields.u64()?,
        next_seq: fields.u64()?,
    })
}

pub(crate) fn write_refused(refused: &Refused, out: &mut FrameWriter<'_>) {
    out.bytes(&MAGIC).u16(refused.version).u16(refused.codec).u64(refused.chain_id);
    out.u8(refused.reason as u8);
}

pub(crate) fn read_refused(fields: &mut FieldReader<'_>) -> Result<Refused, CodecError> {
    require_magic(fields)?;
    Ok(Refused {
        version: fields.u16()?,
        codec: fields.u16()?,
        chain_id: fields.u64()?,
        reason: Refusal::from_wire(fields.u8()?)?,
    })
}

fn require_magic(fields: &mut FieldReader<'_>) -> Result<(), CodecError> {
    if fields.array::<8>()? == MAGIC { Ok(()) } else { Err(CodecError::Magic) }
}
