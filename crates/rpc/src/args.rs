//! Positional parameters, with geth's words for what is wrong with them.

use crate::{block_id::BlockSelector, error::RpcError, message::Params};
use alloy_primitives::{Address, B256, Bytes, hex};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The parameters of a call by position. A missing one and a `null` one are the same.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    items: Vec<&'a RawValue>,
}

impl<'a> Args<'a> {
    /// Splits the array; parameters by name are refused, as every Ethereum node does.
    pub(crate) fn read(params: &'a Params, most: usize) -> Result<Self, RpcError> {
        let text = params.text();
        if text.is_empty() {
            return Ok(Self { items: Vec::new() });
        }
        let items: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|_| RpcError::invalid_params("non-array args"))?;
        if items.len() > most {
            return Err(RpcError::invalid_params(format!(
                "too many arguments, want at most {most}"
            )));
        }
        Ok(Self { items })
    }

    /// The text of argument `index`, unless missing or null.
    pub(crate) fn raw(&self, index: usize) -> Option<&'a str> {
        self.items.get(index).map(|raw| raw.get()).filter(|text| *text != "null")
    }

    fn required(&self, index: usize) -> Result<&'a str, RpcError> {
        self.raw(index).ok_or_else(|| {
            RpcError::invalid_params(format!("missing value for required argument {index}"))
        })
    }

    /// A value read by serde.
    pub(crate) fn value<T: DeserializeOwned>(&self, index: usize) -> Result<T, RpcError> {
        parse(index, self.required(index)?)
    }

    /// A value read by serde, or `None`.
    pub(crate) fn optional<T: DeserializeOwned>(
        &self,
        index: usize,
    ) -> Result<Option<T>, RpcError> {
        self.raw(index).map(|text| parse(index, text)).transpose()
    }

    /// A string without escapes.
    pub(crate) fn string(&self, index: usize) -> Result<String, RpcError> {
        self.value(index)
    }

    /// A 32-byte hash.
    pub(crate) fn hash(&self, index: usize) -> Result<B256, RpcError> {
        fixed::<32>(self.required(index)?, "common.Hash")
            .map(B256::from)
            .map_err(|why| invalid(index, why))
    }

    /// A 20-byte address.
    pub(crate) fn address(&self, index: usize) -> Result<Address, RpcError> {
        fixed::<20>(self.required(index)?, "common.Address")
            .map(Address::from)
            .map_err(|why| invalid(index, why))
    }

    /// Bytes of any length; the hex is decoded once, from the request's buffer.
    pub(crate) fn bytes(&self, index: usize) -> Result<Bytes, RpcError> {
        let wrong = |why: &str| {
            let why = format!("json: cannot unmarshal {why} into Go value of type hexutil.Bytes");
            invalid(index, why)
        };
        let digits = prefixed(self.required(index)?).map_err(wrong)?;
        if digits.len() % 2 == 1 {
            return Err(wrong("hex string of odd length"));
        }
        hex::decode(digits).map(Bytes::from).map_err(|_| wrong("invalid hex string"))
    }

    /// A quantity below 2^64.
    pub(crate) fn u64(&self, index: usize) -> Result<u64, RpcError> {
        let text = self.required(index)?;
        unquoted(text).and_then(parse_u64).map_err(|why| invalid(index, why.to_owned()))
    }

    /// A block number or tag.
    pub(crate) fn block_number(&self, index: usize) -> Result<BlockSelector, RpcError> {
        BlockSelector::parse_number(self.required(index)?).map_err(|why| invalid(index, why))
    }

    /// A block number, tag, hash or object; `latest` if missing.
    pub(crate) fn block(&self, index: usize) -> Result<BlockSelector, RpcError> {
        self.raw(index).map_or(Ok(BlockSelector::Latest), |text| {
            BlockSelector::parse(text).map_err(|why| invalid(index, why))
        })
    }

    /// A block number, tag, hash or object that must be given.
    pub(crate) fn required_block(&self, index: usize) -> Result<BlockSelector, RpcError> {
        BlockSelector::parse(self.required(index)?).map_err(|why| invalid(index, why))
    }

    /// A boolean, false if missing.
    pub(crate) fn flag(&self, index: usize) -> Result<bool, RpcError> {
        Ok(self.optional(index)?.unwrap_or(false))
    }
}

