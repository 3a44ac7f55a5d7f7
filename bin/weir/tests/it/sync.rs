//! `eth_sendRawTransactionSync`: every error of EIP-7966, and a wait that ends with the transaction.

use crate::{
    admin::Operated,
    node::{Client, quantity},
};
use alloy_primitives::{Bytes, keccak256};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const METHOD: &str = "eth_sendRawTransactionSync";
/// Longer than any test waits for an answer.
const LONG_MS: u64 = 60_000;

/// The code, the words and the data of a refusal.
async fn refusal(client: &Client, raw: &Bytes, timeout_ms: u64) -> (i64, String, Value) {
    client.error(METHOD, rpc_params![raw, timeout_ms]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codes_are_those_of_the_eip() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let operated = Operated::on(datadir.path(), &[]);
    let client = operated.node.client();
    let gwei = 1_000_000_000;

    let raw = client.raw_transfer(0, 10 * gwei, 1);
    let receipt = client.call(METHOD, rpc_params![&raw, LONG_MS]).await;
    assert_eq!(receipt["transactionHash"], keccak256(&raw).to_string());
    // Sent again, it has its receipt already.
    assert_eq!(client.call(METHOD, rpc_params![&raw]).await, receipt);

    let gapped = client.raw_transfer(7, 10 * gwei, 1);
    let (code, words, data) = refusal(&client, &gapped, LONG_MS).await;
    assert_eq!((code, &data), (6, &json!("0x1")), "the nonce that is expected: {words}");
    let known = client.call("weir_transactionStatus", rpc_params![keccak256(&gapped)]).await;
    assert_eq!(known, Value::Null, "it was not taken");

    let poor = client.raw_transfer(1, 1, 1);
    let (code, words, data) = refusal(&client, &poor, LONG_MS).await;
    assert_eq!((code, &data), (5, &json!(keccak256(&poor))), "{words}");

    let (code, words, data) = refusal(&client, &Bytes::from_static(&[2, 1, 0]), LONG_MS).await;
    assert_eq!((code, &data), (-32_000, &Value::Null), "{words}");

    operated.admin(&["halt", "sealing", "--reason", "test"]);
    let late = client.raw_transfer(1, 10 * gwei, 1);
    let (code, words, data) = refusal(&client, &late, 20).await;
    assert_eq!((code, &data), (4, &json!(keccak256(&late))), "{words}");
    assert!(words.contains("not processed in 20 ms"), "{words}");
    operated.admin(&["resume", "sealing"]);
    client.included(keccak256(&late)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_when_the_transaction_does() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let operated = Operated::on(datadir.path(), &[]);
    let client = operated.node.client();
    // No block comes, so nothing but the end of the transaction ends the wait.
    operated.admin(&["halt", "sealing", "--reason", "test"]);
    let fees = |fee: u128| 10_000_000_000 * fee;
    let [replaced, dropped] = [fees(1), fees(2)].map(|fee| client.raw_transfer(0, fee, fee));
    let started = Instant::now();
    let waiting = async {
        let (code, words, data) = refusal(&client, &replaced, LONG_MS).await;
        assert_eq!((code, data), (5, json!(keccak256(&replaced))), "{words}");
        assert!(words.contains(&format!("replaced by {}", keccak256(&dropped))), "{words}");
    };
    let replacing = async {
        while quantity(&client.call("txpool_status", rpc_params![]).await["pending"]) == 0 {}
        refusal(&client, &dropped, LONG_MS).await
    };
    let dropping = async {
        let hash = keccak256(&dropped);
        let is_pending = |status: &Value| status["status"] == "pending";
        while !is_pending(&client.call("weir_transactionStatus", rpc_params![hash]).await) {}
        operated.admin(&["drop-transaction", &hash.to_string()]);
    };
    let ((), (code, words, data), ()) = tokio::join!(waiting, replacing, dropping);
    assert_eq!((code, data), (5, json!(keccak256(&dropped))), "{words}");
    assert!(words.contains("the transaction was dropped"), "{words}");
    assert!(started.elapsed() < Duration::from_millis(LONG_MS), "the wait ended early");
}
