//! Blocks reach L1 and come back.

use crate::{
    crash::SIGABRT,
    node::{Node, PATIENCE, weir},
};
use jsonrpsee::rpc_params;
use serde_json::Value;
use std::{fs, os::unix::process::ExitStatusExt, time::Instant};
use tempfile::TempDir;
use weir_storage::CrashPoint;
use weir_testkit::Peers;

/// anvil's second account.
const L1_KEY: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

async fn batches(node: &Node) -> Vec<Value> {
    let batches = node.client().call("weir_batches", rpc_params![]).await;
    serde_json::from_value(batches).expect("the answer is a list")
}

/// Waits until a batch that L1 includes holds `block`.
async fn posted(node: &Node, block: u64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let batches = batches(node).await;
        let has_block = |batch: &Value| {
            let last = batch["lastBlock"].as_u64().expect("a batch has a last block");
            last >= block && batch["l1Block"].is_u64()
        };
        if batches.iter().any(has_block) {
            return;
        }
        assert!(Instant::now() < deadline, "block {block} is not posted: {batches:?}");
        node.client().next_block().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_is_rebuilt_from_l1_alone_after_a_crash_of_the_poster() {
    let Some(peers) = Peers::find() else { return };
    let (_anvil, l1) = peers.anvil(&["--block-time", "1"]);
    let folder = TempDir::new().expect("a temporary folder can be made");
    let key = folder.path().join("l1.key");
    fs::write(&key, L1_KEY).expect("the key can be written");
    let key = key.to_str().expect("the path is text");
    let datadir = folder.path().join("node");
    let arguments = ["--l1", &l1, "--l1-key", key, "--l1-batch-max-age", "1s"];

    for point in [CrashPoint::BatchSend, CrashPoint::BatchSent] {
        let crash = format!("{point}:1");
        let arguments = [&arguments, ["--crash-at", &crash].as_slice()].concat();
        // What the one before intended to send is sent at once: the node may die before it is ready.
        let status = match Node::try_on(&datadir, &arguments) {
            Ok(node) => node.child.wait(),
            Err(status) => status,
        };
        assert_eq!(status.signal(), Some(SIGABRT), "{point}: {status}");
    }
    let mut node = Node::on(&datadir, &arguments);
    let client = node.client();
    for nonce in 0..6 {
        let hash = client.transfer(nonce).await;
        let block = client.included(hash).await;
        if nonce == 3 {
            posted(&node, block).await;
        }
    }
    node.child.kill();

    let node = Node::on(&datadir, &arguments);
    let client = node.client();
    let hash = client.transfer(6).await;
    let block = client.included(hash).await;
    posted(&node, block).await;
    let batches = batches(&node).await;
    for pair in batches.windows(2) {
        let (last, first) = (pair[0]["lastBlock"].as_u64(), pair[1]["firstBlock"].as_u64());
        assert_eq!(last.map(|last| last + 1), first, "nothing skipped, nothing twice: {batches:?}");
    }

    let out = folder.path().join("derived");
    let derived = weir().args(["derive", "--l1", &l1, "--out"]).arg(&out).output();
    let derived = derived.expect("the program runs");
    let text = String::from_utf8_lossy(&derived.stdout).into_owned();
    let errors = String::from_utf8_lossy(&derived.stderr).into_owned();
    assert!(derived.status.success(), "{text}{errors}");
    let words: Vec<&str> = text.lines().last().unwrap_or_default().split(' ').collect();
    let ["head", number, hash] = words[..] else { panic!("the last line names the head: {text}") };
    let number: u64 = number.parse().expect("a number");
    assert!(number >= block, "{text}");
    let expected = client.block_hash(number).await.expect("the block is there");
    assert_eq!(hash, expected.to_string());
}
