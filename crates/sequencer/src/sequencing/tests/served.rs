//! `weir_devReorg` through the server, as a client sees it.

use super::node::{CONTRACT, HISTORY, Node, memory, spec};
use crate::reorg_channel;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{collections::VecDeque, sync::Arc};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};
use weir_evm::{ExecutionWitness, verify_stateless};
use weir_primitives::ExecutedBlock;
use weir_rpc::{Backends, RpcServer, ServerConfig};
use weir_runtime::{Shutdown, ShutdownReason};

/// A WebSocket that keeps events which come before an answer.
struct Client {
    socket: WebSocketStream<TcpStream>,
    events: VecDeque<Value>,
}

impl Client {
    async fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        self.socket.send(Message::Text(request.to_string().into())).await.unwrap();
        loop {
            let message = self.next().await;
            if message.get("id").is_some() {
                return message;
            }
            self.events.push_back(message);
        }
    }

    async fn result(&mut self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        answer.get("result").cloned().unwrap_or_else(|| panic!("{method}: {answer}"))
    }

    async fn event(&mut self, subscription: &Value) -> Value {
        loop {
            let kept = self
                .events
                .iter()
                .position(|event| event["params"]["subscription"] == *subscription);
            if let Some(event) = kept.and_then(|index| self.events.remove(index)) {
                return event["params"]["result"].clone();
            }
            let message = self.next().await;
            self.events.push_back(message);
        }
    }
}

/// A node whose sequencing thread runs and whose clock stands still, with a client.
async fn serve(node: Node, is_dev: bool) -> (Client, Shutdown) {
    let (handle, inbox) = reorg_channel(node.pool.clone());
    let mut backend = node.backend();
    if is_dev {
        backend = backend.with_reorgs(handle);
    }
    let shutdown = Shutdown::new();
    let driver = node.driver.with_reorgs(inbox);
    let stop = shutdown.clone();
    std::thread::spawn(move || driver.run(&stop).unwrap());
    let backends = Backends { chain: Some(Arc::new(backend)), ..Backends::default() };
    let config = ServerConfig::new("127.0.0.1:0".parse().unwrap());
    let server = RpcServer::bind(config, backends).await.unwrap();
    let address = server.address();
    tokio::spawn(server.run(shutdown.clone()));
    let stream = TcpStream::connect(address).await.unwrap();
    let (socket, _) = client_async(format!("ws://{address}/"), stream).await.unwrap();
    (Client { socket, events: VecDeque::new() }, shutdown)
}

/// Block hash and log index of every log, in the order of the chain.
fn places(blocks: &[ExecutedBlock]) -> Vec<(String, String)> {
    let logs = |block: &ExecutedBlock| {
        let count = block.receipts.iter().map(|receipt| receipt.logs.len()).sum::<usize>();
        let hash = block.block.hash().to_string();
        (0..count).map(move |index| (hash.clone(), format!("{index:#x}"))).collect::<Vec<_>>()
    };
    blocks.iter().flat_map(logs).collect()
}

fn place(log: &Value) -> (String, String) {
    let text = |name: &str| log[name].as_str().unwrap().to_owned();
    (text("blockHash"), text("logIndex"))
}

