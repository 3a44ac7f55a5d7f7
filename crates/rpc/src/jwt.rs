//! Tokens of the admin API: HS256 as the engine API of Ethereum uses it (RFC 7515, RFC 7519; execution-apis, authentication).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::{
    fmt,
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};
use zeroize::Zeroizing;

/// How far a token's time may be from ours, in seconds.
pub const JWT_SECONDS_MAX: u64 = 60;

/// Bytes of the name of a caller at most.
const NAME_BYTES_MAX: usize = 64;

/// `{"alg":"HS256","typ":"JWT"}`.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// Why a secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum JwtSecretError {
    /// The file system failed.
    #[error("JWT secret cannot be read: path={}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file does not hold 32 bytes of hexadecimal.
    #[error("JWT secret is not 32 bytes of hexadecimal: path={}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// There is no bearer token.
    #[error("a bearer token is needed")]
    Absent,
    /// The token is not one of HS256, or is signed with another secret.
    #[error("token is not valid")]
    Invalid,
    /// The name of the caller is too long, or cannot be shown in one line.
    #[error("name of the caller is not valid: bytes_max={NAME_BYTES_MAX}")]
    Name,
    /// The token was made more than a minute ago or is from the future.
    #[error("token is too old or too new")]
    Time,
}

/// The secret that both sides share. Its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtSecret(Zeroizing<[u8; 32]>);

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret")
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    /// Who calls (RFC 7519).
    #[serde(default)]
    sub: Option<String>,
    /// The same, as the engine API calls it.
    #[serde(default)]
    id: Option<String>,
}

impl JwtSecret {
    /// Takes a secret as bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// Reads a secret from a file of hexadecimal, with or without `0x`.
    pub fn read(path: &Path) -> Result<Self, JwtSecretError> {
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed(path))?);
        let mut secret = Zeroizing::new([0; 32]);
        alloy_primitives::hex::decode_to_slice(text.trim(), &mut secret[..])
            .map_err(|_| JwtSecretError::Format { path: path.to_owned() })?;
        Ok(Self(secret))
    }

    /// Reads the secret, or makes one that its owner alone can read if there is no such file.
    pub fn read_or_make(path: &Path) -> Result<Self, JwtSecretError> {
        if path.exists() {
            return Self::read(path);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        let mut secret = Zeroizing::new([0; 32]);
        let random = Path::new("/dev/urandom");
        let file = fs::File::open(random).and_then(|mut file| file.read_exact(&mut secret[..]));
        file.map_err(failed(random))?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let text = Zeroizing::new(alloy_primitives::hex::encode(&secret[..]));
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(failed(path))?;
        Ok(Self(secret))
    }

    /// A token that is valid for a minute, in the name of `caller`.
    pub fn token(&self, caller: &str) -> String {
        let claims = serde_json::json!({ "iat": now(), "sub": caller }).to_string();
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let signed = format!("{HEADER}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// Checks the value of an `Authorization` header, and answers who calls, if the token says so: its claim `sub`, or `id`.
    pub fn check(&self, authorization: Option<&str>) -> Result<Option<String>, JwtError> {
        let token = authorization.and_then(|value| value.strip_prefix("Bearer "));
        let (signed, signature) =
            token.ok_or(JwtError::Absent)?.rsplit_once('.').ok_or(JwtError::Invalid)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwtError::Invalid)?;
        // In constant time.
        self.mac(signed).verify_slice(&signature).map_err(|_| JwtError::Invalid)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Invalid)?;
        let header: Header = part(header)?;
        if header.alg != "HS256" {
            return Err(JwtError::Invalid);
        }
        let Claims { iat, sub, id } = part(claims)?;
        if JWT_SECONDS_MAX < iat.abs_diff(now()) {
            return Err(JwtError::Time);
        }
        let name = sub.or(id).filter(|name| !name.is_empty());
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(JwtError::Name);
        }
        Ok(name)
    }

    fn mac(&self, signed: &str) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0[..]).expect("HMAC takes keys of any length");
        mac.update(signed.as_bytes());
        mac
    }
}

/// What stands in a log as one word.
fn is_name(name: &str) -> bool {
    let is_shown = |letter: char| !letter.is_control() && !letter.is_whitespace();
    name.len() <= NAME_BYTES_MAX && name.chars().all(is_shown)
}

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, JwtError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtError::Invalid)?;
    serde_json::from_slice(&bytes).map_err(|_| JwtError::Invalid)
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> JwtSecretError + use<> {
    let path = path.to_owned();
    |source| JwtSecretError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(secret: &JwtSecret, header: &str, claims: &str) -> String {
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(secret.mac(&signed).finalize().into_bytes());
        format!("Bearer {signed}.{signature}")
    }

    #[test]
    fn a_token_is_good_for_its_secret_and_a_minute() {
        let secret = JwtSecret::new([7; 32]);
        let token = format!("Bearer {}", secret.token("alice"));
        assert_eq!(secret.check(Some(&token)), Ok(Some("alice".to_owned())));
        assert_eq!(JwtSecret::new([8; 32]).check(Some(&token)), Err(JwtError::Invalid));
        assert_eq!(secret.check(None), Err(JwtError::Absent));
        assert_eq!(secret.check(Some("Basic abc")), Err(JwtError::Absent));
        assert_eq!(secret.check(Some("Bearer a.b")), Err(JwtError::Invalid));
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        for (iat, expected) in [
            (now() - 30, Ok(None)),
            (now() - 90, Err(JwtError::Time)),
            (now() + 90, Err(JwtError::Time)),
        ] {
            let token = signed(&secret, header, &format!("{{\"iat\":{iat}}}"));
            assert_eq!(secret.check(Some(&token)), expected);
        }
        for (claim, expected) in [
            (r#""sub":"alice""#, Ok(Some("alice".to_owned()))),
            (r#""id":"node-7""#, Ok(Some("node-7".to_owned()))),
            (r#""id":"node-7","sub":"alice""#, Ok(Some("alice".to_owned()))),
            (r#""sub":"""#, Ok(None)),
            (r#""sub":"two words""#, Err(JwtError::Name)),
            (r#""sub":"a\nb""#, Err(JwtError::Name)),
            (r#""sub":7"#, Err(JwtError::Invalid)),
        ] {
            let token = signed(&secret, header, &format!("{{\"iat\":{},{claim}}}", now()));
            assert_eq!(secret.check(Some(&token)), expected, "{claim}");
        }
        let long = format!("{{\"iat\":{},\"sub\":\"{}\"}}", now(), "a".repeat(65));
        assert_eq!(secret.check(Some(&signed(&secret, header, &long))), Err(JwtError::Name));
        let other = signed(&secret, r#"{"alg":"none"}"#, &format!("{{\"iat\":{}}}", now()));
        assert_eq!(secret.check(Some(&other)), Err(JwtError::Invalid));
    }
}
