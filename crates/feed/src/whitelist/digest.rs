//! The digest of a list: independent of how it is divided into chunks.

use alloy_primitives::{B256, Keccak256, keccak256};

/// Keccak-256 of a row's JSON text, byte by byte as it stands in the message.
pub(super) fn row_digest(text: &str) -> B256 {
    keccak256(text)
}

/// Keccak-256 of the digests of all rows in order.
pub(super) fn digest_of_rows<'a>(rows: impl IntoIterator<Item = &'a B256>) -> B256 {
    let mut hasher = Keccak256::new();
    for row in rows {
        hasher.update(row);
    }
    hasher.finalize()
}
