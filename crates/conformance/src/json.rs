//! Values as test files write them: hexadecimal of any length, sometimes larger than the field allows.

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;

/// Marks numbers that are wrong on purpose.
const BIG_INT_MARK: &str = "0x:bigint ";

/// A number; `None` inside if it does not fit 256 bits, which some tests want.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) Option<U256>);

impl Number {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix(BIG_INT_MARK).unwrap_or(text);
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let radix = if digits.len() == text.len() && !text.is_empty() { 10 } else { 16 };
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(Self(Some(U256::ZERO)));
        }
        if !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err(format!("not a number: {text}"));
        }
        Ok(Self(U256::from_str_radix(digits, u64::from(radix)).ok()))
    }

    /// The value, if it fits the type.
    pub(crate) fn to<T: TryFrom<U256>>(self) -> Option<T> {
        T::try_from(self.0?).ok()
    }

    /// The value, or why there is none.
    pub(crate) fn require<T: TryFrom<U256>>(self, field: &str) -> Result<T, String> {
        self.to().ok_or_else(|| format!("{field} is out of range"))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Text(String),
            Small(u64),
        }
        match Text::deserialize(deserializer)? {
            Text::Text(text) => Self::parse(&text).map_err(de::Error::custom),
            Text::Small(number) => Ok(Self(Some(U256::from(number)))),
        }
    }
}

/// Bytes in hexadecimal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HexBytes(pub(crate) Bytes);

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(text.trim()).map(|bytes| Self(bytes.into())).map_err(de::Error::custom)
    }
}

/// An account of a state in a test file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RawAccount {
    #[serde(default)]
    pub(crate) balance: Number,
    #[serde(default)]
    pub(crate) nonce: Number,
    #[serde(default)]
    pub(crate) code: HexBytes,
    #[serde(default)]
    pub(crate) storage: BTreeMap<Key, Number>,
}

/// A state in a test file.
pub(crate) type RawState = BTreeMap<Address, RawAccount>;

/// A storage slot number; a map key, so always text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) U256);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = Number::parse(&text).map_err(de::Error::custom)?;
        number.0.map(Self).ok_or_else(|| de::Error::custom("slot number is out of range"))
    }
}

/// The configuration that newer files carry beside the network's name.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RawConfig {
    #[serde(default, rename = "chainid", alias = "chainId")]
    pub(crate) chain_id: Option<Number>,
    #[serde(default, rename = "blobSchedule")]
    pub(crate) blob_schedule: BTreeMap<String, RawBlobParams>,
}

/// Blob parameters of one fork.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct RawBlobParams {
    pub(crate) target: Number,
    pub(crate) max: Number,
    #[serde(rename = "baseFeeUpdateFraction")]
    pub(crate) base_fee_update_fraction: Number,
}

/// A hash from a number, as `currentRandom` and `currentDifficulty` stand for each other.
pub(crate) fn hash_of(number: U256) -> B256 {
    B256::from(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_spelling() {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap().0;
        assert_eq!(number(r#""0x0de0""#), Some(U256::from(0xde0)));
        assert_eq!(number(r#""0x""#), Some(U256::ZERO));
        assert_eq!(number(r#""""#), Some(U256::ZERO));
        assert_eq!(number(r#""15""#), Some(U256::from(15)));
        assert_eq!(number("15"), Some(U256::from(15)));
        assert_eq!(number(r#""0x:bigint 0x10000000000000000""#), Some(U256::from(1u128 << 64)));
        assert_eq!(number(&format!(r#""0x1{}""#, "0".repeat(64))), None);
        assert!(serde_json::from_str::<Number>(r#""0xzz""#).is_err());
    }
}