#[tokio::test]
async fn subscribers_and_filters_see_logs_removed_and_added() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(7);
    let (before, chain) = (node.blocks(), node.chain.clone());
    let (mut client, shutdown) = serve(node, true).await;
    let heads = client.result("eth_subscribe", json!(["newHeads"])).await;
    let logs = client.result("eth_subscribe", json!(["logs", {"address": CONTRACT}])).await;
    let filter = client.result("eth_newFilter", json!([{"address": CONTRACT}])).await;
    let outcome = client.result("weir_devReorg", json!([3, {"newBlocks": "0x3"}])).await;
    assert_eq!(outcome["ancestor"]["hash"], before[4].block.hash().to_string());
    assert_eq!(outcome["old"][2]["hash"], before[7].block.hash().to_string());
    let view = chain.view();
    let after: Vec<_> = (5..=7).map(|n| view.block_by_number(n).unwrap().unwrap()).collect();
    for (index, block) in after.iter().enumerate() {
        let head = client.event(&heads).await;
        assert_eq!(head["hash"], block.block.hash().to_string());
        assert_eq!(outcome["new"][index]["hash"], head["hash"]);
    }
    // The newest block goes first, its logs in their order.
    let removed: Vec<_> =
        before[5..].iter().rev().flat_map(|block| places(std::slice::from_ref(block))).collect();
    let added = places(&after);
    assert!(!removed.is_empty() && removed.len() == added.len());
    let expected =
        removed.iter().map(|one| (one, true)).chain(added.iter().map(|one| (one, false)));
    let changes = client.result("eth_getFilterChanges", json!([filter])).await;
    for (index, (expected, is_removed)) in expected.enumerate() {
        let event = client.event(&logs).await;
        assert_eq!((place(&event), &event["removed"]), (expected.clone(), &json!(is_removed)));
        assert_eq!(changes[index], event, "filters see the same");
    }
    assert_eq!(changes.as_array().unwrap().len(), removed.len() + added.len());
    shutdown.trigger(ShutdownReason::Done);
}

#[tokio::test]
async fn requests_are_checked_and_only_a_development_node_answers() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(4);
    let (mut client, shutdown) = serve(node, true).await;
    let too_deep = &client.call("weir_devReorg", json!([5])).await["error"];
    assert_eq!((&too_deep["code"], &too_deep["data"]), (&json!(-32602), &json!("0x4")));
    for params in [
        json!([]),
        json!([0]),
        json!([1, {"newBlocks": 0}]),
        json!([1, {"unknown": 1}]),
        json!([1, {"transactions": "keep"}]),
        json!([1, {"replace": false, "newBlocks": 1}]),
        json!([1, {"replace": false, "transactions": "replay"}]),
    ] {
        let error = &client.call("weir_devReorg", params.clone()).await["error"];
        assert_eq!(error["code"], -32602, "{params}");
    }
    let reverted = client.result("weir_devReorg", json!(["0x2", {"replace": false}])).await;
    assert_eq!(reverted["new"], json!([]));
    assert_eq!(client.result("eth_blockNumber", json!([])).await, "0x2");
    let dropped = client.result("weir_devReorg", json!([1, {"transactions": "drop"}])).await;
    assert_eq!(dropped["replayed"], "0x0");
    shutdown.trigger(ShutdownReason::Done);

    let mut node = Node::open(memory(), HISTORY);
    node.grow(1);
    let (mut client, shutdown) = serve(node, false).await;
    let error = &client.call("weir_devReorg", json!([1])).await["error"];
    assert_eq!(error["code"], -32601);
    shutdown.trigger(ShutdownReason::Done);
}

#[tokio::test]
async fn witnesses_are_streamed_as_blocks_come() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(5);
    let chain = node.chain.clone();
    let (mut client, shutdown) = serve(node, true).await;
    let stream = client.result("debug_executionWitnessStream", json!([])).await;
    let legacy = client.result("debug_executionWitnessStream", json!(["legacy"])).await;
    client.result("weir_devReorg", json!([2, {"newBlocks": "0x2"}])).await;
    for number in 4..=5 {
        let block = chain.view().block_by_number(number).unwrap().unwrap();
        let event = client.event(&stream).await;
        assert_eq!(
            (&event["blockNumber"], &event["witness"]["keys"]),
            (&json!(number), &Value::Null)
        );
        assert_eq!(event["blockHash"], block.block.hash().to_string());
        let witness = ExecutionWitness::from_json(&event["witness"].to_string()).unwrap();
        verify_stateless(&spec(), &witness, &block.block).unwrap();
        let event = client.event(&legacy).await;
        assert!(event["witness"]["keys"].as_array().is_some_and(|keys| !keys.is_empty()));
    }
    assert_eq!(client.result("debug_unsubscribe", json!([stream])).await, true);
    let error = &client.call("debug_executionWitnessStream", json!(["other"])).await["error"];
    assert_eq!(error["code"], -32602);
    shutdown.trigger(ShutdownReason::Done);
}
