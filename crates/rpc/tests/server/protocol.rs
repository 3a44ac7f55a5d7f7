//! JSON-RPC 2.0, row by row, over HTTP and over WebSocket.

use crate::{
    chain::MemoryChain,
    client::{Http, Ws},
    config, node, serve,
};
use serde_json::{Value, json};

/// What is sent and the exact text that comes back; an empty text means no answer.
const TABLE: &[(&str, &str)] = &[
    // Calls: positional, by absent and null and empty params.
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":"0xf214"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":"0xf214"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":null}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":"0xf214"}"#,
    ),
    (
        " \r\n\t{\"method\":\"eth_chainId\",\"id\":1,\"jsonrpc\":\"2.0\"} ",
        r#"{"jsonrpc":"2.0","id":1,"result":"0xf214"}"#,
    ),
    // Ids go back byte for byte.
    (
        r#"{"jsonrpc":"2.0","id":"a","method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":"a","result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":"","method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":"","result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":"\u2028\ud83d\ude00\"\\","method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":"\u2028\ud83d\ude00\"\\","result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":null,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":0,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":9007199254740993,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":9007199254740993,"result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":18446744073709551615,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":18446744073709551615,"result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":340282366920938463463374607431768211456,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":340282366920938463463374607431768211456,"result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":-7,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":-7,"result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1.5,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"result":"61972"}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1.0e2,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":1.0e2,"result":"61972"}"#,
    ),
    // Notifications: no answer, whatever comes of them.
    (r#"{"jsonrpc":"2.0","method":"net_version"}"#, ""),
    (r#"{"jsonrpc":"2.0","method":"no_such_method"}"#, ""),
    (r#"{"jsonrpc":"2.0","method":"eth_getBalance","params":["nonsense"]}"#, ""),
    (r#"[{"jsonrpc":"2.0","method":"net_version"},{"jsonrpc":"2.0","method":"net_version"}]"#, ""),
    // Parse errors.
    ("{", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#),
    ("", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"net_version""#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":01,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#,
    ),
    (
        r#"[{"jsonrpc":"2.0","id":1,"method":"net_version"},"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error"}}"#,
    ),
    // Invalid requests.
    ("[]", r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"empty batch"}}"#),
    (
        "1",
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}"#,
    ),
    (
        "\"a\"",
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}"#,
    ),
    (
        "null",
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}"#,
    ),
    (
        "{}",
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: jsonrpc is not \"2.0\""}}"#,
    ),
    (
        r#"{"id":7,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"invalid request: jsonrpc is not \"2.0\""}}"#,
    ),
    (
        r#"{"jsonrpc":"1.0","id":7,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"invalid request: jsonrpc is not \"2.0\""}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":7}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"invalid request: method is not a string"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":7,"method":1}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"invalid request: method is not a string"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":7,"method":"net_version","params":"x"}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"invalid request: params is not an array or object"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":{},"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: id is not a string, a number or null"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":true,"method":"net_version"}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: id is not a string, a number or null"}}"#,
    ),
    // Unknown methods and wrong parameters.
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_noSuch"}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the method eth_noSuch does not exist/is not available"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"ETH_CHAINID"}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the method ETH_CHAINID does not exist/is not available"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance"}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"missing value for required argument 0"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{"address":"0x1"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"non-array args"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"too many arguments, want at most 0"}}"#,
    ),
    (
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12"]}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"invalid argument 0: hex string has length 2, want 40 for common.Address"}}"#,
    ),
    // Batches: in order, mixed, with what is no request in them.
    (
        "[1]",
        r#"[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}]"#,
    ),
    (
        "[1,[]]",
        r#"[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}},{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: not an object"}}]"#,
    ),
    (
        r#"[{"jsonrpc":"2.0","id":"x","method":"net_version"},{"jsonrpc":"2.0","method":"net_version"},{"foo":1},{"jsonrpc":"2.0","id":2,"method":"nope"},{"jsonrpc":"2.0","id":2,"method":"eth_chainId"}]"#,
        r#"[{"jsonrpc":"2.0","id":"x","result":"61972"},{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: jsonrpc is not \"2.0\""}},{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"the method nope does not exist/is not available"}},{"jsonrpc":"2.0","id":2,"result":"0xf214"}]"#,
    ),
];

