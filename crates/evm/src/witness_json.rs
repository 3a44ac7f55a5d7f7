//! Witnesses in JSON: the answer of `debug_executionWitness`.

use crate::ExecutionWitness;
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_primitives::Header;

/// A text that is no witness.
#[derive(Debug, thiserror::Error)]
#[error("witness does not parse: {0}")]
pub struct WitnessFormatError(#[from] serde_json::Error);

/// A header as clients write it: RLP, or geth's object.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeaderForm {
    Rlp(Bytes),
    Fields(Box<Header>),
}

#[derive(Deserialize)]
struct Fields {
    state: Vec<Bytes>,
    #[serde(default)]
    codes: Vec<Bytes>,
    headers: Vec<HeaderForm>,
    #[serde(default)]
    keys: Option<Vec<Bytes>>,
}

#[derive(Serialize)]
struct Canonical<'a> {
    state: &'a [Bytes],
    codes: &'a [Bytes],
    headers: &'a [Bytes],
}

impl ExecutionWitness {
    /// Reads what `debug_executionWitness` of any client answers: headers in RLP or as objects, with or without `keys`.
    /// The whole response of a JSON-RPC call is taken, too.
    pub fn from_json(text: &str) -> Result<Self, WitnessFormatError> {
        let mut value: Value = serde_json::from_str(text)?;
        if let Some(result) = value.get_mut("result") {
            value = result.take();
        }
        let fields = Fields::deserialize(value)?;
        let header = |form| match form {
            HeaderForm::Rlp(rlp) => rlp,
            HeaderForm::Fields(header) => alloy_rlp::encode(header).into(),
        };
        Ok(Self {
            state: fields.state,
            codes: fields.codes,
            headers: fields.headers.into_iter().map(header).collect(),
            keys: fields.keys.unwrap_or_default(),
        })
    }

    /// The canonical form: nodes, codes and headers.
    pub fn to_json(&self) -> Value {
        let Self { state, codes, headers, .. } = self;
        json!(Canonical { state, codes, headers })
    }

    /// The form with `keys`, as clients give it that know no other.
    pub fn to_legacy_json(&self) -> Value {
        let Self { state, codes, headers, keys } = self;
        json!({ "state": state, "codes": codes, "headers": headers, "keys": keys })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::bytes;

    #[test]
    fn both_forms_of_headers_are_read() {
        let header = Header { number: 7, ..Header::default() };
        let witness = ExecutionWitness {
            state: vec![bytes!("c0")],
            codes: vec![bytes!("00")],
            headers: vec![alloy_rlp::encode(&header).into()],
            keys: vec![bytes!("01")],
        };
        let text = witness.to_legacy_json().to_string();
        assert_eq!(ExecutionWitness::from_json(&text).unwrap(), witness);
        let response = json!({ "jsonrpc": "2.0", "id": 1, "result": witness.to_json() });
        let canonical = ExecutionWitness::from_json(&response.to_string()).unwrap();
        assert_eq!(canonical, ExecutionWitness { keys: Vec::new(), ..witness });
        let objects =
            json!({ "state": ["0xc0"], "codes": ["0x00"], "headers": [header], "keys": null });
        assert_eq!(ExecutionWitness::from_json(&objects.to_string()).unwrap(), canonical);
        assert!(ExecutionWitness::from_json("{}").is_err());
    }
}
