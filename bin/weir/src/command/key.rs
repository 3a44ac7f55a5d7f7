//! `weir key`: keystores of the keys that a node signs with.

use crate::{cli::KeyCommand, command::node::block_on};
use eyre::Context;
use serde_json::json;
use std::{fs, path::Path, process::ExitCode};
use weir_keys::{LocalKey, Signer};

/// Does it, and prints one JSON object a key. No secret is printed.
pub(crate) fn run(command: KeyCommand) -> eyre::Result<ExitCode> {
    match command {
        KeyCommand::New { dir, password } => store(&LocalKey::random(), &dir, &password)?,
        KeyCommand::Import { from, dir, password } => {
            store(&LocalKey::from_file(&from)?, &dir, &password)?;
        }
        KeyCommand::List { dir } => list(&dir)?,
        KeyCommand::Check { key, password } => {
            let signer = Signer::open(&key, password.as_deref())?;
            let checked = block_on(async { Ok(signer.check().await?) });
            checked.wrap_err_with(|| format!("key does not sign: key={key}"))?;
            println!("{}", json!({ "address": signer.address(), "key": key.to_string() }));
        }
        KeyCommand::Rotate { file, password, new_password } => {
            let key = LocalKey::reencrypt(&file, &password, &new_password)?;
            println!("{}", json!({ "address": key.address(), "path": file }));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn store(key: &LocalKey, dir: &Path, password: &Path) -> eyre::Result<()> {
    let failed = || format!("folder cannot be made: path={}", dir.display());
    fs::create_dir_all(dir).wrap_err_with(failed)?;
    let path = key.store(dir, password)?;
    println!("{}", json!({ "address": key.address(), "path": path }));
    Ok(())
}

/// The keystores of a folder by the address that each names; other files are left out.
fn list(dir: &Path) -> eyre::Result<()> {
    let failed = || format!("folder cannot be read: path={}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).wrap_err_with(failed)? {
        paths.push(entry.wrap_err_with(failed)?.path());
    }
    paths.sort_unstable();
    for path in paths {
        let Ok(text) = fs::read(&path) else { continue };
        let Ok(keystore) = serde_json::from_slice::<serde_json::Value>(&text) else { continue };
        if let Some(address) = keystore["address"].as_str() {
            let address = format!("0x{}", address.trim_start_matches("0x"));
            println!("{}", json!({ "address": address, "path": path }));
        }
    }
    Ok(())
}
