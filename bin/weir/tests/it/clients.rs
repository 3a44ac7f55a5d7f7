//! Stock wallets against a node: viem, ethers, web3.py and cast, unchanged, each with a node and accounts of its own.

use crate::node::{DEV_KEY, Node};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs a client script against a node of its own, or says why it skips.
fn check(program: &Path, script: &str, needed: &[&str]) {
    for path in needed {
        if !root().join(path).exists() {
            eprintln!("skipped: {path} is absent, run scripts/setup-npm and scripts/setup-python");
            return;
        }
    }
    let mut key = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    key.write_all(DEV_KEY.as_bytes()).expect("the file is written");
    let path = key.path().to_str().expect("the path is text");
    let node = Node::start(&["--ephemeral", "--receipt-key", path]);
    let ws = node.ready["ws"].as_str().expect("an address");
    let output = Command::new(program)
        .arg(root().join("e2e/clients").join(script))
        .args([node.http.as_str(), ws])
        .output()
        .expect("the client starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} failed\n{printed}{complaint}");
    // A script that ends early with success has not checked what it should.
    assert!(
        printed.trim_end().ends_with("errors: ok"),
        "{script} ended early\n{printed}{complaint}"
    );
}

#[test]
fn viem_works_unchanged() {
    check(Path::new("node"), "viem.mjs", &["e2e/node_modules/viem", "e2e/artifacts/Probe.json"]);
}

#[test]
fn ethers_works_unchanged() {
    check(
        Path::new("node"),
        "ethers.mjs",
        &["e2e/node_modules/ethers", "e2e/artifacts/Probe.json"],
    );
}

#[test]
fn web3_py_works_unchanged() {
    let python = root().join(".weir/python/bin/python");
    check(&python, "web3py.py", &[".weir/python/bin/python", "e2e/artifacts/Probe.json"]);
}

#[test]
fn cast_works_unchanged() {
    let needed = ["e2e/node_modules/@foundry-rs/cast", "e2e/artifacts/Probe.json"];
    check(Path::new("bash"), "cast.sh", &needed);
}