#[tokio::test]
async fn http_follows_the_table() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    for (request, expected) in TABLE {
        let answer = client.post(request).await;
        assert_eq!(answer.body, *expected, "{request}");
        let status = if expected.is_empty() { 204 } else { 200 };
        assert_eq!(answer.status, status, "{request}");
    }
}

#[tokio::test]
async fn websocket_follows_the_table() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    for (request, expected) in TABLE {
        client.send(request).await;
        if expected.is_empty() {
            // Whatever comes next must be the answer to the next request.
            assert_eq!(client.result("net_version", json!([])).await, "61972");
        } else {
            assert_eq!(client.text().await.as_deref(), Some(*expected), "{request}");
        }
    }
}

#[tokio::test]
async fn a_batch_over_the_limit_is_one_error() {
    let mut config = config();
    config.batch_items_max = 2;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#;
    let two = client.post(&format!("[{call},{call}]")).await.json();
    assert_eq!(two.as_array().unwrap().len(), 2);
    let three = client.post(&format!("[{call},{call},{call}]")).await.json();
    assert_eq!(three["error"]["code"], -32600);
    assert_eq!(three["error"]["message"], "batch too large: count=3 limit=2");
    assert_eq!(three["id"], Value::Null);
}

#[tokio::test]
async fn answers_of_a_batch_are_bounded() {
    let mut config = config();
    config.batch_response_bytes_max = 100;
    let node = serve(MemoryChain::dev(), config).await;
    let mut client = Http::connect(node.address).await;
    let call = |id| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_getBlockByNumber","params":["0x0"]}}"#)
    };
    let answers = client.post(&format!("[{},{}]", call(1), call(2))).await.json();
    assert!(answers[0]["result"].is_object());
    assert_eq!(answers[1]["error"]["code"], -32003);
    assert_eq!(answers[1]["id"], 2);
}

#[tokio::test]
async fn submissions_of_a_batch_enter_in_order_and_before_reads() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let raw = |byte: u8| format!("0x{byte:02x}");
    let mut batch: Vec<Value> = (0..40_u8)
        .map(|byte| json!({"jsonrpc": "2.0", "id": byte, "method": "eth_sendRawTransaction", "params": [raw(byte)]}))
        .collect();
    batch.push(json!({"jsonrpc": "2.0", "id": 40, "method": "txpool_status"}));
    let answers = client.post(&Value::from(batch).to_string()).await.json();
    let ids: Vec<u64> =
        answers.as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..=40).collect::<Vec<_>>());
    let submitted = node.chain.submitted.lock().unwrap();
    assert!(submitted.iter().map(|raw| raw[0]).eq(0..40), "{submitted:?}");
}

#[tokio::test]
async fn notifications_are_run() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let sent = client
        .post(r#"{"jsonrpc":"2.0","method":"eth_sendRawTransaction","params":["0x0102"]}"#)
        .await;
    assert_eq!((sent.status, sent.body.as_str()), (204, ""));
    assert_eq!(node.chain.submitted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn subscriptions_need_a_websocket() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let (code, message) = client.error("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!((code, message.as_str()), (-32601, "notifications not supported"));
}

#[tokio::test]
async fn requests_are_counted_by_method() {
    let metrics = weir_runtime::install_metrics().unwrap();
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    client.result("eth_chainId", json!([])).await;
    client.error("eth_getBalance", json!([])).await;
    for name in ["a", "b", "c"] {
        client.error(name, json!([])).await;
    }
    let text = metrics.render();
    for line in [
        "weir_rpc_requests_total{method=\"eth_chainId\"} 1",
        "weir_rpc_requests_total{method=\"eth_getBalance\"} 1",
        "weir_rpc_errors_total{method=\"eth_getBalance\"} 1",
        "weir_rpc_requests_total{method=\"unknown\"} 3",
        "weir_rpc_request_seconds_count{method=\"eth_chainId\"} 1",
        "weir_rpc_connections 1",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}
