//! Small durable records that are not chain data.

/// Who owns a record. The numbers are on disk: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordNamespace {
    /// Small facts of the node.
    Meta = 0,
    /// The batch outbox: batches written before they are posted.
    Batcher = 1,
    /// What derivation has read from L1.
    Derivation = 2,
    /// Whitelists, checkpoints and cursors of the liquidity engine.
    Liquidity = 3,
    /// Witnesses of the newest blocks.
    Witness = 4,
}

/// One write among several that are applied together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWrite {
    /// Whose record.
    pub namespace: RecordNamespace,
    /// Key, at most [`RecordWrite::KEY_BYTES_MAX`] bytes; records are read back in the order of their keys.
    pub key: Vec<u8>,
    /// New value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

impl RecordWrite {
    /// Longest key in bytes.
    pub const KEY_BYTES_MAX: usize = 1024;

    /// Writes a value.
    pub fn put(
        namespace: RecordNamespace,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
    ) -> Self {
        Self { namespace, key: key.into(), value: Some(value.into()) }
    }

    /// Deletes a record; deleting an absent one is no error.
    pub fn delete(namespace: RecordNamespace, key: impl Into<Vec<u8>>) -> Self {
        Self { namespace, key: key.into(), value: None }
    }
}
