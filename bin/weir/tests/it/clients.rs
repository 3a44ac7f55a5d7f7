//! Stock wallets against a node: viem, ethers, web3.py and cast, unchanged, each with a node and accounts of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A `weir dev` that stops when dropped.
struct DevNode {
    child: Child,
    http: String,
    ws: String,
}

impl DevNode {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args([
                "dev",
                "--ephemeral",
                "--http-port",
                "0",
                "--metrics-port",
                "0",
                "--print-ready",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("weir starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let ready = lines.next().expect("weir says when it serves").expect("stdout is text");
        let ready: serde_json::Value =
            serde_json::from_str(&ready).expect("the ready line is JSON");
        // Read on, or the node blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = |name: &str| ready[name].as_str().expect("an address").to_owned();
        Self { child, http: address("http"), ws: address("ws") }
    }
}

impl Drop for DevNode {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
    let node = DevNode::start();
    let output = Command::new(program)
        .arg(root().join("e2e/clients").join(script))
        .args([&node.http, &node.ws])
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
