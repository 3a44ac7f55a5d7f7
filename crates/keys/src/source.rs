//! Where a key is.

use crate::KeyError;
use alloy_primitives::{Address, hex};
use http::Uri;
use std::{fmt, path::PathBuf, str::FromStr};

/// What is shown instead of a key that was given in the place of a file.
const LITERAL: &str = "(a key itself)";

/// Where a key is, as a setting spells it. It is no place for a key itself: one that is given all the same is not shown, and
/// refused when it is opened ([`KeyError::Literal`]).
#[derive(Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In a file: 32 bytes of hexadecimal, or an encrypted keystore.
    File(PathBuf),
    /// With a remote signer.
    Remote {
        /// Base of the signer's HTTP API, without a slash at its end.
        url: String,
        /// The key's address.
        address: Address,
    },
}

/// Whether the text is 32 bytes of hexadecimal.
pub(crate) fn is_literal(text: &str) -> bool {
    hex::decode(text.trim()).is_ok_and(|bytes| bytes.len() == 32)
}

impl FromStr for KeySource {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = |reason| KeyError::Source { reason };
        if text.is_empty() {
            return Err(wrong("it is empty"));
        }
        if !text.contains("://") {
            return Ok(Self::File(text.into()));
        }
        let (url, address) = text.split_once('#').ok_or_else(|| wrong("#0xADDRESS is missing"))?;
        let uri: Uri = url.parse().map_err(|_| wrong("the URL is not valid"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(wrong("https needs a proxy that ends TLS")),
            _ => return Err(wrong("the URL is not http://HOST:PORT")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("the URL names no host"))?;
        // Settings are printed, and what is printed is no place for a password.
        if authority.as_str().contains('@') {
            return Err(wrong("the URL holds a user name or a password"));
        }
        if uri.query().is_some() {
            return Err(wrong("the URL holds a query"));
        }
        let address = address.parse().map_err(|_| wrong("#0xADDRESS is no address"))?;
        Ok(Self::Remote { url: url.trim_end_matches('/').to_owned(), address })
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) if path.to_str().is_some_and(is_literal) => f.write_str(LITERAL),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Remote { url, address } => write!(f, "{url}#{address}"),
        }
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySource({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_file_or_stays_with_a_signer() {
        let parse = |text: &str| text.parse::<KeySource>().unwrap();
        assert_eq!(parse("keys/l1.json"), KeySource::File("keys/l1.json".into()));
        // A file may have any name.
        assert_eq!(parse("a#b"), KeySource::File("a#b".into()));
        let text = "http://signer:9000/base/#0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        let KeySource::Remote { url, address } = parse(text) else { panic!("a signer") };
        assert_eq!(url, "http://signer:9000/base");
        assert_eq!(address.to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        let shown = parse(text).to_string();
        assert_eq!(parse(&shown), parse(text));
    }

    #[test]
    fn a_key_in_the_place_of_a_file_is_neither_shown_nor_used() {
        let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
        for text in [key.to_owned(), format!("0x{key}")] {
            let source: KeySource = text.parse().unwrap();
            assert_eq!(source.to_string(), "(a key itself)");
            assert_eq!(format!("{source:?}"), "KeySource((a key itself))");
            let error = crate::Signer::open(&source, None).unwrap_err();
            assert!(matches!(error, KeyError::Literal), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_passwords_are_not_repeated() {
        let address = "#0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        for (text, reason) in [
            (String::new(), "empty"),
            ("http://signer:9000".to_owned(), "ADDRESS is missing"),
            ("http://signer:9000#0x12".to_owned(), "no address"),
            (format!("https://signer:9000{address}"), "ends TLS"),
            (format!("ws://signer:9000{address}"), "http://HOST:PORT"),
            (format!("http://me:sesame@signer:9000{address}"), "password"),
            (format!("http://signer:9000/?key=sesame{address}"), "query"),
        ] {
            let error = text.parse::<KeySource>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(!error.contains("sesame"), "{error}");
        }
    }
}
