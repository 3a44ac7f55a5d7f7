//! Rows that are skipped, and why.

use serde_json::Value;
use std::fmt;

/// Why a row is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RejectionReason {
    /// The row is not a JSON object.
    #[error("row is not an object")]
    NotAnObject,
    /// The row names a pool and not its protocol, so that its tokens and fee cannot be looked up either.
    #[error("metadata is missing")]
    MetadataMissing,
    /// A field that the protocol needs is absent; it is never filled in.
    #[error("field is missing: field={field}")]
    Missing {
        /// Path of the field.
        field: &'static str,
    },
    /// A field is of the wrong type, not an address, or out of range.
    #[error("field is invalid: field={field}")]
    Invalid {
        /// Path of the field.
        field: &'static str,
    },
    /// The protocol's name is not one that whitelists use.
    #[error("protocol is unknown: protocol={protocol:?}")]
    ProtocolUnknown {
        /// The name, cut to 64 characters.
        protocol: String,
    },
    /// The protocol is known but this engine cannot follow it.
    #[error("protocol is not supported: protocol={protocol:?}")]
    ProtocolUnsupported {
        /// The name.
        protocol: String,
    },
    /// `token0` is not below `token1`: no factory creates such a pool.
    #[error("tokens are not in order")]
    TokenOrder,
    /// The id of a Uniswap V4 pool is not the hash of its key.
    #[error("pool id is not the hash of the pool key")]
    PoolId,
    /// An earlier row names the same pool.
    #[error("pool is listed twice")]
    Duplicate,
}

/// One row that is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Index of the row in `pools`, counted over all chunks.
    pub row: usize,
    /// What the row calls itself (`pool_id`, else `address` or `id`, else the row itself), cut to 80 characters; empty if it has no name.
    pub id: String,
    /// Why.
    pub reason: RejectionReason,
}

impl Rejection {
    pub(super) fn new(row: usize, value: &Value, reason: RejectionReason) -> Self {
        let name = |field| value.get(field).and_then(Value::as_str);
        let id = name("pool_id").or_else(|| name("address")).or_else(|| name("id"));
        let id = id.or_else(|| value.as_str()).unwrap_or_default();
        Self { row, id: id.chars().take(80).collect(), reason }
    }

    /// The same row of a message in which `before` rows come in earlier chunks.
    pub(super) fn shifted(self, before: usize) -> Self {
        Self { row: self.row + before, ..self }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: row={} pool={:?}", self.reason, self.row, self.id)
    }
}
