//! Who sends requests.

use http::{HeaderMap, header};
use std::net::IpAddr;

/// Header of an API key; `authorization: Bearer KEY` is the same.
const KEY_HEADER: &str = "x-api-key";

/// The other end of a connection, as limits see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address, as it is counted.
    pub(crate) address: IpAddr,
    /// The API key that it sent, whether it is known or not.
    pub(crate) key: Option<String>,
    /// Who an operator's token says that calls.
    pub(crate) operator: Option<String>,
}

impl Client {
    /// Reads the key from a request's headers.
    pub(crate) fn new(address: IpAddr, headers: &HeaderMap) -> Self {
        let text = |value: &http::HeaderValue| value.to_str().ok().map(str::to_owned);
        let bearer = |text: String| {
            let (scheme, key) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned())
        };
        let key = headers.get(KEY_HEADER).and_then(text);
        let key =
            key.or_else(|| headers.get(header::AUTHORIZATION).and_then(text).and_then(bearer));
        Self { address, key, operator: None }
    }

    /// The same, in the name that a token gives.
    #[must_use]
    pub(crate) fn named(mut self, operator: Option<String>) -> Self {
        self.operator = operator;
        self
    }

    /// Who it is in an audit log: name and address.
    pub(crate) fn caller(&self) -> String {
        format!("{}@{}", self.operator.as_deref().unwrap_or("unnamed"), self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_caller_is_a_name_and_an_address() {
        let client = Client::new("192.0.2.1".parse().unwrap(), &HeaderMap::new());
        assert_eq!(client.caller(), "unnamed@192.0.2.1");
        assert_eq!(client.named(Some("alice".to_owned())).caller(), "alice@192.0.2.1");
    }

    #[test]
    fn keys_come_in_either_header() {
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for (name, value, key) in [
            ("x-api-key", "secret", Some("secret")),
            ("authorization", "Bearer secret", Some("secret")),
            ("authorization", "bearer  secret ", Some("secret")),
            ("authorization", "Basic c2VjcmV0", None),
            ("accept", "secret", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(value));
            assert_eq!(Client::new(address, &headers).key.as_deref(), key, "{name}: {value}");
        }
    }
}
