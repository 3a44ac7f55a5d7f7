//! Events: subscriptions and filters see the same things.

use crate::{
    chain::{MemoryChain, UPDATES, transaction},
    client::{Http, Ws},
    config, node, serve,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, hex};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use weir_primitives::{DropCode, StatusUpdate, TransactionEvent, TransactionStatus};

fn log(address: u8, topic: u8) -> Log {
    let topics = vec![B256::repeat_byte(topic)];
    Log::new(Address::repeat_byte(address), topics, Bytes::from_static(b"data")).unwrap()
}

#[tokio::test]
async fn heads_and_logs_are_pushed_and_taken_back() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let address = Address::repeat_byte(1);
    let heads = client.result("eth_subscribe", json!(["newHeads"])).await;
    let block = node.chain.commit(1, vec![vec![log(2, 9)], vec![log(1, 9), log(2, 9), log(1, 8)]]);
    let head = client.event(&heads).await;
    assert_eq!(head["hash"], block.block.hash().to_string());
    assert_eq!(head["number"], "0x1");
    assert_eq!(head["parentHash"], block.reference().parent_hash.to_string());
    assert!(head.get("transactions").is_none());
    assert_eq!(client.result("eth_unsubscribe", json!([heads])).await, true);
    assert_eq!(client.result("eth_unsubscribe", json!([heads])).await, false);

    let topic = B256::repeat_byte(9);
    let filter = json!({"address": address, "topics": [topic]});
    let logs = client.result("eth_subscribe", json!(["logs", filter])).await;
    let (old, new) = node.chain.reorg(2, vec![vec![log(1, 9)]]);
    let taken_back = client.event(&logs).await;
    assert_eq!(taken_back["removed"], true);
    assert_eq!(taken_back["blockHash"], old.block.hash().to_string());
    assert_eq!(taken_back["logIndex"], "0x1");
    assert_eq!(taken_back["transactionIndex"], "0x1");
    let added = client.event(&logs).await;
    assert_eq!(added["removed"], false);
    assert_eq!(added["blockHash"], new.block.hash().to_string());
    assert_eq!(added["logIndex"], "0x0");
}

#[tokio::test]
async fn pending_transactions_are_pushed_as_hashes_or_whole() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let hashes = client.result("eth_subscribe", json!(["newPendingTransactions"])).await;
    let mut full = Ws::connect(node.address).await;
    let whole = full.result("eth_subscribe", json!(["newPendingTransactions", true])).await;
    let tx = transaction(3, 4);
    let raw = hex::encode_prefixed(tx.encoded_2718());
    let hash =
        Http::connect(node.address).await.result("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(hash, tx.tx_hash().to_string());
    assert_eq!(client.event(&hashes).await, hash);
    let event = full.event(&whole).await;
    assert_eq!(event["hash"], hash);
    assert_eq!(event["nonce"], "0x3");
    assert_eq!(event["blockHash"], Value::Null);
}

#[tokio::test]
async fn statuses_are_pushed_of_all_transactions_or_of_some() {
    let node = node().await;
    let tx = transaction(3, 4);
    let (hash, other) = (*tx.tx_hash(), B256::repeat_byte(7));
    let mut some = Ws::connect(node.address).await;
    let mut all = Ws::connect(node.address).await;
    let params = json!(["transactionStatus", [hash, hash]]);
    let of_one = some.result("weir_subscribe", params).await;
    let of_all = all.result("eth_subscribe", json!(["transactionStatus"])).await;
    let first = some.weir_event(&of_one).await;
    assert_eq!(first, json!({"hash": hash, "isFinal": false}), "unknown so far");
    let status = |hash, status| TransactionEvent { hash, status };
    let dropped = TransactionStatus::Dropped { code: DropCode::Expired, reason: "late".into() };
    let update = StatusUpdate {
        events: vec![
            status(hash, TransactionStatus::Queued { missing_nonce: 2 }),
            status(other, TransactionStatus::Pending),
            status(hash, dropped),
        ],
        is_chain_moved: false,
    };
    node.chain.statuses.send(Arc::new(update)).unwrap();
    let queued = json!({"hash": hash, "status": "queued", "missingNonce": "0x2", "isFinal": false});
    let last = json!({
        "hash": hash, "status": "dropped", "code": "expired", "reason": "late", "isFinal": true
    });
    assert_eq!(some.weir_event(&of_one).await, queued);
    assert_eq!(some.weir_event(&of_one).await, last);
    assert_eq!(all.event(&of_all).await, queued);
    assert_eq!(all.event(&of_all).await["hash"], other.to_string());
    assert_eq!(all.event(&of_all).await, last);
    let many = vec![hash; 1_001];
    let refused = some.call("weir_subscribe", json!(["transactionStatus", many])).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("limit=1000"), "{refused}");
}

