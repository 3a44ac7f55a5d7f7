//! A whitelist file on its way out: checked, numbered, divided.

use super::{
    CHUNKS_MAX, Rejection, RejectionReason, WhitelistError, WhitelistKind, WhitelistMessage,
    WhitelistUpdate, WhitelistVersion,
    digest::digest_of_rows,
    envelope::{Envelope, SCHEMA},
    message::rows_of,
    whitelist_chain_name,
};
use alloy_primitives::B256;
use serde_json::value::RawValue;

/// Why a file is not published.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It is not a whitelist of this chain.
    #[error("whitelist is not valid")]
    Whitelist(#[from] WhitelistError),
    /// It is a part of a divided message.
    #[error("whitelist is a chunk")]
    Chunk,
    /// Rows of it are wrong. Rows of protocols that Weir does not follow are not: others may.
    #[error("whitelist has wrong rows: rows={rows} first={first}")]
    Rows {
        /// Number of wrong rows.
        rows: usize,
        /// The first of them.
        first: Rejection,
    },
    /// It is an addition or a removal where a full list is served.
    #[error("whitelist is not a full list: kind={kind}")]
    NotFull {
        /// Its kind.
        kind: WhitelistKind,
    },
    /// It names no pool.
    #[error("whitelist is empty")]
    Empty,
    /// One row does not fit a message.
    #[error("whitelist row does not fit a message: row={row} bytes={bytes} max={max}")]
    RowTooLarge {
        /// Index of the row.
        row: usize,
        /// Size of the message that it needs.
        bytes: usize,
        /// Largest message.
        max: usize,
    },
    /// It needs more than [`CHUNKS_MAX`](super::CHUNKS_MAX) messages.
    #[error("whitelist needs too many chunks: chunks={chunks} max={max}")]
    TooManyChunks {
        /// Number of messages.
        chunks: usize,
        /// Most messages.
        max: u32,
    },
}

/// A list, addition or removal, checked by the parser of its readers. Rows are sent as they stand in the file.
#[derive(Debug, Clone)]
pub struct WhitelistDocument {
    chain_id: u64,
    /// With [`WhitelistDocument::version`]: a file without an epoch is sent without.
    epoch: Option<u64>,
    update: WhitelistUpdate,
    version: WhitelistVersion,
    rows: Vec<Box<str>>,
    protocols: Option<Vec<Box<str>>>,
    digest: B256,
}

impl WhitelistDocument {
    /// Checks a file for the chain `chain_id` and numbers it `snapshot_id`. `kind` is what it does unless it says so itself.
    ///
    /// # Errors
    /// If a reader would refuse the file or a row of it.
    pub fn parse(
        json: &[u8],
        chain_id: u64,
        kind: WhitelistKind,
        snapshot_id: u64,
    ) -> Result<Self, DocumentError> {
        let WhitelistMessage { mut update, chunk, rows: notes, .. } =
            WhitelistMessage::parse(json, chain_id, kind)?;
        if chunk.is_some() {
            return Err(DocumentError::Chunk);
        }
        check_rows(&update)?;
        let envelope = Envelope::parse(json, chain_id)?;
        let epoch = envelope.epoch()?;
        let version = WhitelistVersion { epoch: epoch.unwrap_or(0), snapshot_id };
        update.version = Some(version);
        let (rows, protocols) = rows_of(&envelope, update.kind)?;
        let texts = |rows: Vec<&RawValue>| rows.iter().map(|row| row.get().into()).collect();
        let digest = digest_of_rows(notes.iter().map(|row| &row.digest));
        let (rows, protocols) = (texts(rows), protocols.map(texts));
        Ok(Self { chain_id, epoch, update, version, rows, protocols, digest })
    }

    /// What readers make of it.
    pub const fn update(&self) -> &WhitelistUpdate {
        &self.update
    }

    /// Its number.
    pub const fn version(&self) -> WhitelistVersion {
        self.version
    }

    /// Digest over its rows.
    pub const fn digest(&self) -> B256 {
        self.digest
    }

    /// The messages that carry it, each at most `bytes_max` long. One message if it fits.
    ///
    /// # Errors
    /// If a row does not fit a message, or there are more than [`CHUNKS_MAX`](super::CHUNKS_MAX) messages.
    pub fn messages(&self, bytes_max: usize) -> Result<Vec<Vec<u8>>, DocumentError> {
        let parts = self.parts(bytes_max)?;
        let n = u32::try_from(parts.len()).ok().filter(|n| *n <= CHUNKS_MAX);
        let chunks = parts.len();
        let n = n.ok_or(DocumentError::TooManyChunks { chunks, max: CHUNKS_MAX })?;
        Ok((0..n).zip(parts).map(|(i, rows)| self.message(i, n, rows)).collect())
    }

    /// Ranges of rows that fit a message each.
    fn parts(&self, bytes_max: usize) -> Result<Vec<std::ops::Range<usize>>, DocumentError> {
        // With the largest numbers: no head is longer.
        let frame = self.message(CHUNKS_MAX, CHUNKS_MAX, 0..0).len();
        let (mut parts, mut start, mut bytes) = (Vec::new(), 0, frame);
        for row in 0..self.rows.len() {
            let protocol = self.protocols.as_ref().map_or(0, |all| all[row].len() + 1);
            let size = self.rows[row].len() + 1 + protocol;
            if frame + size > bytes_max {
                let bytes = frame + size;
                return Err(DocumentError::RowTooLarge { row, bytes, max: bytes_max });
            }
            if bytes + size > bytes_max {
                parts.push(start..row);
                (start, bytes) = (row, frame);
            }
            bytes += size;
        }
        parts.push(start..self.rows.len());
        Ok(parts)
    }

    fn message(&self, i: u32, n: u32, rows: std::ops::Range<usize>) -> Vec<u8> {
        let chain = whitelist_chain_name(self.chain_id);
        let (kind, chain_id, snapshot_id) =
            (self.update.kind, self.chain_id, self.version.snapshot_id);
        let mut text = format!(
            r#"{{"schema":{SCHEMA},"type":"{kind}","chain":"{chain}","chain_id":{chain_id},"snapshot_id":{snapshot_id},"digest":"{:#x}""#,
            self.digest
        );
        if let Some(epoch) = self.epoch {
            text.push_str(&format!(r#","epoch":{epoch}"#));
        }
        if let Some(block) = self.update.effective_from {
            text.push_str(&format!(r#","effective_from":{block}"#));
        }
        if n > 1 {
            text.push_str(&format!(r#","chunk":{{"i":{i},"n":{n}}}"#));
        }
        let name = if kind == WhitelistKind::Remove { "pool_addresses" } else { "pools" };
        text.push_str(&format!(r#","{name}":[{}]"#, self.rows[rows.clone()].join(",")));
        if let Some(protocols) = &self.protocols {
            text.push_str(&format!(r#","protocols":[{}]"#, protocols[rows].join(",")));
        }
        text.push('}');
        text.into_bytes()
    }
}

fn check_rows(update: &WhitelistUpdate) -> Result<(), DocumentError> {
    let is_wrong =
        |row: &&Rejection| !matches!(row.reason, RejectionReason::ProtocolUnsupported { .. });
    let mut wrong = update.rejected.iter().filter(is_wrong);
    if let Some(first) = wrong.next() {
        let (rows, first) = (1 + wrong.count(), first.clone());
        return Err(DocumentError::Rows { rows, first });
    }
    if update.is_empty() { Err(DocumentError::Empty) } else { Ok(()) }
}
