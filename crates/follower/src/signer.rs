//! A key, and what it signs.

use crate::{Fees, SignerError};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use std::{
    fmt,
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// A secp256k1 key. Neither `Debug` nor any error shows it; its memory is wiped on drop.
#[derive(Clone)]
pub struct Signer {
    key: PrivateKeySigner,
}

/// A transaction to sign: everything but fees and chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L1Transaction {
    /// The nonce, which the caller owns.
    pub nonce: u64,
    /// The recipient.
    pub to: Address,
    /// Wei sent along.
    pub value: U256,
    /// The calldata.
    pub input: Bytes,
    /// Gas limit.
    pub gas_limit: u64,
}

/// A signed transaction: the same bytes can be sent any number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTransaction {
    /// EIP-2718 bytes.
    pub raw: Bytes,
    /// Hash of the transaction.
    pub hash: B256,
}

impl Signer {
    /// Reads a key from a file that holds 32 bytes in hexadecimal, with or without `0x`; white space around it is ignored.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn from_file(path: &Path) -> Result<Self, SignerError> {
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|source| SignerError::Read { path: path.to_owned(), source })?;
        let mut bytes = Zeroizing::new([0u8; 32]);
        alloy_primitives::hex::decode_to_slice(text.trim(), bytes.as_mut())
            .map_err(|_| SignerError::Format { path: path.to_owned() })?;
        Self::from_bytes(&bytes)
    }

    /// Reads a key from a file of hexadecimal, or decrypts it if the file is a keystore (Web3 Secret Storage, version 3),
    /// with the first line of the file `password`.
    ///
    /// # Errors
    /// [`SignerError`].
    pub fn open(path: &Path, password: Option<&Path>) -> Result<Self, SignerError> {
        if !is_keystore(path)? {
            return Self::from_file(path);
        }
        let password = password
            .ok_or_else(|| SignerError::PasswordMissing { path: path.to_owned() })
            .and_then(read_password)?;
        let broken = || SignerError::Keystore { path: path.to_owned() };
        let address = keystore_address(path).ok_or_else(broken)?;
        let key = PrivateKeySigner::decrypt_keystore(path, password.as_bytes());
        let key = key.map_err(|_| broken())?;
        if address.is_some_and(|address| address != key.address()) {
            return Err(broken());
        }
        Ok(Self { key })
    }

    /// A new key from the system's randomness.
    pub fn random() -> Self {
        Self { key: PrivateKeySigner::random() }
    }

    /// Writes the key into a keystore in `folder`, named after its address, readable by its owner alone, and answers where.
    ///
    /// # Errors
    /// [`SignerError::Write`]; a keystore that is there is never overwritten.
    pub fn store(&self, folder: &Path, password: &Path) -> Result<PathBuf, SignerError> {
        let name = format!("{:#x}.json", self.address());
        let path = folder.join(&name);
        self.store_as(&path, &read_password(password)?)?;
        Ok(path)
    }

    /// Encrypts the keystore at `path` with another password.
    ///
    /// # Errors
    /// [`SignerError`]; the old keystore is then as it was.
    pub fn reencrypt(path: &Path, old: &Path, new: &Path) -> Result<Self, SignerError> {
        let signer = Self::open(path, Some(old))?;
        let fresh = path.with_extension("json.new");
        signer.store_as(&fresh, &read_password(new)?)?;
        std::fs::rename(&fresh, path)
            .and_then(|()| sync_folder(path))
            .map_err(write_failed(path))?;
        Ok(signer)
    }

    fn store_as(&self, path: &Path, password: &str) -> Result<(), SignerError> {
        // Made first, so that the secret is never in a file that others can read.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        drop(made.map_err(write_failed(path))?);
        let written = self.encrypt_into(path, password);
        if written.is_err() {
            // What is half written must not stand in the way of the next attempt.
            let _ = std::fs::remove_file(path);
        }
        written.map_err(write_failed(path))
    }

    /// Writes the keystore over an empty file, durably.
    fn encrypt_into(&self, path: &Path, password: &str) -> std::io::Result<()> {
        let name = path.file_name().and_then(|name| name.to_str());
        let secret = Zeroizing::new(self.key.to_bytes().0);
        PrivateKeySigner::encrypt_keystore(
            folder_of(path),
            &mut keystore_rand::thread_rng(),
            secret.as_slice(),
            password.as_bytes(),
            name,
        )
        .map_err(std::io::Error::other)?;
        File::open(path)?.sync_all()?;
        sync_folder(path)
    }

    /// The key as a signer of anything.
    pub fn into_signer(self) -> PrivateKeySigner {
        self.key
    }

    /// Takes a key as bytes.
    ///
    /// # Errors
    /// [`SignerError::Range`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignerError> {
        let key = PrivateKeySigner::from_slice(bytes).map_err(|_| SignerError::Range)?;
        Ok(Self { key })
    }

    /// The address of the key.
    pub const fn address(&self) -> Address {
        self.key.address()
    }

    /// Signs an EIP-1559 transaction. Deterministic (RFC 6979): the same request gives the same bytes.
    pub fn sign(&self, chain_id: u64, fees: Fees, request: &L1Transaction) -> SignedTransaction {
        let transaction = TxEip1559 {
            chain_id,
            nonce: request.nonce,
            gas_limit: request.gas_limit,
            max_fee_per_gas: fees.max_fee_per_gas,
            max_priority_fee_per_gas: fees.max_priority_fee_per_gas,
            to: TxKind::Call(request.to),
            value: request.value,
            access_list: Default::default(),
            input: request.input.clone(),
        };
        let signature = self
            .key
            .sign_hash_sync(&transaction.signature_hash())
            .expect("signing a hash with a local key cannot fail");
        let envelope = TxEnvelope::from(transaction.into_signed(signature));
        SignedTransaction { raw: envelope.encoded_2718().into(), hash: *envelope.tx_hash() }
    }
}

