//! Receipts that the sequencer signs, and conditions that a transaction is sent with.

use crate::node::{DEV_KEY, Node, weir};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// Whether `weir receipt verify` believes a receipt of this signer.
fn is_signed(folder: &Path, receipt: &Value, signer: &str) -> bool {
    let file = folder.join("receipt.json");
    std::fs::write(&file, receipt.to_string()).expect("the file is written");
    let output = weir().args(["receipt", "verify"]).arg(file).args(["--signer", signer]).output();
    output.expect("the program runs").status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_receipt_is_verified_offline_and_its_number_is_never_used_again() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let key = datadir.path().join("key.hex");
    std::fs::write(&key, DEV_KEY).expect("the file is written");
    let arguments = ["--receipt-key", key.to_str().expect("the path is text")];
    let signer = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    let mut sequences = Vec::new();
    for nonce in 0..4 {
        let mut node = Node::on(datadir.path(), &arguments);
        let client = node.client();
        let raw = client.raw_transfer(nonce, 10_000_000_000, 1);
        let receipt = client.call("weir_sendRawTransactionSigned", rpc_params![raw]).await;
        assert!(is_signed(datadir.path(), &receipt, signer), "{receipt}");
        let other = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
        assert!(!is_signed(datadir.path(), &receipt, other));
        let mut later = receipt.clone();
        later["timeMs"] = "0x1".into();
        assert!(!is_signed(datadir.path(), &later, signer));
        sequences.push(crate::node::quantity(&receipt["sequence"]));
        node.child.kill();
    }
    assert!(sequences.is_sorted_by(|left, right| left < right), "{sequences:?}");
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let raw = client.raw_transfer(9, 10_000_000_000, 1);
    let words = client.refused("weir_sendRawTransactionSigned", rpc_params![raw]).await;
    assert!(words.contains("signs no receipts"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_conditions_fail_costs_nothing_and_says_why() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let method = "eth_sendRawTransactionConditional";
    let past = json!({ "blockNumberMax": "0x0" });
    let raw = client.raw_transfer(0, 10_000_000_000, 1);
    let words = client.refused(method, rpc_params![&raw, past]).await;
    assert!(words.contains("-32003"), "{words}");
    let sender = client.signer.address();
    let wrong = json!({ "knownAccounts": { sender.to_string(): { "nonce": "0x7" } } });
    client.refused(method, rpc_params![&raw, wrong]).await;
    // It holds on arrival, and not any more once the first transaction of the sender is executed.
    let balance = client.call("eth_getBalance", rpc_params![sender, "latest"]).await;
    let held = json!({ "knownAccounts": { sender.to_string(): { "balance": balance } } });
    let second = client.raw_transfer(1, 10_000_000_000, 1);
    let hash = client.call(method, rpc_params![&second, held]).await;
    client.included(client.transfer(0).await).await;
    client.next_block().await;
    let status = client.call("weir_transactionStatus", rpc_params![hash]).await;
    assert_eq!(
        (&status["status"], &status["code"]),
        (&json!("dropped"), &json!("conditionFailed")),
        "{status}"
    );
    // The nonce is free again.
    client.included(client.transfer(1).await).await;
}
