//! Rates of calls: who is limited, what is told, and what changes while the server runs.

use crate::{
    Node,
    chain::{MemoryChain, transaction},
    client::{Http, Ws},
    config, serve,
};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::hex;
use serde_json::{Value, json};
use weir_rpc::LimitRules;

const KEY: &str = "x-api-key: 0123456789abcdef\r\n";

/// Rates so slow that no bucket fills again in the time of a test.
async fn limited(rules: &str) -> Node {
    let mut config = config();
    config.limits = LimitRules::parse(rules).unwrap();
    serve(MemoryChain::dev(), config).await
}

fn is_limited(response: &Value, limit: &str) -> bool {
    let error = &response["error"];
    if error.is_null() {
        return false;
    }
    assert_eq!(error["code"], -32005, "{response}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&format!("limit={limit} per_second=1 ")), "{message}");
    let wait: u64 = error["data"].as_str().unwrap().parse().unwrap();
    assert!(wait > 0 && message.ends_with(&format!("retry_after_ms={wait}")), "{message}");
    true
}

#[tokio::test]
async fn an_address_spends_by_cost_and_nobody_elses() {
    let node = limited("address = { per-second = 1, burst = 25 }").await;
    let mut client = Http::connect(node.address).await;
    let block = json!(["latest", false]);
    for _ in 0..2 {
        let response = client.call("eth_getBlockByNumber", block.clone()).await;
        assert!(!is_limited(&response, "address"));
    }
    assert!(is_limited(&client.call("eth_getBlockByNumber", block.clone()).await, "address"));
    // What costs less still passes, and so do submissions and other addresses.
    assert!(!is_limited(&client.call("eth_chainId", json!([])).await, "address"));
    assert_eq!(client.error("eth_sendRawTransaction", json!(["0x01"])).await.0, -32000);
    let mut again = Http::connect(node.address).await;
    assert!(is_limited(&again.call("eth_getBlockByNumber", block.clone()).await, "address"));
    let mut other = Http::connect_from("127.0.0.2", node.address).await;
    assert!(!is_limited(&other.call("eth_getBlockByNumber", block).await, "address"));
}

#[tokio::test]
async fn rubbish_and_the_members_of_batches_are_counted() {
    let node = limited("address = { per-second = 1, burst = 6 }").await;
    let mut client = Http::connect(node.address).await;
    let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},1,{"jsonrpc":"2.0","id":2,"method":"none"},
        {"jsonrpc":"2.0","id":3,"method":"eth_chainId"}]"#;
    let first = client.post(batch).await.json();
    let codes = |answer: &Value| {
        let answers = answer.as_array().unwrap().iter();
        answers.map(|one| one["error"]["code"].as_i64().unwrap_or(0)).collect::<Vec<_>>()
    };
    assert_eq!(codes(&first), [0, -32600, -32601, 0]);
    assert_eq!(client.post("{").await.json()["error"]["code"], -32700);
    let second = client.post(batch).await.json();
    assert_eq!(codes(&second), [0, -32005, -32005, -32005]);
    assert_eq!(client.post("{").await.json()["error"]["code"], -32005);
}

#[tokio::test]
async fn a_key_has_its_own_rate() {
    let rules = "address = { per-second = 1, burst = 1 }\n[keys.wallet]\nkey = \"0123456789abcdef\"\n\
                 reads = { per-second = 1, burst = 3 }";
    let node = limited(rules).await;
    let mut client = Http::connect(node.address).await;
    for _ in 0..3 {
        assert!(!is_limited(&client.call_with(KEY, "eth_chainId", json!([])).await, "key"));
    }
    assert!(is_limited(&client.call_with(KEY, "eth_chainId", json!([])).await, "key"));
    // A key that nobody gave out is no key.
    let unknown = "authorization: Bearer fedcba9876543210\r\n";
    assert!(!is_limited(&client.call_with(unknown, "eth_chainId", json!([])).await, "address"));
    assert!(is_limited(&client.call_with(unknown, "eth_chainId", json!([])).await, "address"));
}

#[tokio::test]
async fn a_method_and_a_sender_have_their_rates() {
    let rules = "address-writes = { per-second = 1, burst = 40 }\nsender = { per-second = 1, burst = 2 }\n\
                 [methods]\neth_call = { per-second = 1, burst = 20 }";
    let node = limited(rules).await;
    let mut client = Http::connect(node.address).await;
    let call = json!([{"to": "0x1111111111111111111111111111111111111111"}]);
    assert!(!is_limited(&client.call("eth_call", call.clone()).await, "method"));
    assert!(is_limited(&client.call("eth_call", call).await, "method"));
    let mut submit = async |nonce| {
        // One signature over different contents: every transaction recovers to another sender.
        let raw = hex::encode_prefixed(transaction(nonce, 1).encoded_2718());
        client.call("eth_sendRawTransaction", json!([raw])).await
    };
    let same = [submit(1).await, submit(1).await, submit(1).await];
    assert!(!is_limited(&same[0], "sender") && !is_limited(&same[1], "sender"));
    assert!(is_limited(&same[2], "sender"));
    // The refused one was paid for by its address, which has nothing left now.
    assert!(!is_limited(&submit(2).await, "sender"));
    assert!(is_limited(&submit(3).await, "address-writes"));
}

#[tokio::test]
async fn rates_are_replaced_under_open_connections() {
    let node = limited("address = { per-second = 1, burst = 1 }").await;
    let mut client = Ws::connect(node.address).await;
    assert!(!is_limited(&client.call("eth_chainId", json!([])).await, "address"));
    assert!(is_limited(&client.call("eth_chainId", json!([])).await, "address"));
    node.limits.replace(LimitRules::default()).unwrap();
    for _ in 0..10 {
        assert_eq!(client.result("eth_chainId", json!([])).await, "0xf214");
    }
    let total = LimitRules::parse("total = { per-second = 1, burst = 1 }").unwrap();
    node.limits.replace(total.clone()).unwrap();
    assert_eq!(*node.limits.rules(), total);
    assert!(!is_limited(&client.call("eth_chainId", json!([])).await, "total"));
    let mut other = Http::connect_from("127.0.0.2", node.address).await;
    assert!(is_limited(&other.call("eth_chainId", json!([])).await, "total"));
}
