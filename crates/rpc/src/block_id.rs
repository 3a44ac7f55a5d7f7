//! The block parameter.

use crate::args::{fixed, parse_u64};
use alloy_primitives::B256;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Which block a caller means (EIP-1898 and the tags).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockSelector {
    /// By number on the canonical chain.
    Number(u64),
    /// The unsafe head.
    Latest,
    /// The open block where there is one, the unsafe head otherwise.
    Pending,
    /// Genesis.
    Earliest,
    /// The safe head.
    Safe,
    /// The finalized head.
    Finalized,
    /// By hash.
    Hash {
        /// The hash.
        hash: B256,
        /// Whether a block that is not canonical is an error.
        require_canonical: bool,
    },
}

/// geth keeps tags in the negative numbers, so numbers end here.
const NUMBER_MAX: u64 = i64::MAX as u64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    #[serde(borrow)]
    block_hash: Option<&'a RawValue>,
    #[serde(borrow)]
    block_number: Option<&'a RawValue>,
    require_canonical: Option<bool>,
}

impl BlockSelector {
    /// Reads a number or a tag.
    pub(crate) fn parse_number(text: &str) -> Result<Self, String> {
        let word = text.trim_matches('"');
        match word {
            "latest" => return Ok(Self::Latest),
            "pending" => return Ok(Self::Pending),
            "earliest" => return Ok(Self::Earliest),
            "safe" => return Ok(Self::Safe),
            "finalized" => return Ok(Self::Finalized),
            _ => {}
        }
        let number = parse_u64(word)?;
        if number > NUMBER_MAX {
            return Err("block number larger than int64".to_owned());
        }
        Ok(Self::Number(number))
    }

    /// Reads a number, a tag, a hash or an object with either.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('{') {
            return Self::parse_object(text);
        }
        // A quoted 0x and 64 digits.
        const QUOTED_HASH_BYTES: usize = 68;
        if text.len() == QUOTED_HASH_BYTES {
            let hash = B256::from(fixed::<32>(text, "common.Hash")?);
            return Ok(Self::Hash { hash, require_canonical: false });
        }
        Self::parse_number(text)
    }

    fn parse_object(text: &str) -> Result<Self, String> {
        let object: Object<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        match (object.block_hash, object.block_number) {
            (Some(_), Some(_)) => {
                Err("cannot specify both BlockHash and BlockNumber, choose one or the other".into())
            }
            (Some(hash), None) => Ok(Self::Hash {
                hash: B256::from(fixed::<32>(hash.get(), "common.Hash")?),
                require_canonical: object.require_canonical.unwrap_or(false),
            }),
            (None, Some(number)) => Self::parse_number(number.get()),
            (None, None) => Err(
                "at least one of BlockNumber or BlockHash is needed if a dictionary is provided"
                    .into(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let hash = B256::repeat_byte(0x11);
        for (text, expected) in [
            (r#""latest""#.to_owned(), BlockSelector::Latest),
            (r#""safe""#.to_owned(), BlockSelector::Safe),
            (r#""0x10""#.to_owned(), BlockSelector::Number(16)),
            (format!("\"{hash}\""), BlockSelector::Hash { hash, require_canonical: false }),
            (
                format!(r#"{{"blockHash":"{hash}"}}"#),
                BlockSelector::Hash { hash, require_canonical: false },
            ),
            (
                format!(r#"{{"blockHash":"{hash}","requireCanonical":true}}"#),
                BlockSelector::Hash { hash, require_canonical: true },
            ),
            (r#"{"blockNumber":"0x1"}"#.to_owned(), BlockSelector::Number(1)),
            (r#"{"blockNumber":"earliest"}"#.to_owned(), BlockSelector::Earliest),
        ] {
            assert_eq!(BlockSelector::parse(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn bad_forms_are_named() {
        for (text, why) in [
            (r#""2""#, "hex string without 0x prefix"),
            (r#""0x01""#, "leading zero"),
            (r#""newest""#, "without 0x prefix"),
            ("{}", "at least one"),
            (r#"{"blockHash":"0x1","blockNumber":"0x1"}"#, "cannot specify both"),
            (r#"{"blockHash":"0x12"}"#, "want 64"),
            (r#""0x8000000000000000""#, "larger than int64"),
        ] {
            let error = BlockSelector::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
