//! Encrypted keystores: Web3 Secret Storage, version 3.

use crate::KeyError;
use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use zeroize::Zeroizing;

/// Whether the file is a keystore rather than hexadecimal.
pub(crate) fn is_keystore(path: &Path) -> Result<bool, KeyError> {
    let text = fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| KeyError::Read { path: path.to_owned(), source })?;
    Ok(text.trim_ascii_start().starts_with(b"{"))
}

/// Decrypts the key, which must be of the address that the keystore names, if it names one.
pub(crate) fn decrypt(path: &Path, password: &Path) -> Result<PrivateKeySigner, KeyError> {
    let password = read_password(password)?;
    let broken = || KeyError::Keystore { path: path.to_owned() };
    let address = address_in(path).ok_or_else(broken)?;
    let key = PrivateKeySigner::decrypt_keystore(path, password.as_bytes());
    let key = key.map_err(|_| broken())?;
    if address.is_some_and(|address| address != key.address()) {
        return Err(broken());
    }
    Ok(key)
}

/// Writes a keystore that is not there yet.
pub(crate) fn store(key: &PrivateKeySigner, path: &Path, password: &Path) -> Result<(), KeyError> {
    store_as(key, path, &read_password(password)?)
}

/// Writes a keystore in the place of one that is there.
pub(crate) fn replace(
    key: &PrivateKeySigner,
    path: &Path,
    password: &Path,
) -> Result<(), KeyError> {
    let fresh = path.with_extension("json.new");
    store_as(key, &fresh, &read_password(password)?)?;
    fs::rename(&fresh, path).and_then(|()| sync_folder(path)).map_err(write_failed(path))
}

fn store_as(key: &PrivateKeySigner, path: &Path, password: &str) -> Result<(), KeyError> {
    // Made first, so that the secret is never in a file that others can read.
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    drop(made.map_err(write_failed(path))?);
    let written = encrypt_into(key, path, password);
    if written.is_err() {
        // What is half written must not stand in the way of the next attempt.
        let _ = fs::remove_file(path);
    }
    written.map_err(write_failed(path))
}

/// Writes the keystore over an empty file, durably.
fn encrypt_into(key: &PrivateKeySigner, path: &Path, password: &str) -> io::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let secret = Zeroizing::new(key.to_bytes().0);
    PrivateKeySigner::encrypt_keystore(
        folder_of(path),
        &mut keystore_rand::thread_rng(),
        secret.as_slice(),
        password.as_bytes(),
        name,
    )
    .map_err(io::Error::other)?;
    File::open(path)?.sync_all()?;
    sync_folder(path)
}

/// The address that a keystore names, if it names one; `None` if it is no keystore with an AES-128 key, which is what
/// the decryption expects without looking.
fn address_in(path: &Path) -> Option<Option<Address>> {
    let keystore: serde_json::Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
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

/// Reads a file that holds a secret.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| KeyError::Read { path: path.to_owned(), source })
}

/// The first line of a file.
fn read_password(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let text = read_text(path)?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// Makes the name of a file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or_else(|| Path::new("."))
}

fn write_failed(path: &Path) -> impl FnOnce(io::Error) -> KeyError + use<> {
    let path = path.to_owned();
    |source| KeyError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalKey;

    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_keystore_gives_the_key_to_its_password_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = |name: &str, content: &str| {
            let path = dir.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let (right, wrong) = (file("right", "open sesame\n"), file("wrong", "open"));
        let key = LocalKey::from_file(&file("plain", KEY)).unwrap();
        let keystore = key.store(dir.path(), &right).unwrap();
        let address =
            |password: &Path| LocalKey::open(&keystore, Some(password)).unwrap().address();
        assert_eq!(address(&right), key.address());
        let error = |password: Option<&Path>| LocalKey::open(&keystore, password).unwrap_err();
        assert!(matches!(error(Some(&wrong)), KeyError::Keystore { .. }));
        assert!(matches!(error(None), KeyError::PasswordMissing { .. }));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(&keystore).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        assert!(!fs::read_to_string(&keystore).unwrap().contains(&KEY[..16]));
        assert!(matches!(key.store(dir.path(), &right), Err(KeyError::Write { .. })));
        LocalKey::reencrypt(&keystore, &right, &wrong).unwrap();
        assert_eq!(address(&wrong), key.address());
        assert!(matches!(error(Some(&right)), KeyError::Keystore { .. }));
        let text = fs::read_to_string(&keystore).unwrap();
        for (from, to) in [("\"dklen\":32", "\"dklen\":3"), ("f39fd6e5", "f39fd6e6")] {
            assert!(text.contains(from), "{text}");
            let broken = file("broken.json", &text.replace(from, to));
            let error = LocalKey::open(&broken, Some(&wrong)).unwrap_err();
            assert!(matches!(error, KeyError::Keystore { .. }), "{error}");
        }
    }
}
