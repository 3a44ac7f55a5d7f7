//! The conditions of `eth_sendRawTransactionConditional` as JSON (ERC-7796).

mod pools;
pub(crate) use pools::{PoolBound, locate};

use alloy_primitives::{Address, B256, Bytes, U256};
use pools::PoolWire;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_primitives::{Conditions, KnownAccount, KnownParts};

/// Numbers may be JSON integers or quantities.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Wire {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    known_accounts: BTreeMap<Address, KnownWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_number_min: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_number_max: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_min: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_max: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_ms: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pays_coinbase: Option<U256>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pools: Vec<PoolWire>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum KnownWire {
    Root(B256),
    Parts(PartsWire),
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct PartsWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    /// Slot to value, both hexadecimal.
    #[serde(flatten)]
    slots: BTreeMap<String, U256>,
}

/// A value that has to fit 64 bits.
fn narrow(name: &str, value: Option<U256>) -> Result<Option<u64>, String> {
    let narrow = |value: U256| u64::try_from(value).map_err(|_| format!("{name} > 64 bits"));
    value.map(narrow).transpose()
}

impl PartsWire {
    fn read(self, address: Address) -> Result<KnownParts, String> {
        let slot = |(slot, value): (String, U256)| {
            let digits = slot.strip_prefix("0x").filter(|digits| !digits.is_empty());
            let key = digits.and_then(|digits| U256::from_str_radix(digits, 16).ok());
            let key = key.ok_or_else(|| format!("knownAccounts.{address}: not a slot: {slot}"))?;
            Ok::<_, String>((key, value))
        };
        let mut slots: Vec<_> = self.slots.into_iter().map(slot).collect::<Result<_, _>>()?;
        slots.sort_unstable();
        Ok(KnownParts {
            balance: self.balance,
            nonce: narrow("nonce", self.nonce)?,
            code: self.code,
            slots,
        })
    }

    fn write(parts: &KnownParts) -> Self {
        Self {
            balance: parts.balance,
            nonce: parts.nonce.map(U256::from),
            code: parts.code.clone(),
            slots: parts.slots.iter().map(|(slot, value)| (format!("{slot:#x}"), *value)).collect(),
        }
    }
}

/// Reads what [`write_conditions`] wrote.
///
/// # Errors
/// What is wrong with them.
pub fn read_conditions(json: &str) -> Result<Conditions, String> {
    let (conditions, pools) = read(json)?;
    let pools = pools.into_iter().map(PoolWire::read_kept).collect::<Result<_, _>>()?;
    Ok(Conditions { pools, ..conditions })
}

/// Reads conditions as a caller writes them: the pools come apart, because somebody has yet to look where their prices are.
///
/// # Errors
/// What is wrong with them, in words for the caller.
pub(crate) fn read_requested(json: &str) -> Result<(Conditions, Vec<PoolBound>), String> {
    let (conditions, pools) = read(json)?;
    Ok((conditions, pools.into_iter().map(PoolWire::read_requested).collect::<Result<_, _>>()?))
}

fn read(json: &str) -> Result<(Conditions, Vec<PoolWire>), String> {
    if !json.trim_start().starts_with('{') {
        return Err("expected an object".to_owned());
    }
    let wire: Wire = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let known = |(address, known)| {
        let known = match known {
            KnownWire::Root(root) => KnownAccount::StorageRoot(root),
            KnownWire::Parts(parts) => KnownAccount::Parts(parts.read(address)?),
        };
        Ok::<_, String>((address, known))
    };
    let conditions = Conditions {
        known_accounts: wire.known_accounts.into_iter().map(known).collect::<Result<_, _>>()?,
        block_number_min: narrow("blockNumberMin", wire.block_number_min)?,
        block_number_max: narrow("blockNumberMax", wire.block_number_max)?,
        timestamp_min: narrow("timestampMin", wire.timestamp_min)?,
        timestamp_max: narrow("timestampMax", wire.timestamp_max)?,
        deadline_ms: narrow("deadlineMs", wire.deadline_ms)?,
        pays_coinbase: wire.pays_coinbase,
        pools: Vec::new(),
    };
    Ok((conditions, wire.pools))
}

