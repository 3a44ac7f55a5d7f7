//! The list of pools to follow, as JSON (the rich form of 2026), made canonical.

mod rejection;
pub use rejection::{Rejection, RejectionReason};

mod pool;
pub use pool::{WhitelistPool, WhitelistProtocol, WhitelistToken};

use alloy_primitives::B256;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Largest whitelist document in bytes: 100,000 rich rows of about 350 bytes, twice over.
pub const WHITELIST_BYTES_MAX: usize = 64 << 20;

/// Why a document is not a whitelist of this chain. Bad rows are no such reason: see [`Whitelist::rejected`].
#[derive(Debug, thiserror::Error)]
pub enum WhitelistError {
    /// The document is larger than [`WHITELIST_BYTES_MAX`].
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
}

/// The pools of one document that can be followed, and the rows that cannot with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whitelist {
    /// The publisher's snapshot number, if it gives one.
    pub snapshot_id: Option<u64>,
    /// The chain.
    pub chain_id: u64,
    /// Accepted rows in the order of the document.
    pub pools: Vec<WhitelistPool>,
    /// Refused rows in the order of the document.
    pub rejected: Vec<Rejection>,
}

impl Whitelist {
    /// Parses a `full` or `add` document for the chain `chain_id`.
    ///
    /// Unknown fields are ignored. A row with bad data is skipped and reported; nothing is ever filled in.
    ///
    /// # Errors
    /// If the document as a whole cannot be used.
    pub fn parse(json: &[u8], chain_id: u64) -> Result<Self, WhitelistError> {
        if json.len() > WHITELIST_BYTES_MAX {
            let bytes = json.len();
            return Err(WhitelistError::TooLarge { bytes, max: WHITELIST_BYTES_MAX });
        }
        let document: Value = serde_json::from_slice(json).map_err(WhitelistError::Json)?;
        let envelope = document.as_object().ok_or(WhitelistError::Field { field: "pools" })?;
        let found = chain(envelope)?;
        if found != chain_id {
            return Err(WhitelistError::ChainMismatch { expected: chain_id, found });
        }
        let rows = envelope.get("pools").and_then(Value::as_array);
        let rows = rows.ok_or(WhitelistError::Field { field: "pools" })?;
        let snapshot_id = envelope.get("snapshot_id").and_then(Value::as_u64);
        let mut whitelist = Self { snapshot_id, chain_id, pools: Vec::new(), rejected: Vec::new() };
        whitelist.take_rows(rows);
        Ok(whitelist)
    }

    fn take_rows(&mut self, rows: &[Value]) {
        let mut seen: HashSet<B256> = HashSet::with_capacity(rows.len());
        for (row, value) in rows.iter().enumerate() {
            let parsed = WhitelistPool::parse(value).and_then(|pool| {
                let is_new = seen.insert(pool.unique_id());
                is_new.then_some(pool).ok_or(RejectionReason::Duplicate)
            });
            match parsed {
                Ok(pool) => self.pools.push(pool),
                Err(reason) => self.rejected.push(Rejection::new(row, value, reason)),
            }
        }
    }
}

fn chain(envelope: &Map<String, Value>) -> Result<u64, WhitelistError> {
    if let Some(chain_id) = envelope.get("chain_id") {
        return chain_id.as_u64().ok_or(WhitelistError::Field { field: "chain_id" });
    }
    match envelope.get("chain") {
        Some(Value::String(name)) => named_chain(name)
            .or_else(|| name.parse().ok())
            .ok_or_else(|| WhitelistError::ChainUnknown { chain: name.clone() }),
        Some(Value::Number(number)) => {
            number.as_u64().ok_or(WhitelistError::Field { field: "chain" })
        }
        _ => Err(WhitelistError::Field { field: "chain" }),
    }
}

/// The chain names that whitelist publishers use.
fn named_chain(name: &str) -> Option<u64> {
    Some(match name {
        "ethereum" | "mainnet" => 1,
        "optimism" => 10,
        "bsc" => 56,
        "unichain" => 130,
        "polygon" => 137,
        "base" => 8_453,
        "arbitrum" => 42_161,
        "weir" => 61_972,
        "sepolia" => 11_155_111,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
