//! `nats://host:port#chain`.

use std::{fmt, str::FromStr};

/// The port of a URL that names none.
const PORT: u16 = 4_222;

/// Why a text is not the address of a whitelist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NatsUrlError {
    /// It does not begin with `nats://`.
    #[error("whitelist url does not begin with nats://")]
    Scheme,
    /// There is no host.
    #[error("whitelist url has no host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("whitelist url has a wrong port")]
    Port,
    /// There is a path or a query.
    #[error("whitelist url has a path")]
    Path,
    /// The chain is empty or has other characters than letters, digits, `-` and `_`.
    #[error("whitelist url has a wrong chain")]
    Chain,
}

/// A NATS server and the chain as its subjects call it: `nats://[user:password@]host[:port][#chain]`.
///
/// Its text, also for debugging, leaves the user and the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsWhitelistUrl {
    credentials: Option<String>,
    host: String,
    port: u16,
    chain: Option<String>,
}

impl NatsWhitelistUrl {
    /// The chain as subjects call it, if the URL says so.
    pub fn chain(&self) -> Option<&str> {
        self.chain.as_deref()
    }

    /// The same server with this chain.
    ///
    /// # Errors
    /// If a subject cannot hold the name.
    pub fn with_chain(self, chain: &str) -> Result<Self, NatsUrlError> {
        Ok(Self { chain: Some(checked_chain(chain)?), ..self })
    }

    /// What the client connects to, with credentials.
    pub(super) fn server(&self) -> String {
        let Self { host, port, .. } = self;
        match &self.credentials {
            Some(credentials) => format!("nats://{credentials}@{host}:{port}"),
            None => format!("nats://{host}:{port}"),
        }
    }
}

impl FromStr for NatsWhitelistUrl {
    type Err = NatsUrlError;

    fn from_str(text: &str) -> Result<Self, NatsUrlError> {
        let rest = text.strip_prefix("nats://").ok_or(NatsUrlError::Scheme)?;
        let (rest, chain) = match rest.split_once('#') {
            Some((rest, chain)) => (rest, Some(checked_chain(chain)?)),
            None => (rest, None),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?']) {
            return Err(NatsUrlError::Path);
        }
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials.to_owned()), place),
            None => (None, rest),
        };
        // The colons of an IPv6 address are inside its brackets.
        let port_at = place.rfind(':').filter(|at| !place[*at..].contains(']'));
        let (host, port) = match port_at {
            Some(at) => (&place[..at], place[at + 1..].parse().ok().filter(|port| *port > 0)),
            None => (place, Some(PORT)),
        };
        let is_host = |character: char| !character.is_whitespace() && !character.is_control();
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(NatsUrlError::Host);
        }
        let port = port.ok_or(NatsUrlError::Port)?;
        Ok(Self { credentials, host: host.to_owned(), port, chain })
    }
}

/// A token of a subject: no dots, spaces or wildcards.
fn checked_chain(chain: &str) -> Result<String, NatsUrlError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if chain.is_empty() || !chain.bytes().all(is_token) {
        return Err(NatsUrlError::Chain);
    }
    Ok(chain.to_owned())
}

impl fmt::Display for NatsWhitelistUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nats://{}:{}", self.host, self.port)?;
        self.chain.as_ref().map_or(Ok(()), |chain| write!(f, "#{chain}"))
    }
}

impl fmt::Debug for NatsWhitelistUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<NatsWhitelistUrl, NatsUrlError> {
        text.parse()
    }

    #[test]
    fn urls_are_read_and_written_without_credentials() {
        let url = parse("nats://127.0.0.1:4333#ethereum").unwrap();
        assert_eq!(url.to_string(), "nats://127.0.0.1:4333#ethereum");
        assert_eq!(url.chain(), Some("ethereum"));
        let url = parse("nats://user:p@ss@broker/").unwrap();
        assert_eq!(url.server(), "nats://user:p@ss@broker:4222");
        assert_eq!((url.to_string(), format!("{url:?}")), {
            let shown = "nats://broker:4222".to_owned();
            (shown.clone(), shown)
        });
        assert_eq!(parse("nats://[::1]").unwrap().server(), "nats://[::1]:4222");
        assert_eq!(parse("nats://[::1]:9#1").unwrap().server(), "nats://[::1]:9");
        let named = parse("nats://a").unwrap().with_chain("base").unwrap();
        assert_eq!(named.to_string(), "nats://a:4222#base");
    }

    #[test]
    fn wrong_urls_are_refused_with_the_part_that_is_wrong() {
        assert_eq!(parse("ws://a:1"), Err(NatsUrlError::Scheme));
        assert_eq!(parse("nats://:4222"), Err(NatsUrlError::Host));
        assert_eq!(parse("nats://"), Err(NatsUrlError::Host));
        assert_eq!(parse("nats://a:x"), Err(NatsUrlError::Port));
        assert_eq!(parse("nats://a:0"), Err(NatsUrlError::Port));
        assert_eq!(parse("nats://a:70000"), Err(NatsUrlError::Port));
        assert_eq!(parse("nats://a/b"), Err(NatsUrlError::Path));
        for chain in ["", "a.b", "*", ">", "a b"] {
            assert_eq!(parse(&format!("nats://a#{chain}")), Err(NatsUrlError::Chain), "{chain:?}");
        }
    }
}
