//! Documents that are not whitelists, and sets of chunks that do not fit together.

use super::WhitelistKind;

/// Why a document is not a whitelist message of this chain. Bad rows are no such reason: see [`Rejection`](super::Rejection).
#[derive(Debug, thiserror::Error)]
pub enum WhitelistError {
    /// The document is larger than [`WHITELIST_BYTES_MAX`](super::WHITELIST_BYTES_MAX).
    #[error("whitelist is too large: bytes={bytes} max={max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest size accepted.
        max: usize,
    },
    /// The document is not JSON.
    #[error("whitelist is not json")]
    Json(#[source] serde_json::Error),
    /// A field of the envelope is absent or of the wrong type.
    #[error("whitelist lacks a field: field={field}")]
    Field {
        /// Name of the field.
        field: &'static str,
    },
    /// The document follows another schema than version 1.
    #[error("whitelist schema is not supported: schema={schema:?}")]
    Schema {
        /// The version as written, cut to 64 characters.
        schema: String,
    },
    /// `type` is none of `full`, `add`, `remove`.
    #[error("whitelist type is unknown: type={name:?}")]
    KindUnknown {
        /// The type, cut to 64 characters.
        name: String,
    },
    /// The chain is neither a known name nor a number, and there is no `chain_id`.
    #[error("whitelist names an unknown chain: chain={chain:?}")]
    ChainUnknown {
        /// The name.
        chain: String,
    },
    /// The document is for another chain.
    #[error("whitelist is for another chain: expected={expected} found={found}")]
    ChainMismatch {
        /// The chain followed.
        expected: u64,
        /// The chain of the document.
        found: u64,
    },
    /// A minimal list must name one protocol for each pool.
    #[error(
        "whitelist has another number of protocols than pools: pools={pools} protocols={protocols}"
    )]
    ProtocolCount {
        /// Number of pools.
        pools: usize,
        /// Number of protocols.
        protocols: usize,
    },
    /// A chunk index is not below the number of chunks, or there are more than [`CHUNKS_MAX`](super::CHUNKS_MAX).
    #[error("whitelist chunk is out of range: i={i} n={n}")]
    ChunkRange {
        /// The index, from zero.
        i: u64,
        /// The number of chunks.
        n: u64,
    },
    /// The digest of an undivided message is not that of its rows.
    #[error("whitelist digest differs")]
    Digest,
}

/// Why a set of chunks was dropped. The publisher must be asked for a new full list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkFault {
    /// Two chunks of one message disagree about the number of chunks, the digest or the block from which they count.
    #[error("whitelist chunks disagree: kind={kind}")]
    Disagree {
        /// Kind of the message.
        kind: WhitelistKind,
    },
    /// One chunk came twice with different rows.
    #[error("whitelist chunk differs from its repetition: kind={kind} i={i}")]
    Repeated {
        /// Kind of the message.
        kind: WhitelistKind,
        /// Index of the chunk.
        i: u32,
    },
    /// The chunks together are larger than [`WHITELIST_BYTES_MAX`](super::WHITELIST_BYTES_MAX).
    #[error("whitelist chunks are too large: kind={kind} max={max}")]
    TooLarge {
        /// Kind of the message.
        kind: WhitelistKind,
        /// The most bytes accepted.
        max: usize,
    },
    /// The chunks are complete but their digest is not that of their rows.
    #[error("whitelist digest differs: kind={kind}")]
    Digest {
        /// Kind of the message.
        kind: WhitelistKind,
    },
}