/// Writes conditions so that [`read_conditions`] gives them again.
pub fn write_conditions(conditions: &Conditions) -> String {
    let known = |(address, known): &(Address, KnownAccount)| {
        let known = match known {
            KnownAccount::StorageRoot(root) => KnownWire::Root(*root),
            KnownAccount::Parts(parts) => KnownWire::Parts(PartsWire::write(parts)),
        };
        (*address, known)
    };
    let wide = |value: Option<u64>| value.map(U256::from);
    let wire = Wire {
        known_accounts: conditions.known_accounts.iter().map(known).collect(),
        block_number_min: wide(conditions.block_number_min),
        block_number_max: wide(conditions.block_number_max),
        timestamp_min: wide(conditions.timestamp_min),
        timestamp_max: wide(conditions.timestamp_max),
        deadline_ms: wide(conditions.deadline_ms),
        pays_coinbase: conditions.pays_coinbase,
        pools: conditions.pools.iter().map(PoolWire::write).collect(),
    };
    serde_json::to_string(&wire).expect("maps with text keys, numbers and bytes can be written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;

    const FULL: &str = r#"{
        "knownAccounts": {
            "0x1111111111111111111111111111111111111111":
                "0x2222222222222222222222222222222222222222222222222222222222222222",
            "0x3333333333333333333333333333333333333333": {
                "0x1": "0x2", "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "0x0",
                "balance": "0x10", "nonce": 7, "code": "0xef0100aabb"
            }
        },
        "blockNumberMin": 1, "blockNumberMax": "0xa", "timestampMin": 5, "timestampMax": "0x14",
        "deadlineMs": 1700000000000, "paysCoinbase": "0x5f5e100"
    }"#;

    #[test]
    fn everything_that_the_erc_names_is_read() {
        let conditions = read_conditions(FULL).unwrap();
        let third = address!("3333333333333333333333333333333333333333");
        assert_eq!(
            conditions.known_accounts[0].1,
            KnownAccount::StorageRoot(B256::repeat_byte(0x22))
        );
        let parts = KnownParts {
            balance: Some(U256::from(16)),
            nonce: Some(7),
            code: Some(Bytes::from_static(&[0xef, 1, 0, 0xaa, 0xbb])),
            slots: vec![(U256::from(1), U256::from(2)), (U256::MAX, U256::ZERO)],
        };
        assert_eq!(conditions.known_accounts[1], (third, KnownAccount::Parts(parts)));
        assert_eq!((conditions.block_number_min, conditions.block_number_max), (Some(1), Some(10)));
        assert_eq!((conditions.timestamp_min, conditions.timestamp_max), (Some(5), Some(20)));
        assert_eq!(conditions.deadline_ms, Some(1_700_000_000_000));
        assert_eq!(conditions.pays_coinbase, Some(U256::from(100_000_000)));
        assert_eq!(conditions.cost(), 6);
        assert_eq!(read_conditions(&write_conditions(&conditions)).unwrap(), conditions);
        assert_eq!(read_conditions("{}").unwrap(), Conditions::default());
    }

    #[test]
    fn no_code_is_an_empty_string() {
        for code in ["\"\"", "\"0x\""] {
            let json = format!(
                r#"{{"knownAccounts":{{"0x3333333333333333333333333333333333333333":{{"code":{code}}}}}}}"#
            );
            let conditions = read_conditions(&json).unwrap();
            let parts = KnownParts { code: Some(Bytes::new()), ..KnownParts::default() };
            assert_eq!(conditions.known_accounts[0].1, KnownAccount::Parts(parts));
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (json, why) in [
            (r#"{"blockNumberMax":"0x10000000000000000"}"#, "blockNumberMax > 64 bits"),
            (r#"{"blocknumberMax":1}"#, "unknown field"),
            (r#"{"knownAccounts":{"0x12":"0x0"}}"#, ""),
            (
                r#"{"knownAccounts":{"0x3333333333333333333333333333333333333333":{"slot":"0x1"}}}"#,
                "not a slot: slot",
            ),
            (r#"{"timestampMin":-1}"#, ""),
            ("[]", "expected an object"),
        ] {
            let error = read_conditions(json).unwrap_err();
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
