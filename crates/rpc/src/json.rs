//! Serialized answers.

use crate::error::{INTERNAL_ERROR, RpcError};
use alloy_primitives::{B256, hex};
use serde::Serialize;

/// A value already written as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Json(String);

/// What a handler returns.
pub(crate) type Answer = Result<Json, RpcError>;

impl Json {
    /// Writes `value`.
    pub(crate) fn of<T: Serialize + ?Sized>(value: &T) -> Answer {
        serde_json::to_string(value).map(Self).map_err(|error| {
            tracing::error!(%error, "answer cannot be written");
            RpcError::new(INTERNAL_ERROR, "answer cannot be written")
        })
    }

    /// `null`.
    pub(crate) fn null() -> Self {
        Self("null".to_owned())
    }

    /// A hash as a string; the answer of `eth_sendRawTransaction`.
    pub(crate) fn hash(hash: &B256) -> Self {
        let mut text = String::with_capacity(68);
        text.push('"');
        text.push_str(hex::Buffer::<32, true>::new().format(hash));
        text.push('"');
        Self(text)
    }

    /// A quantity: minimal hex with a prefix.
    pub(crate) fn quantity(value: u128) -> Self {
        Self(format!("\"{value:#x}\""))
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_paths_equal_serde() {
        let hash = B256::repeat_byte(0xa5);
        assert_eq!(Json::hash(&hash), Json::of(&hash).unwrap());
        for value in [0_u128, 1, 255, u128::from(u64::MAX), u128::MAX] {
            let slow = Json::of(&alloy_primitives::U128::from(value)).unwrap();
            assert_eq!(Json::quantity(value), slow);
        }
    }
}
