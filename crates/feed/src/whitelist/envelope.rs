//! The fields around the rows, in all generations of the format.

use super::{CHUNKS_MAX, WHITELIST_BYTES_MAX, WhitelistError, WhitelistKind, chain::chain_id_of};
use alloy_primitives::B256;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The schema version of Weir's own additions.
pub(super) const SCHEMA: u64 = 1;

/// Position of a message in the publisher's history. A publisher that loses its counter starts a higher epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WhitelistVersion {
    /// The publisher's epoch; 0 if it gives none.
    pub epoch: u64,
    /// The publisher's snapshot number, in practice milliseconds since 1970.
    pub snapshot_id: u64,
}

/// Which part of a divided message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhitelistChunk {
    /// Index, from zero.
    pub i: u32,
    /// Number of chunks, at least one.
    pub n: u32,
}

/// A JSON object whose fields are still text.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    fields: BTreeMap<String, &'a RawValue>,
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(json: &'a [u8], chain_id: u64) -> Result<Self, WhitelistError> {
        if json.len() > WHITELIST_BYTES_MAX {
            let bytes = json.len();
            return Err(WhitelistError::TooLarge { bytes, max: WHITELIST_BYTES_MAX });
        }
        let fields = serde_json::from_slice(json).map_err(|error| match error.is_data() {
            true => WhitelistError::Field { field: "pools" },
            false => WhitelistError::Json(error),
        })?;
        let envelope = Self { fields };
        envelope.check_schema()?;
        let found = envelope.chain_id()?;
        if found != chain_id {
            return Err(WhitelistError::ChainMismatch { expected: chain_id, found });
        }
        Ok(envelope)
    }

    /// The text of a field that is present and not null.
    fn text(&self, field: &str) -> Option<&'a str> {
        self.fields.get(field).map(|raw| raw.get()).filter(|text| *text != "null")
    }

    fn number(&self, field: &'static str) -> Result<Option<u64>, WhitelistError> {
        let Some(text) = self.text(field) else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|_| WhitelistError::Field { field })
    }

    fn string(&self, field: &'static str) -> Result<Option<String>, WhitelistError> {
        let Some(text) = self.text(field) else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|_| WhitelistError::Field { field })
    }

    /// The texts of an array; `None` if it is absent.
    pub(super) fn rows(
        &self,
        field: &'static str,
    ) -> Result<Option<Vec<&'a RawValue>>, WhitelistError> {
        let Some(text) = self.text(field) else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|_| WhitelistError::Field { field })
    }

    fn check_schema(&self) -> Result<(), WhitelistError> {
        match self.text("schema") {
            None => Ok(()),
            Some(text) if serde_json::from_str(text).ok() == Some(SCHEMA) => Ok(()),
            Some(text) => Err(WhitelistError::Schema { schema: text.chars().take(64).collect() }),
        }
    }

    fn chain_id(&self) -> Result<u64, WhitelistError> {
        if let Some(chain_id) = self.number("chain_id")? {
            return Ok(chain_id);
        }
        if let Ok(Some(number)) = self.number("chain") {
            return Ok(number);
        }
        let name = self.string("chain")?.ok_or(WhitelistError::Field { field: "chain" })?;
        chain_id_of(&name)
            .or_else(|| name.parse().ok())
            .ok_or(WhitelistError::ChainUnknown { chain: name })
    }

    /// `type` wins over the subject: older publishers removed pools under `.full`.
    pub(super) fn kind(&self) -> Result<Option<WhitelistKind>, WhitelistError> {
        let Some(name) = self.string("type")? else { return Ok(None) };
        WhitelistKind::from_name(&name)
            .map(Some)
            .ok_or_else(|| WhitelistError::KindUnknown { name: name.chars().take(64).collect() })
    }

    pub(super) fn epoch(&self) -> Result<Option<u64>, WhitelistError> {
        self.number("epoch")
    }

    pub(super) fn version(&self) -> Result<Option<WhitelistVersion>, WhitelistError> {
        let epoch = self.epoch()?.unwrap_or(0);
        let snapshot_id = self.number("snapshot_id")?;
        Ok(snapshot_id.map(|snapshot_id| WhitelistVersion { epoch, snapshot_id }))
    }

    pub(super) fn effective_from(&self) -> Result<Option<u64>, WhitelistError> {
        self.number("effective_from")
    }

    pub(super) fn digest(&self) -> Result<Option<B256>, WhitelistError> {
        let Some(text) = self.string("digest")? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| WhitelistError::Field { field: "digest" })
    }

    pub(super) fn chunk(&self) -> Result<Option<WhitelistChunk>, WhitelistError> {
        let Some(text) = self.text("chunk") else { return Ok(None) };
        let fields: BTreeMap<String, serde_json::Value> =
            serde_json::from_str(text).map_err(|_| WhitelistError::Field { field: "chunk" })?;
        let number = |name: &str, field| {
            let value = fields.get(name).and_then(serde_json::Value::as_u64);
            value.ok_or(WhitelistError::Field { field })
        };
        let (i, n) = (number("i", "chunk.i")?, number("n", "chunk.n")?);
        let out_of_range = || WhitelistError::ChunkRange { i, n };
        let chunk = WhitelistChunk {
            i: u32::try_from(i).map_err(|_| out_of_range())?,
            n: u32::try_from(n).map_err(|_| out_of_range())?,
        };
        if chunk.i < chunk.n && chunk.n <= CHUNKS_MAX { Ok(chunk) } else { Err(out_of_range()) }
            .map(Some)
    }
}
