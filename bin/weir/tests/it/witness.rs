//! Witnesses and proofs: asked from a node, checked without it.

use crate::node::{Node, weir};
use jsonrpsee::rpc_params;
use serde_json::Value;
use std::{fs, path::Path, process::Output};
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    weir().args(arguments).output().expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("the path is text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_verified_from_files() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let number = client.included(client.transfer(0).await).await;
    let tag = format!("{number:#x}");
    let folder = TempDir::new().expect("a temporary folder can be made");
    let write = |name: &str, value: &Value| {
        fs::write(folder.path().join(name), value.to_string()).expect("the file is written");
        path(folder.path(), name)
    };
    let canonical = client.call("debug_executionWitness", rpc_params![&tag]).await;
    assert!(canonical.get("keys").is_none(), "{canonical}");
    let legacy = client.call("debug_executionWitness", rpc_params![&tag, "legacy"]).await;
    assert!(!legacy["keys"].as_array().expect("a list").is_empty());
    let hash = client.block_hash(number).await.expect("the block is there");
    let by_hash = client.call("debug_executionWitnessByBlockHash", rpc_params![hash]).await;
    assert_eq!(by_hash, canonical);
    let binary = client.call("debug_generateBlockWitness", rpc_params![&tag]).await;
    assert_eq!((&binary["blockNumber"], &binary["transactionCount"]), (&number.into(), &1.into()));
    let raw = client.call("debug_getRawBlock", rpc_params![&tag]).await;
    let block = write("block.json", &raw);
    for (name, witness) in [("a", &canonical), ("b", &legacy), ("c", &binary)] {
        let witness = write(name, witness);
        let output = run(&["verify", "block", "--witness", &witness, "--block", &block]);
        assert!(output.status.success(), "{name}: {}", text(&output));
        assert!(text(&output).starts_with(&format!("valid: number={number} hash={hash} ")));
    }
    let mut holed = canonical;
    holed["state"].as_array_mut().expect("a list").pop();
    let holed = write("holed.json", &holed);
    let output = run(&["verify", "block", "--witness", &holed, "--block", &block]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).starts_with("incomplete: "), "{}", text(&output));
    for params in [rpc_params!["pending"], rpc_params!["0x0"]] {
        let words = client.refused("debug_executionWitness", params).await;
        assert!(words.contains("has no witness"), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_left_the_window_says_so() {
    let node = Node::start(&["--ephemeral", "--witness-blocks", "1"]);
    let client = node.client();
    for _ in 0..7 {
        client.next_block().await;
    }
    let words = client.refused("debug_executionWitness", rpc_params!["0x1"]).await;
    assert!(words.contains("4444") && words.contains("pruned"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_verified_offline() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    client.included(client.transfer(0).await).await;
    let folder = TempDir::new().expect("a temporary folder can be made");
    let mut proofs = Vec::new();
    // The head may move between the two calls.
    let root = loop {
        let before = client.call("eth_getBlockByNumber", rpc_params!["latest", false]).await;
        proofs.clear();
        for address in [[0x77; 20], [0x99; 20]] {
            let address = alloy_primitives::Address::from(address);
            let params = rpc_params![address, ["0x0"], "latest"];
            proofs.push(client.call("eth_getProof", params).await);
        }
        let after = client.call("eth_getBlockByNumber", rpc_params!["latest", false]).await;
        if before["hash"] == after["hash"] {
            break before["stateRoot"].as_str().expect("a hash").to_owned();
        }
    };
    for (proof, proven) in proofs.iter().zip(["account", "absence"]) {
        let file = path(folder.path(), proven);
        fs::write(&file, proof.to_string()).expect("the file is written");
        let output = run(&["proof", "verify", &file, "--root", &root]);
        assert!(output.status.success(), "{}", text(&output));
        assert!(text(&output).contains(&format!("proven={proven} ")), "{}", text(&output));
        let wrong = format!("0x{}", "11".repeat(32));
        let output = run(&["proof", "verify", &file, "--root", &wrong]);
        assert_eq!(output.status.code(), Some(1));
        let mut lie = proof.clone();
        lie["balance"] = "0x1234".into();
        fs::write(&file, lie.to_string()).expect("the file is written");
        let output = run(&["proof", "verify", &file, "--root", &root]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output).starts_with("invalid: account differs: field=balance"));
    }
}
