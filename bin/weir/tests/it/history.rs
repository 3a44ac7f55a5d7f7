//! State, calls and proofs at blocks before the head, over restarts, until they are pruned.

use crate::node::{Node, quantity, weir};
use alloy_primitives::Address;
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};
use tempfile::TempDir;

const RECIPIENT: Address = Address::repeat_byte(0x77);

/// What a node says of the recipient after a block: its balance three times, and a proof that verifies.
async fn balance(node: &Node, number: u64) -> u64 {
    let client = node.client();
    let tag = format!("{number:#x}");
    let balance = quantity(&client.call("eth_getBalance", rpc_params![RECIPIENT, &tag]).await);
    // PUSH20 recipient BALANCE PUSH0 MSTORE PUSH1 32 PUSH0 RETURN, run as the code of a creation.
    let code = format!("0x73{RECIPIENT:x}315f5260205ff3");
    let called = client.call("eth_call", rpc_params![json!({ "data": code }), &tag]).await;
    assert_eq!(
        called.as_str().map(|word| &word[word.len() - 16..]),
        Some(&*format!("{balance:016x}"))
    );
    let proof = client.call("eth_getProof", rpc_params![RECIPIENT, [""; 0], &tag]).await;
    assert_eq!(quantity(&proof["balance"]), balance);
    let block = client.call("eth_getBlockByNumber", rpc_params![&tag, false]).await;
    verify(&proof, block["stateRoot"].as_str().expect("a hash"));
    balance
}

fn verify(proof: &Value, root: &str) {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let file = folder.path().join("proof.json");
    fs::write(&file, proof.to_string()).expect("the file is written");
    let output = weir().args(["proof", "verify"]).arg(file).args(["--root", root]).output();
    assert!(output.expect("the program runs").status.success(), "{proof}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_served_over_restarts_until_it_is_pruned() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let mut expected: BTreeMap<u64, u64> = BTreeMap::new();
    let node = Node::on(datadir.path(), &[]);
    for sent in 0..4 {
        let client = node.client();
        let number = client.included(client.transfer(sent).await).await;
        expected.insert(number, sent + 1);
        expected.insert(number - 1, sent);
    }
    for (number, wei) in &expected {
        assert_eq!(balance(&node, *number).await, *wei, "block {number}");
    }
    node.child.signal("TERM");
    assert!(node.child.wait().success());
    let node = Node::on(datadir.path(), &["--history-blocks", "5"]);
    let client = node.client();
    let head = client.head().await;
    assert_eq!(balance(&node, head).await, 4);
    for _ in 0..6 {
        client.next_block().await;
    }
    for (method, params) in [
        ("eth_getBalance", rpc_params![RECIPIENT, "0x1"]),
        ("eth_call", rpc_params![json!({ "to": RECIPIENT }), "0x1"]),
        ("eth_getProof", rpc_params![RECIPIENT, [""; 0], "0x1"]),
    ] {
        let words = client.refused(method, params).await;
        assert!(words.contains("4444") && words.contains("pruned"), "{method}: {words}");
    }
}
