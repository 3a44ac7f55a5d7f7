//! Limits of reads: each is an error that states the limit.

use crate::{chain::MemoryChain, client::Http, config, node, serve};
use alloy_primitives::{Address, B256, Bytes, Log};
use serde_json::{Value, json};

fn logs(count: u8) -> Vec<Vec<Log>> {
    let log = |topic| {
        Log::new(Address::repeat_byte(1), vec![B256::repeat_byte(topic)], Bytes::new()).unwrap()
    };
    vec![(0..count).map(log).collect()]
}

#[tokio::test]
async fn log_queries_state_their_limits() {
    let mut config = config();
    config.logs_blocks_max = 3;
    config.logs_results_max = 4;
    let node = serve(MemoryChain::dev(), config).await;
    for salt in 0..5 {
        node.chain.commit(salt, logs(2));
    }
    let mut client = Http::connect(node.address).await;
    for (filter, code, why) in [
        (
            json!({"fromBlock": "0x1", "toBlock": "0x5"}),
            -32602,
            "limit=3, this block range should work: [0x1, 0x3]",
        ),
        (
            json!({"fromBlock": "0x1", "toBlock": "0x3"}),
            -32005,
            "limit=4, this block range should work: [0x1, 0x2]",
        ),
        (json!({"fromBlock": "0x3", "toBlock": "0x2"}), -32602, "invalid block range params"),
        (json!({"fromBlock": "0x3", "toBlock": "0x9"}), -32602, "extends beyond current head"),
        (json!({"blockHash": B256::ZERO}), -32000, "unknown block"),
        (
            json!({"address": vec![Address::ZERO; 1_001]}),
            -32602,
            "exceed max addresses: count=1001 limit=1000",
        ),
        (
            json!({"topics": [vec![B256::ZERO; 1_001]]}),
            -32602,
            "exceed max topics: count=1001 limit=1000",
        ),
    ] {
        let (got, message) = client.error("eth_getLogs", json!([filter])).await;
        assert_eq!(got, code, "{message}");
        assert!(message.contains(why), "{message}");
    }
    let count = |value: Value| value.as_array().unwrap().len();
    let two = json!([{"fromBlock": "0x4", "toBlock": "latest"}]);
    assert_eq!(count(client.result("eth_getLogs", two).await), 4);
    // No range is smaller than a block.
    node.chain.commit(5, logs(7));
    assert_eq!(count(client.result("eth_getLogs", json!([{"fromBlock": "0x6"}])).await), 7);
    let three = json!([{"fromBlock": "0x4", "toBlock": "0x6"}]);
    assert!(client.error("eth_getLogs", three).await.1.ends_with("[0x4, 0x5]"));
    // A poller that is at the head asks for the block after it.
    let next = json!([{"fromBlock": "0x7", "toBlock": "latest"}]);
    assert_eq!(count(client.result("eth_getLogs", next).await), 0);
    assert_eq!(count(client.result("eth_getLogs", json!([{}])).await), 7);
}

#[tokio::test]
async fn pruned_state_has_its_own_code() {
    let node = node().await;
    node.chain.commit(1, Vec::new());
    *node.chain.pruned_below.lock().unwrap() = 1;
    let mut client = Http::connect(node.address).await;
    let address = Address::repeat_byte(1);
    let (code, message) = client.error("eth_getBalance", json!([address, "0x0"])).await;
    assert_eq!((code, message.as_str()), (4444, "state is pruned: block=0 oldest=1"));
    let call = json!([{"to": address}, "earliest"]);
    assert_eq!(client.error("eth_call", call).await.0, 4444);
    client.result("eth_getBalance", json!([address, "latest"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_wait_their_turn_and_writes_do_not() {
    let mut config = config();
    config.readers = 1;
    config.readers_waiting_max = 1;
    config.call_gas_max = 30_000_000;
    let node = serve(MemoryChain::dev(), config).await;
    // JUMPDEST PUSH0 JUMP: burns all gas.
    let spin = json!([{"to": Address::repeat_byte(0xcc)}, "latest", {(Address::repeat_byte(0xcc).to_string()): {"code": "0x5b5f56"}}]);
    let mut readers = Vec::new();
    for _ in 0..8 {
        let (address, spin) = (node.address, spin.clone());
        readers.push(tokio::spawn(async move {
            Http::connect(address).await.error("eth_call", spin).await
        }));
    }
    let mut writer = Http::connect(node.address).await;
    for _ in 0..50 {
        assert_eq!(writer.error("eth_sendRawTransaction", json!(["0x01"])).await.0, -32000);
    }
    let mut outcomes = Vec::new();
    for reader in readers {
        outcomes.push(reader.await.unwrap());
    }
    for (code, message) in &outcomes {
        match code {
            -32000 => assert_eq!(message, "out of gas"),
            -32005 => assert_eq!(message, "server busy: too many reads are waiting: limit=1"),
            _ => panic!("{code} {message}"),
        }
    }
    assert!(outcomes.iter().any(|(code, _)| *code == -32000));
}
