//! Bundles as a searcher sends them, over JSON-RPC and over `kill -9`.

use crate::node::{Client, Node, quantity};
use alloy_primitives::{B256, Bytes, keccak256};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use tempfile::TempDir;

const GWEI: u128 = 1_000_000_000;

fn transfers(client: &Client, nonces: std::ops::Range<u64>) -> Vec<Bytes> {
    nonces.map(|nonce| client.raw_transfer(nonce, 10 * GWEI, GWEI)).collect()
}

async fn send(client: &Client, bundle: Value) -> B256 {
    let answer = client.call("eth_sendBundle", rpc_params![bundle]).await;
    serde_json::from_value(answer["bundleHash"].clone()).expect("the answer has a hash")
}

async fn status(client: &Client, hash: B256) -> Value {
    client.call("weir_bundleStatus", rpc_params![hash]).await
}

/// Waits until a bundle does not wait any more.
async fn ended(client: &Client, hash: B256) -> Value {
    loop {
        let now = status(client, hash).await;
        if now["status"] != "pending" && now["status"] != "preconfirmed" {
            return now;
        }
        client.next_block().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_bundles_survive_a_kill_and_their_ends_are_remembered() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let mut node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let raw = transfers(&client, 0..3);
    let next = client.head().await + 1;
    let first = format!("{:#x}", next + 2);
    let last = format!("{:#x}", next + 60);
    let bundle = json!({"txs": raw, "blockNumber": first, "maxBlockNumber": last});
    let hash = send(&client, bundle).await;
    let named =
        json!({"txs": transfers(&client, 40..41), "replacementUuid": "a", "maxBlockNumber": last});
    let cancelled = send(&client, named).await;
    let name = json!({"replacementUuid": "a"});
    assert_eq!(client.call("eth_cancelBundle", rpc_params![&name]).await, true);
    node.child.kill();

    let mut node = Node::on(datadir.path(), &[]);
    let client = node.client();
    assert_eq!(status(&client, cancelled).await["code"], "removed");
    assert_eq!(client.call("eth_cancelBundle", rpc_params![&name]).await, false);
    let landed = ended(&client, hash).await;
    assert_eq!(landed["status"], "included");
    let number = quantity(&landed["blockNumber"]);
    assert!(next + 2 <= number, "not before its time: {number}");
    for (index, raw) in raw.iter().enumerate() {
        let receipt = client.call("eth_getTransactionReceipt", rpc_params![keccak256(raw)]).await;
        assert_eq!(quantity(&receipt["blockNumber"]), number);
        assert_eq!(quantity(&receipt["transactionIndex"]), index as u64);
    }
    node.child.kill();

    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    assert_eq!(status(&client, hash).await, landed);
    assert_eq!(status(&client, cancelled).await["code"], "removed");
    assert_eq!(status(&client, B256::repeat_byte(7)).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bundle_earns_is_told_before_it_is_sent() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let raw = transfers(&client, 0..2);
    let coinbase = "0x00000000000000000000000000000000000000cb";
    let call = json!({"txs": raw, "stateBlockNumber": "latest", "coinbase": coinbase});
    let answer = client.call("eth_callBundle", rpc_params![call]).await;
    let hashes: Vec<B256> = raw.iter().map(keccak256).collect();
    assert_eq!(answer["bundleHash"], keccak256(hashes.concat()).to_string());
    // One gwei of tip for each gas, and nothing is sent to the beneficiary besides.
    let earned = |gas: u128| (gas * GWEI).to_string();
    assert_eq!(answer["totalGasUsed"], 42_000);
    assert_eq!(answer["coinbaseDiff"], earned(42_000));
    assert_eq!(answer["gasFees"], earned(42_000));
    assert_eq!(
        (&answer["ethSentToCoinbase"], &answer["bundleGasPrice"]),
        (&"0".into(), &earned(1).into())
    );
    for (result, hash) in answer["results"].as_array().expect("a list").iter().zip(&hashes) {
        assert_eq!(result["txHash"], hash.to_string());
        assert_eq!((&result["gasUsed"], &result["value"]), (&21_000.into(), &"0x".into()));
        assert_eq!(result["coinbaseDiff"], earned(21_000));
        assert!(result.get("error").is_none());
    }
    let gap = json!({"txs": transfers(&client, 5..6)});
    let words = client.refused("eth_callBundle", rpc_params![gap]).await;
    assert!(words.contains("txs[0]"), "{words}");
    let far = json!({"txs": raw, "blockNumber": "0xffffff"});
    let words = client.refused("eth_callBundle", rpc_params![far]).await;
    assert!(words.contains("blockNumber is not"), "{words}");
    assert_eq!(client.nonce().await, 0, "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_bundles_are_refused_with_words() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let raw = transfers(&client, 0..1);
    let over = client.head().await;
    for (bundle, expected) in [
        (json!({"txs": []}), "bundle has no transactions"),
        (json!({"txs": ["0x02"]}), ""),
        (json!({"txs": raw, "refundPercent": 90}), "unknown field"),
        (json!({"txs": raw, "maxBlockNumber": format!("{over:#x}")}), "bundle is over"),
        (json!({"txs": raw, "revertingTxHashes": [B256::ZERO]}), "no such transaction"),
        (json!({"txs": [raw[0], raw[0]]}), "a transaction twice"),
        (json!({"txs": raw, "replacementUuid": ""}), "replacementUuid is empty"),
        (json!({"txs": raw, "replacementUuid": "u".repeat(65)}), "replacementUuid is too long"),
    ] {
        let words = client.refused("eth_sendBundle", rpc_params![bundle]).await;
        assert!(words.contains(expected), "{expected}: {words}");
    }
}
