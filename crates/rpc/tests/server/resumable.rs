//! Numbered subscriptions: a client that comes back gets what it missed, once and in order.

use crate::{
    Node,
    chain::{MemoryChain, UPDATES, transaction},
    client::{Http, Ws},
    config, node, serve,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, hex};
use serde_json::{Value, json};
use std::sync::Arc;
use weir_primitives::{LoggedTransaction, OpenStep, OpenUpdate};

fn log(topic: u8) -> Log {
    Log::new(Address::repeat_byte(1), vec![B256::repeat_byte(topic)], Bytes::new()).unwrap()
}

/// Takes `count` notifications, whose numbers go up by one from `first`; answers cursors and results.
async fn take(client: &mut Ws, id: &Value, first: u64, count: usize) -> Vec<(String, Value)> {
    let mut taken = Vec::new();
    for sequence in (first..).take(count) {
        let event = client.json().await;
        assert_eq!(event["method"], "weir_subscription", "{event}");
        let params = &event["params"];
        assert_eq!((&params["subscription"], &params["sequence"]), (id, &json!(sequence)));
        taken.push((params["cursor"].as_str().unwrap().to_owned(), params["result"].clone()));
    }
    taken
}

async fn subscribe(client: &mut Ws, kind: &str, options: Value) -> Value {
    client.result("weir_subscribe", json!([kind, options])).await
}

/// Blocks, one of them replaced by another and that one by nothing but itself.
fn history(node: &Node) {
    for salt in 0..3 {
        node.chain.commit(salt, vec![vec![log(1), log(2)], vec![log(1)]]);
    }
    node.chain.reorg(9, vec![vec![log(1)]]);
    node.chain.commit(10, Vec::new());
}

#[tokio::test]
async fn heads_and_logs_go_on_from_every_cursor() {
    for (kind, options, count) in
        [("newHeads", json!({}), 6), ("logs", json!({"topics": [B256::repeat_byte(1)]}), 9)]
    {
        let node = node().await;
        let mut steady = Ws::connect(node.address).await;
        let id = subscribe(&mut steady, kind, options.clone()).await;
        history(&node);
        let all = take(&mut steady, &id, 1, count).await;
        let removed = all.iter().filter(|(_, event)| event["removed"] == true).count();
        assert_eq!(removed, if kind == "logs" { 2 } else { 1 }, "{all:?}");
        for (at, (cursor, _)) in all.iter().enumerate() {
            let mut back = Ws::connect(node.address).await;
            let mut options = options.clone();
            options["from"] = json!(cursor);
            let id = subscribe(&mut back, kind, options).await;
            let rest = take(&mut back, &id, 1, count - at - 1).await;
            assert_eq!(rest, all[at + 1..], "{kind} from {at}");
            if at + 2 < count {
                continue;
            }
            // What comes afterwards follows without a hole.
            let block = node.chain.commit(20 + at as u64, vec![vec![log(1)]]);
            let (_, live) = take(&mut back, &id, rest.len() as u64 + 1, 1).await.remove(0);
            let hash = if kind == "logs" { &live["blockHash"] } else { &live["hash"] };
            assert_eq!(hash, &json!(block.block.hash()));
            // The next cursor finds this block, too; the loop counts without it.
            break;
        }
    }
}

#[tokio::test]
async fn a_cursor_that_cannot_be_used_says_why() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let id = subscribe(&mut client, "newHeads", json!({})).await;
    node.chain.commit(1, Vec::new());
    let (cursor, _) = take(&mut client, &id, 1, 1).await.remove(0);
    let (epoch, _) = cursor.split_once('-').unwrap();
    let mut refused = async |kind: &str, from: &str| {
        let response = client.call("weir_subscribe", json!([kind, {"from": from}])).await;
        let error = response["error"].clone();
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    };
    let (code, why) = refused("newHeads", "00000000-0-0").await;
    assert!(code == 4444 && why.contains("another run"), "{code} {why}");
    let (code, why) = refused("newHeads", &format!("{epoch}-99-0")).await;
    assert!(code == -32602 && why.contains("ahead of the stream"), "{code} {why}");
    let (code, why) = refused("newHeads", "yesterday").await;
    assert!(code == -32602 && why.contains("not a cursor"), "{code} {why}");
    assert_eq!(refused("syncing", &cursor).await.0, -32602);
    // This server's backend builds no blocks until it is told to.
    assert_eq!(refused("steps", &cursor).await.0, -32601);
}

