//! A key of this process.

use crate::{KeyError, keystore, source::is_literal};
use alloy_primitives::{Address, Signature, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use std::{
    fmt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// A secp256k1 key. Neither `Debug` nor any error shows it; its memory is wiped on drop.
#[derive(Clone)]
pub struct LocalKey {
    key: PrivateKeySigner,
}

impl LocalKey {
    /// Reads a key from a file that holds 32 bytes in hexadecimal, with or without `0x`; white space around it is ignored.
    ///
    /// # Errors
    /// [`KeyError::Literal`] if the path is a key, [`KeyError::Read`], [`KeyError::Format`] or [`KeyError::Range`].
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        if path.to_str().is_some_and(is_literal) {
            return Err(KeyError::Literal);
        }
        let text = keystore::read_text(path)?;
        let mut bytes = Zeroizing::new([0u8; 32]);
        alloy_primitives::hex::decode_to_slice(text.trim(), bytes.as_mut())
            .map_err(|_| KeyError::Format { path: path.to_owned() })?;
        Self::from_bytes(&bytes)
    }

    /// Takes a key as bytes.
    ///
    /// # Errors
    /// [`KeyError::Range`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = PrivateKeySigner::from_slice(bytes).map_err(|_| KeyError::Range)?;
        Ok(Self { key })
    }

    /// Reads a key from a file of hexadecimal, or decrypts it if the file is a keystore (Web3 Secret Storage, version 3),
    /// with the first line of the file `password`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn open(path: &Path, password: Option<&Path>) -> Result<Self, KeyError> {
        if path.to_str().is_some_and(is_literal) || !keystore::is_keystore(path)? {
            return Self::from_file(path);
        }
        let missing = || KeyError::PasswordMissing { path: path.to_owned() };
        let key = keystore::decrypt(path, password.ok_or_else(missing)?)?;
        Ok(Self { key })
    }

    /// A new key from the system's randomness.
    pub fn random() -> Self {
        Self { key: PrivateKeySigner::random() }
    }

    /// Writes the key into a keystore in `folder`, named after its address, readable by its owner alone, and answers where.
    ///
    /// # Errors
    /// [`KeyError::Write`]; a keystore that is there is never overwritten.
    pub fn store(&self, folder: &Path, password: &Path) -> Result<PathBuf, KeyError> {
        let path = folder.join(format!("{:#x}.json", self.address()));
        keystore::store(&self.key, &path, password)?;
        Ok(path)
    }

    /// Encrypts the keystore at `path` with another password.
    ///
    /// # Errors
    /// [`KeyError`]; the old keystore is then as it was.
    pub fn reencrypt(path: &Path, old: &Path, new: &Path) -> Result<Self, KeyError> {
        let key = Self::open(path, Some(old))?;
        keystore::replace(&key.key, path, new)?;
        Ok(key)
    }

    /// The address of the key.
    pub const fn address(&self) -> Address {
        self.key.address()
    }

    /// Signs the Keccak-256 hash of `data`. Deterministic (RFC 6979).
    pub fn sign(&self, data: &[u8]) -> Signature {
        self.key
            .sign_hash_sync(&keccak256(data))
            .expect("signing a hash with a key of this process cannot fail")
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").field("address", &self.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{KeySource, Signer};
    use alloy_primitives::address;
    use std::io::Write;

    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn read(content: &str) -> Result<LocalKey, KeyError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        LocalKey::from_file(file.path())
    }

    #[test]
    fn a_key_file_is_read_with_and_without_prefix() {
        let expected = address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(read(KEY).unwrap().address(), expected);
        assert_eq!(read(&format!(" 0x{KEY}\n")).unwrap().address(), expected);
    }

    #[test]
    fn bad_key_files_are_told_apart_and_never_quoted() {
        let message = |content: &str| read(content).unwrap_err().to_string();
        assert!(message(&KEY[2..]).starts_with("key file is not 32 bytes"));
        assert!(message(&format!("{KEY}00")).starts_with("key file is not 32 bytes"));
        assert!(message("zz").starts_with("key file is not 32 bytes"));
        assert_eq!(message(&"00".repeat(32)), "key is not a valid secp256k1 key");
        assert_eq!(message(&"ff".repeat(32)), "key is not a valid secp256k1 key");
        assert!(!message(&KEY[2..]).contains(&KEY[4..12]));
        let absent = LocalKey::from_file(Path::new("/nonexistent/key")).unwrap_err();
        assert!(matches!(absent, KeyError::Read { .. }));
    }

    #[test]
    fn debug_shows_the_address_and_nothing_else() {
        let debug = format!("{:?}", Signer::from(read(KEY).unwrap()));
        let address = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266";
        assert_eq!(debug, format!("Local(LocalKey {{ address: {address}, .. }})"));
    }

    #[test]
    fn what_is_signed_is_hashed_here() {
        let key = read(KEY).unwrap();
        let signature = key.sign(b"payload");
        assert_eq!(signature, key.sign(b"payload"));
        let recovered = signature.recover_address_from_prehash(&keccak256(b"payload")).unwrap();
        assert_eq!(recovered, key.address());
    }

    #[test]
    fn a_file_is_opened_by_its_setting() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("plain");
        std::fs::write(&path, KEY).unwrap();
        let source: KeySource = path.to_str().unwrap().parse().unwrap();
        let signer = Signer::open(&source, None).unwrap();
        assert_eq!(signer.address(), read(KEY).unwrap().address());
    }
}
