//! What signs for one role.

use crate::{KeyError, KeySource, LocalKey, RemoteSigner};
use alloy_primitives::{Address, Signature};
use std::path::Path;

/// What a signer is asked to sign to see whether it can. It begins as EIP-191 asks for, so that no chain takes it for a transaction.
const PROBE: &[u8] = b"\x19weir asks whether this key signs";

/// A secp256k1 key, here or with a remote signer.
#[derive(Debug, Clone)]
pub enum Signer {
    /// In this process.
    Local(LocalKey),
    /// With a remote signer.
    Remote(RemoteSigner),
}

impl Signer {
    /// Reads the key, or finds out how to reach it. A keystore is decrypted with the first line of the file `password`. A
    /// remote signer is not asked yet: see [`Self::check`].
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(source: &KeySource, password: Option<&Path>) -> Result<Self, KeyError> {
        Ok(match source {
            KeySource::File(path) => Self::Local(LocalKey::open(path, password)?),
            KeySource::Remote { url, address } => {
                Self::Remote(RemoteSigner::new(url, *address, Default::default()))
            }
        })
    }

    /// The address of the key.
    pub fn address(&self) -> Address {
        match self {
            Self::Local(key) => key.address(),
            Self::Remote(signer) => signer.address(),
        }
    }

    /// Signs the Keccak-256 hash of `data`. With a key of this process it cannot fail, and is deterministic (RFC 6979).
    ///
    /// # Errors
    /// [`KeyError`] of a remote signer.
    pub async fn sign(&self, data: &[u8]) -> Result<Signature, KeyError> {
        match self {
            Self::Local(key) => Ok(key.sign(data)),
            Self::Remote(signer) => signer.sign(data).await,
        }
    }

    /// Makes sure that the key signs now.
    ///
    /// # Errors
    /// [`KeyError`] of a remote signer.
    pub async fn check(&self) -> Result<(), KeyError> {
        self.sign(PROBE).await.map(drop)
    }
}

impl From<LocalKey> for Signer {
    fn from(key: LocalKey) -> Self {
        Self::Local(key)
    }
}
