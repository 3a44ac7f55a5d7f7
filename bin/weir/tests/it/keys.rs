//! Keys that a node signs with and does not hold, or holds and does not show.

use crate::node::{DEV_KEY, Node, PATIENCE, weir};
use jsonrpsee::rpc_params;
use serde_json::Value;
use std::{fs, path::Path, time::Instant};
use tempfile::TempDir;
use weir_testkit::{Child, Peers, RemoteSignerServer, SignerManner};

/// anvil's second account.
const L1_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

/// Whether `weir receipt verify` believes a receipt of this signer.
fn is_signed(folder: &Path, receipt: &Value, signer: &str) -> bool {
    let file = folder.join("receipt.json");
    fs::write(&file, receipt.to_string()).expect("the file is written");
    let output = weir().args(["receipt", "verify"]).arg(file).args(["--signer", signer]).output();
    output.expect("the program runs").status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_are_signed_by_a_remote_signer_and_a_transaction_is_not_lost_when_it_is_away() {
    let server = RemoteSignerServer::start(DEV_KEY);
    let node = Node::start(&["--ephemeral", "--receipt-key", &server.setting()]);
    let client = node.client();
    let folder = TempDir::new().expect("a temporary folder can be made");
    let raw = client.raw_transfer(0, 10_000_000_000, 1);
    let receipt = client.call("weir_sendRawTransactionSigned", rpc_params![raw]).await;
    assert!(is_signed(folder.path(), &receipt, &server.key_address().to_string()), "{receipt}");
    server.behave(SignerManner::SignsWithAnotherKey);
    let raw = client.raw_transfer(1, 10_000_000_000, 1);
    let words = client.refused("weir_sendRawTransactionSigned", rpc_params![raw]).await;
    assert!(words.contains("accepted") && words.contains("another key"), "{words}");
    let hash = client.transfer(2).await;
    client.included(hash).await;
    assert_eq!(client.nonce().await, 3, "the transaction without a receipt was taken");
}

#[test]
fn a_node_does_not_start_with_a_signer_that_holds_another_key() {
    let server = RemoteSignerServer::start(DEV_KEY);
    let other = format!("{}#0x70997970C51812dc3A010C7d01b50e0d17dc79C8", server.url());
    let arguments = ["dev", "--ephemeral", "--http-port", "0", "--receipt-key"];
    let output = weir().args(arguments).arg(&other).output().expect("the program runs");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("key cannot be used: role=receipt"), "{words}");
    assert!(words.contains("does not hold the key"), "{words}");
    for (key, code) in [(server.setting(), 0), (other, 1)] {
        let output = weir().args(["key", "check", &key]).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    let output = weir().args(arguments).arg("https://signer#0x12").output();
    assert_eq!(output.expect("the program runs").status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_signed_by_a_remote_signer_and_wait_for_it() {
    let Some(peers) = Peers::find() else { return };
    let (_anvil, l1) = peers.anvil(&["--block-time", "1"]);
    let server = RemoteSignerServer::start(L1_KEY);
    // More often than the node tries at its start: it begins without a key that signs.
    server.behave(SignerManner::Fails { status: 503, times: 4 });
    let arguments = ["--l1", &l1, "--l1-key", &server.setting(), "--l1-batch-max-age", "1s"];
    let node = Node::start(&[&["--ephemeral"], arguments.as_slice()].concat());
    let client = node.client();
    let hash = client.transfer(0).await;
    let block = client.included(hash).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let batches = client.call("weir_batches", rpc_params![]).await;
        let has_block =
            |batch: &Value| batch["lastBlock"].as_u64() >= Some(block) && batch["l1Block"].is_u64();
        if batches.as_array().expect("a list").iter().any(has_block) {
            break;
        }
        assert!(Instant::now() < deadline, "{batches}");
        client.next_block().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_passwords_are_in_no_log() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("the file is written");
        path.to_str().expect("the path is text").to_owned()
    };
    let (plain, password) = (file("plain", DEV_KEY), file("password", "open sesame\n"));
    let dir = folder.path().to_str().expect("the path is text");
    let import = ["key", "import", "--from", &plain, "--dir", dir, "--password", &password];
    let imported = weir().args(import).output().expect("the program runs");
    let imported: Value = serde_json::from_slice(&imported.stdout).expect("a line of JSON");
    let keystore = imported["path"].as_str().expect("a path");
    for key in [
        ["--receipt-key", &plain].as_slice(),
        &["--receipt-key", keystore, "--receipt-key-password", &password],
    ] {
        let log = folder.path().join("log");
        let mut command = weir();
        command.args(["dev", "--ephemeral", "--http-port", "0", "--metrics-port", "0"]);
        command.args(["--print-ready", "--log-filter", "trace"]).args(key);
        command.stderr(fs::File::create(&log).expect("the log is made"));
        let child = Child::start(&mut command);
        let ready: Value = serde_json::from_str(&child.line(PATIENCE)).expect("one line of JSON");
        let client = crate::node::Client::at(ready["http"].as_str().expect("an address"));
        let raw = client.raw_transfer(0, 10_000_000_000, 1);
        let receipt = client.call("weir_sendRawTransactionSigned", rpc_params![raw]).await;
        assert!(is_signed(folder.path(), &receipt, &client.signer.address().to_string()));
        child.signal("TERM");
        assert!(child.wait().success());
        let log = fs::read_to_string(log).expect("the log is there").to_lowercase();
        assert!(log.contains("key is ready"), "the log tells of the key");
        for secret in [&DEV_KEY[..16], &DEV_KEY[48..], "sesame"] {
            assert!(!log.contains(secret), "a secret is in the log");
        }
        // As a list of numbers, too.
        let bytes = alloy_primitives::hex::decode(DEV_KEY).expect("the key is hexadecimal");
        let numbers = format!("{}, {}, {}, {}", bytes[0], bytes[1], bytes[2], bytes[3]);
        assert!(!log.contains(&numbers), "a secret is in the log");
    }
}

#[test]
fn a_key_in_the_place_of_its_file_is_not_repeated() {
    for arguments in [["dev", "--ephemeral", "--receipt-key"], ["config", "print", "--receipt-key"]]
    {
        let output = weir().args(arguments).arg(DEV_KEY).output().expect("the program runs");
        let words = [output.stdout, output.stderr].concat();
        let words = String::from_utf8_lossy(&words).into_owned();
        assert!(words.contains("a key itself") && !words.contains(&DEV_KEY[..16]), "{words}");
    }
}
