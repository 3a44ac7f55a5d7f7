//! A whitelist file.

use super::{
    Rejection, WhitelistAddress, WhitelistError, WhitelistKind, WhitelistMessage, WhitelistPool,
};

/// The pools of one document that can be followed, and the rows that cannot with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whitelist {
    /// The publisher's snapshot number, if it gives one.
    pub snapshot_id: Option<u64>,
    /// The chain.
    pub chain_id: u64,
    /// Accepted rows in the order of the document.
    pub pools: Vec<WhitelistPool>,
    /// Rows of a minimal list: their tokens and fee must be read from the chain.
    pub unresolved: Vec<WhitelistAddress>,
    /// Refused rows in the order of the document.
    pub rejected: Vec<Rejection>,
}

impl Whitelist {
    /// Parses a `full` or `add` document for the chain `chain_id`.
    ///
    /// Unknown fields are ignored. A row with bad data is skipped and reported; nothing is ever filled in.
    ///
    /// # Errors
    /// If the document as a whole cannot be used, or is a removal.
    pub fn parse(json: &[u8], chain_id: u64) -> Result<Self, WhitelistError> {
        let update = WhitelistMessage::parse(json, chain_id, WhitelistKind::Full)?.update;
        if update.kind == WhitelistKind::Remove {
            return Err(WhitelistError::Field { field: "pools" });
        }
        let snapshot_id = update.snapshot_id();
        let (pools, unresolved, rejected) = (update.pools, update.unresolved, update.rejected);
        Ok(Self { snapshot_id, chain_id, pools, unresolved, rejected })
    }
}