#[tokio::test]
async fn what_waits_is_looked_up_again_when_the_chain_moves() {
    let node = node().await;
    let tx = transaction(3, 4);
    let raw = hex::encode_prefixed(tx.encoded_2718());
    Http::connect(node.address).await.result("eth_sendRawTransaction", json!([raw])).await;
    let mut client = Ws::connect(node.address).await;
    let params = json!(["transactionStatus", tx.tx_hash()]);
    let id = client.result("weir_subscribe", params).await;
    assert_eq!(client.weir_event(&id).await["status"], "pending");
    let block = node.chain.seal_pool();
    let moved = StatusUpdate { events: Vec::new(), is_chain_moved: true };
    node.chain.statuses.send(Arc::new(moved)).unwrap();
    let event = client.weir_event(&id).await;
    assert_eq!(event["status"], "included");
    assert_eq!(event["blockHash"], block.block.hash().to_string());
}

#[tokio::test]
async fn unknown_kinds_and_too_many_are_refused() {
    let mut config = config();
    config.subscriptions_max = 2;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Ws::connect(node.address).await;
    let error = &client.call("eth_subscribe", json!(["weather"])).await["error"];
    assert_eq!(error["code"], -32602);
    assert!(error["message"].as_str().unwrap().contains("weather"));
    assert_eq!(client.call("eth_subscribe", json!([])).await["error"]["code"], -32602);
    let first = client.result("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(
        client.result("eth_subscribe", json!(["syncing"])).await.as_str().unwrap().len(),
        34
    );
    client.json().await; // syncing: false
    let error = &client.call("eth_subscribe", json!(["newHeads"])).await["error"];
    assert_eq!(
        (error["code"].as_i64(), error["message"].as_str()),
        (Some(-32005), Some("too many subscriptions: limit=2"))
    );
    assert_eq!(client.result("eth_unsubscribe", json!([first])).await, true);
    client.result("eth_subscribe", json!(["newHeads"])).await;
}

#[tokio::test]
async fn a_subscription_that_falls_behind_is_told_and_closed() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let heads = client.result("eth_subscribe", json!(["newHeads"])).await;
    let mut other = Ws::connect(node.address).await;
    // One thread: nothing is received until this test awaits, so the ring overflows.
    for salt in 0..UPDATES as u64 + 5 {
        node.chain.commit(salt, Vec::new());
    }
    let (texts, frame) = client.until_closed().await;
    let last: Value = serde_json::from_str(texts.last().unwrap()).unwrap();
    assert_eq!(last["params"]["subscription"], heads);
    assert_eq!(last["params"]["error"]["code"], -32005);
    assert!(last["params"]["error"]["message"].as_str().unwrap().contains("missed="), "{last}");
    assert_eq!(frame.unwrap().0, 1013);
    assert_eq!(other.result("eth_blockNumber", json!([])).await, format!("{:#x}", UPDATES + 5));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let mut config = config();
    config.websocket_queue = 2;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Ws::connect(node.address).await;
    client.result("eth_subscribe", json!(["logs", {}])).await;
    // More events in one block than the queue holds.
    node.chain.commit(1, vec![(0..10).map(|topic| log(1, topic)).collect()]);
    let (texts, frame) = client.until_closed().await;
    assert!(texts.last().unwrap().contains("reads too slowly"), "{texts:?}");
    assert_eq!(frame.unwrap().0, 1013);
}

