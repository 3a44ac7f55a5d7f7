//! Where a node listens.

use std::str::FromStr;

use http::Uri;

use crate::LoadError;

const HTTP_PORT: u16 = 80;

/// A node's JSON-RPC address: `http://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `host:port`, for the socket.
    pub(crate) address: String,
    /// The `Host` header.
    pub(crate) authority: String,
    /// Path and query of the requests.
    pub(crate) path: String,
}

impl FromStr for Endpoint {
    type Err = LoadError;

    fn from_str(url: &str) -> Result<Self, LoadError> {
        let invalid = || LoadError::InvalidUrl { url: url.to_owned() };
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let authority = uri.authority().ok_or_else(invalid)?;
        if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
            return Err(invalid());
        }
        let port = authority.port_u16().unwrap_or(HTTP_PORT);
        Ok(Self {
            address: format!("{}:{port}", authority.host()),
            authority: authority.as_str().to_owned(),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_and_path_have_defaults() {
        let endpoint: Endpoint = "http://localhost".parse().unwrap();
        assert_eq!((endpoint.address.as_str(), endpoint.path.as_str()), ("localhost:80", "/"));
        let endpoint: Endpoint = "http://127.0.0.1:8545/rpc?key=1".parse().unwrap();
        assert_eq!(
            (endpoint.address.as_str(), endpoint.path.as_str()),
            ("127.0.0.1:8545", "/rpc?key=1")
        );
    }

    #[test]
    fn other_schemes_credentials_and_nonsense_are_refused() {
        for url in [
            "https://localhost",
            "ws://localhost:1",
            "localhost:8545",
            "http://a:b@host",
            "",
            "http://",
        ] {
            assert!(matches!(url.parse::<Endpoint>(), Err(LoadError::InvalidUrl { .. })), "{url}");
        }
    }
}
