//! What upstream's layout does not allow.

use alloy_primitives::B256;
use weir_arena::PoolId;

/// Why bytes are not an upstream message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The length in front of a frame is zero or above
    /// [`UPSTREAM_FRAME_BYTES_MAX`](crate::UPSTREAM_FRAME_BYTES_MAX).
    #[error("frame length is out of bounds: length={length} max={max}")]
    FrameLength {
        /// The length read.
        length: u32,
        /// The largest length allowed.
        max: u32,
    },
    /// The payload ends inside a value.
    #[error("payload is too short")]
    Short,
    /// The payload goes on after its last value.
    #[error("payload is too long: excess={excess}")]
    Long {
        /// Bytes after the last value.
        excess: usize,
    },
    /// A discriminant is not one of its enumeration.
    #[error("variant is unknown: enum={name} variant={variant}")]
    UnknownVariant {
        /// The enumeration.
        name: &'static str,
        /// The discriminant read.
        variant: u32,
    },
    /// A flag or the tag of an optional value is neither 0 nor 1.
    #[error("flag is neither 0 nor 1: value={value}")]
    Flag {
        /// The byte read.
        value: u8,
    },
    /// A value of fixed width has another length in front of it.
    #[error("length is wrong: expected={expected} found={found}")]
    Length {
        /// The length due.
        expected: u64,
        /// The length read.
        found: u64,
    },
    /// Text is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
}

/// Why an event cannot be told to an upstream consumer, who is cut then: what follows would be wrong without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamStreamError {
    /// A reverted block is no longer retained, so that its updates cannot be taken back.
    #[error("reverted block is no longer retained: number={number} hash={hash}")]
    NotRetained {
        /// Number of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
    },
    /// The states with which a reorg ends are not known: the producer has no snapshot at or after that block.
    #[error("pool states at the end of a reorg are not known: number={number} hash={hash}")]
    NoFinalState {
        /// Number of the block.
        number: u64,
        /// Hash of the block.
        hash: B256,
    },
    /// An amount of liquidity does not fit upstream's type; no contract emits one.
    #[error("liquidity does not fit: pool={pool} amount={amount}")]
    Liquidity {
        /// The pool.
        pool: PoolId,
        /// The amount.
        amount: u128,
    },
}