#[tokio::test]
async fn filters_collect_between_polls() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let filter = json!([{"address": Address::repeat_byte(1)}]);
    let logs = client.result("eth_newFilter", filter).await;
    let blocks = client.result("eth_newBlockFilter", json!([])).await;
    let pending = client.result("eth_newPendingTransactionFilter", json!([])).await;
    assert_eq!(client.result("eth_getFilterChanges", json!([logs])).await, json!([]));
    let first = node.chain.commit(1, vec![vec![log(1, 1), log(2, 1)]]);
    let mut changes = client.result("eth_getFilterChanges", json!([logs])).await;
    let one = first.block.hash();
    assert_eq!(client.result("eth_getFilterChanges", json!([blocks])).await, json!([one]));
    let (_, second) = node.chain.reorg(2, vec![vec![log(1, 2)]]);
    let more = client.result("eth_getFilterChanges", json!([logs])).await;
    changes.as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
    let seen: Vec<(bool, &str)> = changes
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["removed"].as_bool().unwrap(), log["blockHash"].as_str().unwrap()))
        .collect();
    let (one, two) = (first.block.hash().to_string(), second.block.hash().to_string());
    assert_eq!(seen, [(false, one.as_str()), (true, one.as_str()), (false, two.as_str())]);
    assert_eq!(client.result("eth_getFilterChanges", json!([blocks])).await, json!([two]));
    assert_eq!(client.result("eth_getFilterChanges", json!([blocks])).await, json!([]));
    assert_eq!(
        client.result("eth_getFilterLogs", json!([logs])).await.as_array().unwrap().len(),
        1
    );
    assert_eq!(client.error("eth_getFilterLogs", json!([blocks])).await.0, -32000);
    let raw = hex::encode_prefixed(transaction(1, 1).encoded_2718());
    let hash = client.result("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(client.result("eth_getFilterChanges", json!([pending])).await, json!([hash]));
    assert_eq!(client.result("eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(client.result("eth_uninstallFilter", json!([logs])).await, false);
    let gone = client.error("eth_getFilterChanges", json!([logs])).await;
    assert_eq!(gone, (-32000, "filter not found".to_owned()));
}

#[tokio::test]
async fn a_filter_polled_late_misses_nothing() {
    let mut config = config();
    config.logs_results_max = 5;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    let blocks = client.result("eth_newBlockFilter", json!([])).await;
    let logs = client.result("eth_newFilter", json!([{}])).await;
    // More than any ring of updates or trail of a filter holds.
    let hashes: Vec<String> = (0..100)
        .map(|salt| {
            let logs = if salt % 10 == 0 { vec![vec![log(1, 1)]] } else { Vec::new() };
            node.chain.commit(salt, logs).block.hash().to_string()
        })
        .collect();
    assert_eq!(client.result("eth_getFilterChanges", json!([blocks])).await, json!(hashes));
    // Two answers of the largest size, and then nothing.
    for (first, count) in [(0, 5), (50, 5), (0, 0)] {
        let changes = client.result("eth_getFilterChanges", json!([logs])).await;
        let got: Vec<_> = changes.as_array().unwrap().iter().map(|log| &log["blockHash"]).collect();
        let want: Vec<_> = hashes[first..].iter().step_by(10).take(count).collect();
        assert_eq!(got, want);
    }
    // Replaced unseen: the client learns of the block that stayed.
    node.chain.commit(200, Vec::new());
    let (_, stayed) = node.chain.reorg(201, Vec::new());
    let stayed = stayed.block.hash();
    assert_eq!(client.result("eth_getFilterChanges", json!([blocks])).await, json!([stayed]));
    assert_eq!(client.result("eth_getFilterChanges", json!([blocks])).await, json!([]));
}

#[tokio::test]
async fn a_pending_filter_that_falls_behind_says_so_once() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let filter = client.result("eth_newPendingTransactionFilter", json!([])).await;
    for nonce in 0..UPDATES as u64 + 1 {
        let raw = hex::encode_prefixed(transaction(nonce, 1).encoded_2718());
        client.result("eth_sendRawTransaction", json!([raw])).await;
    }
    let (code, message) = client.error("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(code, -32000);
    assert!(message.contains("fell behind"), "{message}");
    let (_, message) = client.error("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(message, "filter not found");
}

#[tokio::test]
async fn filters_are_capped_and_expire() {
    let mut config = config();
    config.filters_max = 1;
    config.filter_timeout = Duration::ZERO;
    let node = serve(MemoryChain::dev(), config.clone()).await;
    let mut client = Http::connect(node.address).await;
    let old = client.result("eth_newBlockFilter", json!([])).await;
    client.result("eth_newBlockFilter", json!([])).await;
    assert_eq!(client.error("eth_getFilterChanges", json!([old])).await.1, "filter not found");
    config.filter_timeout = Duration::from_secs(60);
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    client.result("eth_newBlockFilter", json!([])).await;
    let refused = client.error("eth_newBlockFilter", json!([])).await;
    assert_eq!(refused, (-32005, "too many filters: limit=1".to_owned()));
}
