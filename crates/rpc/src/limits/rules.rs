//! The limits as an operator writes them.

use crate::methods::METHODS;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZeroU32,
};

/// Bytes of an API key at least, so that none is found by trying.
const KEY_BYTES_MIN: usize = 16;

/// A token bucket: so much a second on average, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rate {
    /// What flows in each second, in units of cost (for senders: transactions).
    pub per_second: NonZeroU32,
    /// What the bucket holds, in the same units. A call that costs more takes all of it.
    pub burst: NonZeroU32,
}

/// A key that a client sends as `x-api-key: KEY` or `authorization: Bearer KEY`. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ApiKey(String);

impl ApiKey {
    /// A key from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// What the holder of a key may do, instead of what its address may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyRule {
    /// The key. It is read and never written out.
    #[serde(skip_serializing)]
    pub key: ApiKey,
    /// Everything but submissions; without it there is no limit.
    #[serde(default)]
    pub reads: Option<Rate>,
    /// Submissions; without it there is no limit.
    #[serde(default)]
    pub writes: Option<Rate>,
}

/// Every limit; what is left out does not limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct LimitRules {
    /// Everything but submissions, of all clients together.
    pub total: Option<Rate>,
    /// Everything but submissions, of one IP address (an IPv6 address counts with its /64) that sends no known key.
    pub address: Option<Rate>,
    /// Submissions, of one IP address that sends no known key. Reads do not use it up.
    pub address_writes: Option<Rate>,
    /// Transactions of one sender, whoever submits them.
    pub sender: Option<Rate>,
    /// One method, by its name, of one client.
    pub methods: BTreeMap<String, Rate>,
    /// What one call of a method costs, by its name, where it is not the default.
    pub costs: BTreeMap<String, u32>,
    /// Clients with keys, by a name for the operator.
    pub keys: BTreeMap<String, KeyRule>,
}

/// Why limits are not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// The text is not TOML of this form.
    #[error("limits cannot be read: {reason}")]
    Text {
        /// What is wrong, and where.
        reason: String,
    },
    /// There is no such method.
    #[error("limit of an unknown method: method={method}")]
    UnknownMethod {
        /// The name as it was written.
        method: String,
    },
    /// A key is so short that it could be guessed.
    #[error("key is too short: name={name} bytes_min={KEY_BYTES_MIN}")]
    ShortKey {
        /// Name of the rule.
        name: String,
    },
    /// Two rules have the same key.
    #[error("key is given twice: name={name}")]
    SameKey {
        /// Name of the second rule.
        name: String,
    },
}

impl LimitRules {
    /// Reads TOML.
    ///
    /// # Errors
    /// If it is not valid; [`LimitsError`] says why.
    pub fn parse(text: &str) -> Result<Self, LimitsError> {
        let rules: Self = toml::from_str(text)
            .map_err(|error| LimitsError::Text { reason: error.to_string() })?;
        rules.check()?;
        Ok(rules)
    }

    /// Checks what the types do not.
    pub(crate) fn check(&self) -> Result<(), LimitsError> {
        let is_known = |name: &str| METHODS.iter().any(|method| method.name == name);
        if let Some(method) =
            self.methods.keys().chain(self.costs.keys()).find(|name| !is_known(name))
        {
            return Err(LimitsError::UnknownMethod { method: method.clone() });
        }
        let mut keys = BTreeSet::new();
        for (name, rule) in &self.keys {
            if rule.key.0.len() < KEY_BYTES_MIN {
                return Err(LimitsError::ShortKey { name: name.clone() });
            }
            if !keys.insert(&rule.key.0) {
                return Err(LimitsError::SameKey { name: name.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole() {
        let rules = LimitRules::parse(
            r#"
            total = { per-second = 10000, burst = 20000 }
            address = { per-second = 500, burst = 1000 }
            address-writes = { per-second = 100, burst = 200 }
            sender = { per-second = 10, burst = 50 }
            [methods]
            eth_getLogs = { per-second = 100, burst = 100 }
            [costs]
            eth_call = 30
            [keys.wallet]
            key = "0123456789abcdef"
            writes = { per-second = 1000, burst = 1000 }
            "#,
        )
        .unwrap();
        assert_eq!(rules.address.unwrap().burst.get(), 1_000);
        assert_eq!(rules.costs["eth_call"], 30);
        assert_eq!(rules.keys["wallet"].reads, None);
        assert!(!format!("{rules:?}").contains("0123456789abcdef"));
        assert!(!serde_json::to_string(&rules).unwrap().contains("0123456789abcdef"));
        assert_eq!(LimitRules::parse("").unwrap(), LimitRules::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, why) in [
            ("adress = 1", "unknown field"),
            ("address = { per-second = 0, burst = 1 }", "nonzero"),
            ("[costs]\neth_gtLogs = 1", "method=eth_gtLogs"),
            ("[methods]\nweather = { per-second = 1, burst = 1 }", "method=weather"),
            ("[keys.a]\nkey = \"short\"", "name=a"),
            (
                "[keys.a]\nkey = \"0123456789abcdef\"\n[keys.b]\nkey = \"0123456789abcdef\"",
                "name=b",
            ),
        ] {
            let error = LimitRules::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
