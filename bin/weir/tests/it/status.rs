//! What became of a transaction, asked of a node that was killed.

use crate::node::{Client, Node};
use alloy_primitives::{B256, Bytes, keccak256};
use jsonrpsee::rpc_params;
use serde_json::Value;
use tempfile::TempDir;

async fn send(client: &Client, raw: Bytes) -> B256 {
    let hash = client.call("eth_sendRawTransaction", rpc_params![raw]).await;
    serde_json::from_value(hash).expect("the answer is a hash")
}

async fn status(client: &Client, hash: B256) -> Value {
    client.call("weir_transactionStatus", rpc_params![hash]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_hash_has_an_answer_after_kill_9() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let mut node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let included = client.transfer(0).await;
    client.included(included).await;
    let queued = client.transfer(9).await;
    let mut replaced = Vec::new();
    for tip in [1, 2, 3] {
        // At nonce 5 it waits, so that each can take the place of the one before.
        let fee_cap = 10_000_000_000 * 2_u128.pow(tip);
        replaced.push(send(&client, client.raw_transfer(5, fee_cap, u128::from(tip))).await);
    }
    let last = replaced.pop().expect("three were sent");
    let hashes = [included, queued, replaced[0], replaced[1], last];
    let mut before = Vec::new();
    for hash in hashes {
        before.push(status(&client, hash).await);
    }
    let names: Vec<&Value> = before.iter().map(|status| &status["status"]).collect();
    assert_eq!(names, ["included", "queued", "replaced", "replaced", "queued"]);
    assert_eq!(before[3]["by"], last.to_string());
    // Sent just before the end, it may or may not be executed; it is not forgotten.
    let late = client.transfer(1).await;
    node.child.kill();

    // The first restart reads what was appended, the second what the first one kept.
    for run in 0..2 {
        let mut node = Node::on(datadir.path(), &[]);
        let client = node.client();
        for (hash, before) in hashes.iter().zip(&before) {
            let now = status(&client, *hash).await;
            // A gap may have been closed from below meanwhile.
            if before["status"] != "queued" {
                assert_eq!(now, *before, "run {run}");
            } else {
                assert_eq!(
                    (&now["status"], &now["missingNonce"]),
                    (&"queued".into(), &"0x2".into())
                );
            }
        }
        client.included(late).await;
        assert_eq!(status(&client, late).await["status"], "included");
        assert_eq!(status(&client, keccak256("nobody sent this")).await, Value::Null);
        node.child.kill();
    }
}
