//! One message, which may be a chunk, made canonical.

use super::{
    Rejection, RejectionReason, WhitelistAddress, WhitelistChunk, WhitelistError, WhitelistKind,
    WhitelistPool, WhitelistUpdate,
    address::pool_id,
    digest::{digest_of_rows, row_digest},
    envelope::Envelope,
};
use alloy_primitives::B256;
use serde_json::{Value, value::RawValue};
use std::collections::HashSet;
use weir_arena::PoolId;

/// What is remembered of a row until its message is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowNote {
    /// Digest of the row's text.
    pub(super) digest: B256,
    /// The pool that it names; `None` if it was refused.
    pub(super) id: Option<PoolId>,
}

/// One message of a publisher, in any generation of the format. A divided message comes as several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhitelistMessage {
    /// What the rows of this message say.
    pub update: WhitelistUpdate,
    /// Which part it is; `None` if it is whole.
    pub chunk: Option<WhitelistChunk>,
    /// Digest over the rows of all chunks.
    pub digest: Option<B256>,
    /// What is remembered of each row, in order.
    pub(super) rows: Vec<RowNote>,
    /// Size of the message.
    pub(super) bytes: usize,
}

impl WhitelistMessage {
    /// Parses one message for the chain `chain_id`. `kind` is what the subject says; `type` in the message wins over it.
    ///
    /// Unknown fields are ignored. A row with bad data is skipped and reported; nothing is ever filled in.
    ///
    /// # Errors
    /// If the message as a whole cannot be used.
    pub fn parse(json: &[u8], chain_id: u64, kind: WhitelistKind) -> Result<Self, WhitelistError> {
        let envelope = Envelope::parse(json, chain_id)?;
        let kind = envelope.kind()?.unwrap_or(kind);
        let (rows, protocols) = rows_of(&envelope, kind)?;
        let version = envelope.version()?;
        let chunk = envelope.chunk()?;
        if chunk.is_some() && version.is_none() {
            return Err(WhitelistError::Field { field: "snapshot_id" });
        }
        let mut message = Self {
            update: WhitelistUpdate {
                kind,
                version,
                effective_from: envelope.effective_from()?,
                pools: Vec::new(),
                unresolved: Vec::new(),
                removed: Vec::new(),
                rejected: Vec::new(),
            },
            chunk,
            digest: envelope.digest()?,
            rows: Vec::with_capacity(rows.len()),
            bytes: json.len(),
        };
        message.take_rows(&rows, protocols.as_deref());
        message.check_digest()?;
        Ok(message)
    }

    /// A message that is whole is checked at once, a divided one when its chunks are together.
    fn check_digest(&self) -> Result<(), WhitelistError> {
        match (self.chunk, self.digest) {
            (None, Some(digest))
                if digest != digest_of_rows(self.rows.iter().map(|row| &row.digest)) =>
            {
                Err(WhitelistError::Digest)
            }
            _ => Ok(()),
        }
    }
}

type Rows<'a> = (Vec<&'a RawValue>, Option<Vec<&'a RawValue>>);

/// The rows of a message, and the protocols of a minimal one.
pub(super) fn rows_of<'a>(
    envelope: &Envelope<'a>,
    kind: WhitelistKind,
) -> Result<Rows<'a>, WhitelistError> {
    if kind == WhitelistKind::Remove {
        if let Some(rows) = envelope.rows("pool_addresses")? {
            return Ok((rows, None));
        }
        let rows = envelope.rows("pools")?;
        return Ok((rows.ok_or(WhitelistError::Field { field: "pool_addresses" })?, None));
    }
    let rows = envelope.rows("pools")?.ok_or(WhitelistError::Field { field: "pools" })?;
    let protocols = envelope.rows("protocols")?;
    if let Some(protocols) = protocols.as_ref().filter(|all| all.len() != rows.len()) {
        let (pools, protocols) = (rows.len(), protocols.len());
        return Err(WhitelistError::ProtocolCount { pools, protocols });
    }
    Ok((rows, protocols))
}

enum Row {
    Pool(Box<WhitelistPool>),
    Address(WhitelistAddress),
    Removed(PoolId),
}

impl Row {
    fn parse(
        value: &Value,
        protocol: Option<&Value>,
        kind: WhitelistKind,
    ) -> Result<Self, RejectionReason> {
        match (kind, value) {
            (WhitelistKind::Remove, _) => removed_id(value).map(Self::Removed),
            (_, Value::String(_)) => WhitelistAddress::parse(value, protocol).map(Self::Address),
            (_, Value::Object(row)) if let Some(named) = WhitelistAddress::of_row(row) => {
                named.map(Self::Address)
            }
            _ => WhitelistPool::parse(value).map(|pool| Self::Pool(Box::new(pool))),
        }
    }

    const fn id(&self) -> PoolId {
        match self {
            Self::Pool(pool) => pool.id(),
            Self::Address(address) => address.id,
            Self::Removed(id) => *id,
        }
    }
}

/// A removal names pools by id, or repeats their rows.
fn removed_id(value: &Value) -> Result<PoolId, RejectionReason> {
    let field = |name| value.get(name).filter(|value| !value.is_null());
    let name = field("pool_id").or_else(|| field("address")).or_else(|| field("id"));
    pool_id(name.unwrap_or(value)).ok_or(RejectionReason::Invalid { field: "pool_addresses" })
}

impl WhitelistMessage {
    fn take_rows(&mut self, rows: &[&RawValue], protocols: Option<&[&RawValue]>) {
        let mut seen: HashSet<PoolId> = HashSet::with_capacity(rows.len());
        for (index, raw) in rows.iter().enumerate() {
            let value = readable(raw);
            let protocol = protocols.and_then(|all| all.get(index)).map(|raw| readable(raw));
            let parsed = Row::parse(&value, protocol.as_ref(), self.update.kind).and_then(|row| {
                let is_new = seen.insert(row.id());
                is_new.then_some(row).ok_or(RejectionReason::Duplicate)
            });
            let id = parsed.as_ref().ok().map(Row::id);
            self.rows.push(RowNote { digest: row_digest(raw.get()), id });
            match parsed {
                Ok(Row::Pool(pool)) => self.update.pools.push(*pool),
                Ok(Row::Address(address)) => self.update.unresolved.push(address),
                Ok(Row::Removed(id)) => self.update.removed.push(id),
                Err(reason) => {
                    self.update.rejected.push(Rejection::new(index, &value, reason));
                }
            }
        }
    }
}

/// The value of a text that is JSON; null if it nests too deeply or holds a number beyond all types.
fn readable(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or(Value::Null)
}
