//! What a consumer answers when it has applied a change.

use super::{Rejection, WhitelistChange, WhitelistVersion, envelope::SCHEMA};
use serde_json::{Value, json};

/// Most refused rows named in one acknowledgement; their number is always given.
pub const APPLIED_REJECTED_MAX: usize = 1_000;
/// Longest id and reason kept from an acknowledgement.
const TEXT_MAX: usize = 256;

/// Why bytes are not an acknowledgement.
#[derive(Debug, thiserror::Error)]
pub enum AppliedError {
    /// They are not JSON.
    #[error("acknowledgement is not json")]
    Json(#[source] serde_json::Error),
    /// A field is absent or of the wrong type.
    #[error("acknowledgement lacks a field: field={field}")]
    Field {
        /// Name of the field.
        field: &'static str,
    },
}

/// One refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedRejection {
    /// What the row calls itself.
    pub id: String,
    /// Why it is not followed.
    pub reason: String,
}

impl From<&Rejection> for AppliedRejection {
    fn from(rejection: &Rejection) -> Self {
        Self { id: rejection.id.clone(), reason: rejection.reason.to_string() }
    }
}

/// A consumer's acknowledgement of a change, published on `whitelist.applied.{chain}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhitelistApplied {
    /// The chain.
    pub chain_id: u64,
    /// The newest version that is part of the consumer's list; `None` if its publisher numbers nothing.
    pub version: Option<WhitelistVersion>,
    /// The block at whose end the change was applied.
    pub block: u64,
    /// Number of pools that are followed from then on and were not before.
    pub added: u64,
    /// Number of pools that are followed no more.
    pub removed: u64,
    /// Number of the added pools whose state is complete.
    pub hydrated: u64,
    /// Number of rows refused.
    pub rejected_total: u64,
    /// The first of them, at most [`APPLIED_REJECTED_MAX`].
    pub rejected: Vec<AppliedRejection>,
}

impl WhitelistApplied {
    /// The answer to `change`, of which `hydrated` pools are complete after block `block`.
    pub fn of(chain_id: u64, change: &WhitelistChange, block: u64, hydrated: u64) -> Self {
        let rejected = change.rejected.iter().take(APPLIED_REJECTED_MAX);
        Self {
            chain_id,
            version: change.version,
            block,
            added: (change.added.len() + change.unresolved.len()) as u64,
            removed: change.removed.len() as u64,
            hydrated,
            rejected_total: change.rejected.len() as u64,
            rejected: rejected.map(AppliedRejection::from).collect(),
        }
    }

    /// The message.
    pub fn to_json(&self) -> Vec<u8> {
        let row = |row: &AppliedRejection| json!({"id": row.id, "reason": row.reason});
        let rejected = self.rejected.iter().take(APPLIED_REJECTED_MAX).map(row);
        let message = json!({
            "schema": SCHEMA,
            "chain_id": self.chain_id,
            "epoch": self.version.map(|version| version.epoch),
            "snapshot_id": self.version.map(|version| version.snapshot_id),
            "block": self.block,
            "added": self.added,
            "removed": self.removed,
            "hydrated": self.hydrated,
            "rejected_total": self.rejected_total,
            "rejected": rejected.collect::<Vec<_>>(),
        });
        message.to_string().into_bytes()
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If it is not an acknowledgement.
    pub fn from_json(json: &[u8]) -> Result<Self, AppliedError> {
        let message: Value = serde_json::from_slice(json).map_err(AppliedError::Json)?;
        let number = |field: &'static str| {
            message.get(field).and_then(Value::as_u64).ok_or(AppliedError::Field { field })
        };
        let optional = |field: &str| message.get(field).and_then(Value::as_u64);
        if number("schema")? != SCHEMA {
            return Err(AppliedError::Field { field: "schema" });
        }
        let epoch = optional("epoch").unwrap_or(0);
        let snapshot_id = optional("snapshot_id");
        let rows = message.get("rejected").and_then(Value::as_array);
        let rows = rows.ok_or(AppliedError::Field { field: "rejected" })?;
        let text = |row: &Value, field: &str| {
            let text = row.get(field).and_then(Value::as_str).unwrap_or_default();
            text.chars().take(TEXT_MAX).collect()
        };
        let row = |row| AppliedRejection { id: text(row, "id"), reason: text(row, "reason") };
        Ok(Self {
            chain_id: number("chain_id")?,
            version: snapshot_id.map(|snapshot_id| WhitelistVersion { epoch, snapshot_id }),
            block: number("block")?,
            added: number("added")?,
            removed: number("removed")?,
            hydrated: number("hydrated")?,
            rejected_total: number("rejected_total")?,
            rejected: rows.iter().take(APPLIED_REJECTED_MAX).map(row).collect(),
        })
    }
}