fn is_keystore(path: &Path) -> Result<bool, SignerError> {
    let text = std::fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| SignerError::Read { path: path.to_owned(), source })?;
    Ok(text.trim_ascii_start().starts_with(b"{"))
}

/// The address that a keystore names, if it names one; `None` if it is no keystore with an AES-128 key, which is what
/// the decryption expects without looking.
fn keystore_address(path: &Path) -> Option<Option<Address>> {
    let keystore: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    let crypto = &keystore["crypto"];
    let iv = crypto["cipherparams"]["iv"].as_str()?;
    let is_whole = crypto["kdfparams"]["dklen"] == 32 && iv.trim_start_matches("0x").len() == 32;
    if !is_whole {
        return None;
    }
    match keystore["address"].as_str() {
        Some(address) => address.parse().ok().map(Some),
        None => Some(None),
    }
}

/// Makes the name of a file durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

/// The first line of a file.
fn read_password(path: &Path) -> Result<Zeroizing<String>, SignerError> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| SignerError::Read { path: path.to_owned(), source })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn write_failed(path: &Path) -> impl FnOnce(std::io::Error) -> SignerError + use<> {
    let path = path.to_owned();
    |source| SignerError::Write { path, source }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("address", &self.address()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;
    use std::io::Write;

    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn read(content: &str) -> Result<Signer, SignerError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        Signer::from_file(file.path())
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
        let absent = Signer::from_file(Path::new("/nonexistent/key")).unwrap_err();
        assert!(matches!(absent, SignerError::Read { .. }));
    }

    #[test]
    fn a_keystore_gives_the_key_to_its_password_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = |name: &str, content: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        let (right, wrong) = (file("right", "open sesame\n"), file("wrong", "open"));
        let signer = read(KEY).unwrap();
        let keystore = signer.store(dir.path(), &right).unwrap();
        assert_eq!(Signer::open(&keystore, Some(&right)).unwrap().address(), signer.address());
        let error = |password: Option<&Path>| Signer::open(&keystore, password).unwrap_err();
        assert!(matches!(error(Some(&wrong)), SignerError::Keystore { .. }));
        assert!(matches!(error(None), SignerError::PasswordMissing { .. }));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&keystore).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        assert!(!std::fs::read_to_string(&keystore).unwrap().contains(&KEY[..16]));
        assert!(matches!(signer.store(dir.path(), &right), Err(SignerError::Write { .. })));
        Signer::reencrypt(&keystore, &right, &wrong).unwrap();
        assert_eq!(Signer::open(&keystore, Some(&wrong)).unwrap().address(), signer.address());
        assert!(matches!(error(Some(&right)), SignerError::Keystore { .. }));
        let text = std::fs::read_to_string(&keystore).unwrap();
        for (from, to) in [("\"dklen\":32", "\"dklen\":3"), ("f39fd6e5", "f39fd6e6")] {
            assert!(text.contains(from), "{text}");
            let broken = file("broken.json", &text.replace(from, to));
            let error = Signer::open(&broken, Some(&wrong)).unwrap_err();
            assert!(matches!(error, SignerError::Keystore { .. }), "{error}");
        }
        let plain = file("plain", KEY);
        assert_eq!(Signer::open(&plain, None).unwrap().address(), signer.address());
    }

    #[test]
    fn debug_shows_the_address_and_nothing_else() {
        let debug = format!("{:?}", read(KEY).unwrap());
        assert_eq!(debug, "Signer { address: 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266, .. }");
    }

    #[test]
    fn signing_twice_gives_the_same_bytes_and_another_fee_gives_others() {
        let signer = read(KEY).unwrap();
        let request = L1Transaction {
            nonce: 7,
            to: Address::ZERO,
            value: U256::ZERO,
            input: Bytes::from_static(b"payload"),
            gas_limit: 100_000,
        };
        let fees = Fees { max_fee_per_gas: 10, max_priority_fee_per_gas: 1 };
        let first = signer.sign(1, fees, &request);
        assert_eq!(first, signer.sign(1, fees, &request));
        assert_ne!(first.hash, signer.sign(1, fees.bumped(), &request).hash);
        assert_ne!(first.hash, signer.sign(2, fees, &request).hash);
        assert_eq!(first.hash, alloy_primitives::keccak256(&first.raw));
    }
}
