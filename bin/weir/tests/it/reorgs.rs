//! Reorgs as a subscriber of `eth_subscribe` sees them.

use crate::node::{Node, PATIENCE};
use alloy_primitives::{Bytes, TxKind, U256};
use futures_util::{SinkExt, StreamExt};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

/// Creation code that emits a log without topics and leaves no code.
const EMITTER: Bytes = Bytes::from_static(&[0x5f, 0x5f, 0xa0, 0x00]);

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(node: &Node) -> Self {
        let url = node.ready["ws"].as_str().expect("an address");
        let stream = TcpStream::connect(url.trim_start_matches("ws://")).await;
        let stream = stream.expect("the node listens");
        Self(client_async(url, stream).await.expect("the node upgrades").0)
    }

    /// The next message.
    async fn next(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await;
            let message = message.expect("something comes").expect("the node goes on");
            if let Message::Text(text) = message.expect("the connection holds") {
                return serde_json::from_str(&text).expect("a message is JSON");
            }
        }
    }

    /// Subscribes; the id.
    async fn subscribe(&mut self, kind: &str) -> Value {
        let request =
            json!({ "jsonrpc": "2.0", "id": kind, "method": "eth_subscribe", "params": [kind] });
        self.0.send(Message::text(request.to_string())).await.expect("the node reads");
        loop {
            let message = self.next().await;
            if message["id"] == kind {
                return message["result"].clone();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_told_anew_and_logs_are_taken_back() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let mut socket = Socket::open(&node).await;
    let heads = socket.subscribe("newHeads").await;
    let logs = socket.subscribe("logs").await;
    let hash = client.send(0, TxKind::Create, U256::ZERO, EMITTER).await;
    let first = client.included(hash).await;
    client.next_block().await;
    let old = client.block_hash(first).await.expect("the block is there");
    let depth = client.head().await - first + 1;
    let reorg = client.call("weir_devReorg", rpc_params![depth]).await;
    let ancestor = reorg["ancestor"]["hash"].clone();
    let new: Vec<Value> =
        reorg["new"].as_array().expect("blocks").iter().map(|new| new["hash"].clone()).collect();
    assert_eq!(u64::try_from(new.len()), Ok(depth), "{reorg}");

    let (mut told_heads, mut told_logs) = (Vec::new(), Vec::new());
    while told_logs.len() < 3
        || !told_heads.iter().any(|head: &Value| head["hash"] == new[new.len() - 1])
    {
        let event = socket.next().await["params"].clone();
        if event["subscription"] == heads {
            told_heads.push(event["result"].clone());
        } else {
            assert_eq!(event["subscription"], logs);
            told_logs.push(event["result"].clone());
        }
    }
    // Every new block is told, from the one after the ancestor on, each on top of the one before.
    let at = told_heads.iter().position(|head| head["hash"] == new[0]).expect("it is told");
    let replaced = &told_heads[at..at + new.len()];
    assert_eq!(
        replaced.iter().map(|head| &head["hash"]).collect::<Vec<_>>(),
        new.iter().collect::<Vec<_>>()
    );
    assert_eq!(replaced[0]["parentHash"], ancestor);
    assert!(replaced.windows(2).all(|pair| pair[1]["parentHash"] == pair[0]["hash"]));
    // The log came, left with its block, and came again with the new one.
    let told: Vec<(&Value, bool)> = told_logs
        .iter()
        .map(|log| (&log["blockHash"], log["removed"].as_bool().expect("a flag")))
        .collect();
    let old = json!(old);
    assert_eq!(told, [(&old, false), (&old, true), (&new[0], false)]);
    assert!(told_logs.iter().all(|log| log["transactionHash"] == hash.to_string()));
}