#[tokio::test]
async fn a_hole_in_the_servers_own_stream_makes_cursors_too_old() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let id = subscribe(&mut client, "newHeads", json!({})).await;
    node.chain.commit(0, Vec::new());
    let (cursor, _) = take(&mut client, &id, 1, 1).await.remove(0);
    // One thread: the server takes nothing until this test awaits, so its own receiver falls behind.
    for salt in 0..UPDATES as u64 + 5 {
        node.chain.commit(salt, Vec::new());
    }
    let (texts, frame) = client.until_closed().await;
    assert!(texts.last().unwrap().contains("missed="), "{texts:?}");
    assert_eq!(frame.unwrap().0, 1013);
    let mut back = Ws::connect(node.address).await;
    let response = back.call("weir_subscribe", json!(["newHeads", {"from": cursor}])).await;
    assert_eq!(response["error"]["code"], 4444, "{response}");
}

#[tokio::test]
async fn pending_transactions_go_on_whole_or_as_hashes() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let id = subscribe(&mut client, "newPendingTransactions", json!({})).await;
    let mut writer = Http::connect(node.address).await;
    let mut hashes = Vec::new();
    for nonce in 0..4 {
        let raw = hex::encode_prefixed(transaction(nonce, 1).encoded_2718());
        hashes.push(writer.result("eth_sendRawTransaction", json!([raw])).await);
    }
    let all = take(&mut client, &id, 1, 4).await;
    assert!(all.iter().map(|(_, event)| event).eq(&hashes));
    // Sealed meanwhile, and found all the same.
    node.chain.seal_pool();
    let from = json!({"from": all[1].0, "fullTransactions": true});
    let id = subscribe(&mut client, "newPendingTransactions", from).await;
    let rest = take(&mut client, &id, 1, 2).await;
    assert!(rest.iter().map(|(_, event)| &event["hash"]).eq(&hashes[2..]), "{rest:?}");
}

#[tokio::test]
async fn steps_are_told_and_those_of_the_open_block_replayed() {
    let chain = MemoryChain::dev().building();
    let node = serve(chain, config()).await;
    let mut client = Ws::connect(node.address).await;
    let id = subscribe(&mut client, "steps", json!({})).await;
    let parent = node.chain.head().reference();
    let step = |first_tx: u32| {
        let transaction = LoggedTransaction { hash: B256::repeat_byte(7), logs: vec![log(1)] };
        let (timestamp, base_fee, first_log) = (parent.timestamp + 1, 1_000, first_tx);
        let transactions = vec![transaction];
        OpenUpdate::Appended(OpenStep {
            parent,
            timestamp,
            base_fee,
            first_tx,
            first_log,
            transactions,
        })
    };
    for update in
        [step(0), step(1), OpenUpdate::Retracted { parent_hash: parent.hash }, step(0), step(1)]
    {
        node.chain.tell_step(Arc::new(update));
    }
    let all = take(&mut client, &id, 1, 5).await;
    assert_eq!(all[1].1["firstTransactionIndex"], "0x1");
    assert_eq!(all[1].1["transactions"][0]["logs"][0]["logIndex"], "0x1");
    assert_eq!(all[1].1["transactions"][0]["logs"][0]["blockHash"], Value::Null);
    assert_eq!(all[2].1, json!({"parentHash": parent.hash, "retracted": true}));
    let id = subscribe(&mut client, "steps", json!({"from": all[3].0})).await;
    assert_eq!(take(&mut client, &id, 1, 1).await, all[4..]);
    let gone = client.call("weir_subscribe", json!(["steps", {"from": all[1].0}])).await;
    assert_eq!(gone["error"]["code"], 4444, "{gone}");
}
