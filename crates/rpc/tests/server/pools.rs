//! Pools, routes and their events, with and without a chain beside them.

use crate::{
    client::{Http, Ws},
    liquidity::{gate, pool},
    node, serve_pools,
};
use alloy_primitives::{Address, B128, B256};
use serde_json::{Value, json};
use std::sync::Arc;
use weir_rpc::{
    CoverageView, GateView, GoneView, OpportunityChangesView, PoolUpdatesView, Readiness,
};

fn update(removed: &str) -> Arc<PoolUpdatesView> {
    Arc::new(PoolUpdatesView {
        chain_id: 1,
        block_number: 8,
        block_hash: Some(B256::repeat_byte(8)),
        steps: None,
        generation: 1,
        pools: vec![pool()],
        removed: vec![removed.to_owned()],
    })
}

#[tokio::test]
async fn routes_and_books_check_their_bounds() {
    let node = node().await;
    let mut client = Http::connect(node.address).await;
    let (a, b) = (Address::repeat_byte(1), Address::repeat_byte(2));
    let route = json!({"tokenIn": a, "tokenOut": b, "amountIn": "1000", "maxHops": 4});
    let answer = client.result("weir_bestRoute", json!([route])).await;
    assert_eq!((&answer["amountIn"], &answer["amountOut"]), (&json!("1000"), &json!("5")));
    assert!(answer["blockHash"].is_string(), "{answer}");
    let answer = client.result("weir_bestRoute", json!([route, "pending"])).await;
    assert!(answer["blockHash"].is_null(), "the open block has no hash: {answer}");
    for (request, why) in [
        (json!({"tokenIn": a, "tokenOut": a, "amountIn": "1"}), "the same"),
        (json!({"tokenIn": a, "tokenOut": b, "amountIn": "0"}), "zero"),
        (json!({"tokenIn": a, "tokenOut": b, "amountIn": "1", "maxHops": 5}), "maxHops"),
        (json!({"tokenIn": a, "tokenOut": b, "amountIn": "1", "maxSplits": 0}), "maxSplits"),
        (json!({"tokenIn": a, "tokenOut": b, "amountIn": "1", "hops": 1}), "hops"),
    ] {
        let error = client.call("weir_bestRoute", json!([request])).await["error"].clone();
        assert_eq!(error["code"], -32602, "{error}");
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    }
    let book = json!([{"base": a, "quote": b}, "pending"]);
    let error = client.call("weir_orderBook", book).await["error"].clone();
    let expected = format!("base={a} block=Pending");
    assert!(error["message"].as_str().unwrap().contains(&expected), "{error}");
    let book = json!([{"base": a, "quote": b, "depthBps": 10_001}]);
    let error = client.call("weir_orderBook", book).await["error"].clone();
    assert!(error["message"].as_str().unwrap().contains("depthBps"), "{error}");
    assert_eq!(client.result("weir_opportunities", json!([])).await["cycles"], 3);
    assert_eq!(client.result("weir_chains", json!([])).await, json!([1, 10]));
    assert_eq!(client.result("weir_gate", json!([1])).await["state"], "live");
    assert_eq!(client.call("weir_gate", json!([5])).await["error"]["code"], -32602);
}

#[tokio::test]
async fn pool_updates_are_pushed_and_filtered() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let all = client.result("weir_subscribe", json!(["poolUpdates"])).await;
    node.pools.updates.send(update("0xbb")).unwrap();
    let event = client.weir_event(&all).await;
    assert_eq!(event["pools"][0]["id"], pool().id);
    assert_eq!((&event["blockNumber"], &event["chainId"]), (&json!(8), &json!(1)));
    assert_eq!(client.result("weir_unsubscribe", json!([all])).await, true);

    let only = json!(["poolUpdates", {"pools": ["0xCC"]}]);
    let some = client.result("weir_subscribe", only).await;
    node.pools.updates.send(update("0xbb")).unwrap();
    node.pools.updates.send(update("0xcc")).unwrap();
    let event = client.weir_event(&some).await;
    assert_eq!((&event["pools"], &event["removed"]), (&json!([]), &json!(["0xcc"])));

    // Steps of the open block are for who asks for them.
    let pending = json!(["poolUpdates", {"pending": true}]);
    let steps = client.result("weir_subscribe", pending).await;
    let step = PoolUpdatesView { block_hash: None, steps: Some(3), ..(*update("0xcc")).clone() };
    node.pools.updates.send(Arc::new(step)).unwrap();
    let event = client.weir_event(&steps).await;
    assert_eq!((&event["steps"], &event["blockHash"]), (&json!(3), &Value::Null));
    assert_eq!(client.result("weir_unsubscribe", json!([steps])).await, true);
    node.pools.updates.send(update("0xcc")).unwrap();
    let event = client.weir_event(&some).await;
    assert_eq!(event["blockHash"], json!(B256::repeat_byte(8)));
}

