//! Why a key cannot be used.

use alloy_primitives::Address;
use std::path::PathBuf;

/// Why a key cannot be opened, kept or used. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The setting spells no key.
    #[error("key is neither FILE nor http://HOST:PORT#0xADDRESS: reason={reason}")]
    Source {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A key was given where a file is expected.
    #[error("a key itself was given: write it into a file, and give the file")]
    Literal,
    /// A file cannot be read.
    #[error("key file cannot be read: path={}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The keystore is encrypted, and no password was given.
    #[error("keystore needs a password: path={}", path.display())]
    PasswordMissing {
        /// The keystore.
        path: PathBuf,
    },
    /// The keystore is none, or the password is not its.
    #[error("keystore cannot be decrypted: path={}", path.display())]
    Keystore {
        /// The keystore.
        path: PathBuf,
    },
    /// The keystore cannot be written.
    #[error("keystore cannot be written: path={}", path.display())]
    Write {
        /// The keystore.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The key file does not hold 32 bytes of hexadecimal, with or without `0x`.
    #[error("key file is not 32 bytes of hexadecimal: path={}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The number is zero or not below the order of secp256k1.
    #[error("key is not a valid secp256k1 key")]
    Range,
    /// The remote signer cannot be reached. It was tried as often as [`RemoteOptions`](crate::RemoteOptions) says.
    #[error("remote signer cannot be reached: url={url} attempts={attempts} reason={reason}")]
    Unreachable {
        /// The signer.
        url: String,
        /// How often it was tried.
        attempts: u32,
        /// What went wrong.
        reason: String,
    },
    /// The remote signer did not answer in time.
    #[error("remote signer does not answer: url={url} timeout_ms={timeout_ms}")]
    Timeout {
        /// The signer.
        url: String,
        /// How long it had, in milliseconds.
        timeout_ms: u64,
    },
    /// The remote signer answered with an error.
    #[error("remote signer refuses: url={url} status={status}")]
    Refused {
        /// The signer.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The remote signer's answer is not what its API says.
    #[error("answer of the remote signer is malformed: url={url} reason={reason}")]
    Answer {
        /// The signer.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The remote signer does not hold the key.
    #[error("remote signer does not hold the key: url={url} address={address}")]
    Unknown {
        /// The signer.
        url: String,
        /// The address of the key that was asked for.
        address: Address,
    },
    /// The remote signer signed with another key, or something else.
    #[error(
        "remote signer signed with another key: url={url} address={address} recovered={recovered}"
    )]
    WrongKey {
        /// The signer.
        url: String,
        /// The address of the key that was asked for.
        address: Address,
        /// The address of the key that signed, if what was asked for was signed.
        recovered: Address,
    },
}

impl KeyError {
    /// Whether the same request may succeed later without anybody changing a setting: the signer is away or overloaded.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Refused { status, .. } => *status >= 500,
            _ => false,
        }
    }
}