fn parse<T: DeserializeOwned>(index: usize, text: &str) -> Result<T, RpcError> {
    serde_json::from_str(text).map_err(|error| invalid(index, error.to_string()))
}

/// -32602 about one argument.
pub(crate) fn invalid(index: usize, why: impl std::fmt::Display) -> RpcError {
    RpcError::invalid_params(format!("invalid argument {index}: {why}"))
}

/// The content of a JSON string that has no escapes (hex never has).
fn unquoted(text: &str) -> Result<&str, &'static str> {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or("non-string")
}

/// The digits of a hex string.
fn prefixed(text: &str) -> Result<&str, &'static str> {
    let text = unquoted(text)?;
    if text.is_empty() {
        return Ok("");
    }
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or("hex string without 0x prefix")
}

/// A fixed-size value of type `name`.
pub(crate) fn fixed<const N: usize>(text: &str, name: &str) -> Result<[u8; N], String> {
    let wrong = |why: &str| format!("json: cannot unmarshal {why} into Go value of type {name}");
    let digits = prefixed(text).map_err(wrong)?;
    if digits.len() % 2 == 1 {
        return Err(wrong("hex string of odd length"));
    }
    if digits.len() != 2 * N {
        let want = 2 * N;
        return Err(format!("hex string has length {}, want {want} for {name}", digits.len()));
    }
    let mut value = [0; N];
    hex::decode_to_slice(digits, &mut value).map_err(|_| wrong("invalid hex string"))?;
    Ok(value)
}

/// A quantity, strictly: `0x`, no leading zeros, at most 64 bits.
pub(crate) fn parse_u64(text: &str) -> Result<u64, &'static str> {
    if text.is_empty() {
        return Err("empty hex string");
    }
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or("hex string without 0x prefix")?;
    if digits.is_empty() {
        return Err("hex string \"0x\"");
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err("hex number with leading zero digits");
    }
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("invalid hex string");
    }
    u64::from_str_radix(digits, 16).map_err(|_| "hex number > 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(text: &'static str) -> Params {
        Params::of(&bytes::Bytes::from_static(text.as_bytes()), Some(text))
    }

    fn message<T: std::fmt::Debug>(result: Result<T, RpcError>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.code, crate::error::INVALID_PARAMS);
        error.message.into_owned()
    }

    #[test]
    fn quantities_are_strict() {
        assert_eq!(parse_u64("0x0"), Ok(0));
        assert_eq!(parse_u64("0xffffffffffffffff"), Ok(u64::MAX));
        for (text, why) in [
            ("", "empty hex string"),
            ("2", "hex string without 0x prefix"),
            ("0x", "hex string \"0x\""),
            ("0x01", "hex number with leading zero digits"),
            ("0xg", "invalid hex string"),
            ("0x+1", "invalid hex string"),
            ("0x10000000000000000", "hex number > 64 bits"),
        ] {
            assert_eq!(parse_u64(text), Err(why));
        }
    }

    #[test]
    fn hashes_and_addresses_name_what_is_wrong() {
        let text = params(r#"["1000000", "0x12", "0x123", 5, "0xzz"]"#);
        let args = Args::read(&text, 9).unwrap();
        assert_eq!(
            message(args.hash(0)),
            "invalid argument 0: json: cannot unmarshal hex string without 0x prefix into Go value of type common.Hash"
        );
        assert_eq!(
            message(args.address(1)),
            "invalid argument 1: hex string has length 2, want 40 for common.Address"
        );
        assert!(message(args.hash(2)).contains("odd length"));
        assert!(message(args.bytes(3)).contains("non-string"));
        assert!(message(args.bytes(4)).contains("invalid hex string"));
        assert_eq!(message(args.hash(7)), "missing value for required argument 7");
    }

    #[test]
    fn arity_and_form_are_checked() {
        let by_name = params(r#"{"a":1}"#);
        assert_eq!(message(Args::read(&by_name, 1)), "non-array args");
        let three = params("[1,2,3]");
        assert_eq!(message(Args::read(&three, 2)), "too many arguments, want at most 2");
        let none = Params::default();
        assert!(Args::read(&none, 0).unwrap().raw(0).is_none());
    }
}