#[tokio::test]
async fn opportunities_and_the_gate_are_pushed() {
    let node = node().await;
    let mut client = Ws::connect(node.address).await;
    let paths = client.result("weir_subscribe", json!(["opportunities"])).await;
    let changes = OpportunityChangesView {
        chain_id: 1,
        block_number: 8,
        block_hash: Some(B256::repeat_byte(8)),
        steps: None,
        appeared: Vec::new(),
        changed: Vec::new(),
        disappeared: vec![GoneView { id: B128::repeat_byte(5), reason: "unprofitable".to_owned() }],
        coverage: CoverageView { dirty_pools: 2, dirty_cycles: 9, ..CoverageView::default() },
    };
    node.pools.changes.send(Arc::new(changes)).unwrap();
    let event = client.weir_event(&paths).await;
    assert_eq!(event["coverage"]["dirtyCycles"], 9);
    assert_eq!(event["disappeared"][0]["id"], B128::repeat_byte(5).to_string());
    let states = client.result("weir_subscribe", json!(["gate"])).await;
    let halted = GateView { state: "halted".to_owned(), ..gate() };
    node.pools.gates.send(Arc::new(halted)).unwrap();
    assert_eq!(client.weir_event(&states).await["state"], "halted");
    let error = client.call("weir_subscribe", json!(["weather"])).await["error"].clone();
    assert_eq!(error["code"], -32602);
    let error = client.call("eth_subscribe", json!(["gate"])).await["error"].clone();
    assert_eq!(error["code"], -32602);
}

#[tokio::test]
async fn without_a_chain_its_methods_do_not_exist() {
    let node = serve_pools().await;
    let mut client = Http::connect(node.address).await;
    let error = client.call("eth_blockNumber", json!([])).await["error"].clone();
    assert_eq!(error["code"], -32601);
    assert!(error["message"].as_str().unwrap().contains("no chain of its own"), "{error}");
    assert_eq!(client.result("weir_listPools", json!([])).await[0]["status"], "live");
    let pool = client.result("weir_getPool", json!([pool().id, "0x0"])).await;
    assert_eq!(pool["accuracy"], "A");
    let error = client.call("weir_getPool", json!(["0x1", "safe"])).await["error"].clone();
    assert_eq!(error["code"], -32602);
    let mut socket = Ws::connect(node.address).await;
    assert_eq!(socket.call("eth_subscribe", json!(["newHeads"])).await["error"]["code"], -32601);
    assert_ne!(socket.result("weir_subscribe", json!(["gate"])).await, Value::Null);
}

#[tokio::test]
async fn without_a_chain_the_engine_says_whether_it_is_ready() {
    let node = serve_pools().await;
    let mut client = Http::connect(node.address).await;
    assert_eq!(client.request("GET", "/health/ready", "", "").await.status, 200);
    let reason = "source is disconnected".to_owned();
    *node.pools.ready.lock().unwrap() = Readiness::NotReady { reason };
    let answer = client.request("GET", "/health/ready", "", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "not ready: source is disconnected\n"));
}

#[tokio::test]
async fn what_the_pools_told_is_resumed_by_a_cursor() {
    let node = serve_pools().await;
    let mut steady = Ws::connect(node.address).await;
    let follow = async |client: &mut Ws, kind: &str, options: Value| {
        client.result("weir_subscribe", json!([kind, options])).await
    };
    let id = follow(&mut steady, "poolUpdates", json!({"pools": ["0xCC"]})).await;
    let mut cursors = Vec::new();
    for (sequence, removed) in ["0xcc", "0xbb", "0xcc", "0xcc"].iter().enumerate() {
        let told = PoolUpdatesView { generation: sequence as u64, ..(*update(removed)).clone() };
        node.pools.updates.send(Arc::new(told)).unwrap();
    }
    for (sequence, generation) in [0, 2, 3].into_iter().enumerate() {
        let event = steady.json().await;
        let params = &event["params"];
        assert_eq!((&params["subscription"], &params["sequence"]), (&id, &json!(sequence + 1)));
        assert_eq!(params["result"]["generation"], generation);
        cursors.push(params["cursor"].clone());
    }
    let mut back = Ws::connect(node.address).await;
    let options = json!({"pools": ["0xCC"], "from": cursors[0]});
    follow(&mut back, "poolUpdates", options).await;
    for (sequence, generation) in [2, 3].into_iter().enumerate() {
        let event = back.json().await;
        assert_eq!(event["params"]["sequence"], sequence + 1);
        assert_eq!(event["params"]["result"]["generation"], generation);
    }
    // The gate has numbers and cursors, too.
    let id = follow(&mut back, "gate", json!({})).await;
    for state in ["halted", "live"] {
        node.pools.gates.send(Arc::new(GateView { state: state.to_owned(), ..gate() })).unwrap();
    }
    let first = back.json().await["params"].clone();
    assert_eq!((&first["subscription"], &first["result"]["state"]), (&id, &json!("halted")));
    assert_eq!(back.json().await["params"]["result"]["state"], "live");
    follow(&mut steady, "gate", json!({"from": first["cursor"]})).await;
    assert_eq!(steady.json().await["params"]["result"]["state"], "live");
    let error =
        steady.call("weir_subscribe", json!(["gate", {"from": "x"}])).await["error"].clone();
    assert_eq!(error["code"], -32602);
}
