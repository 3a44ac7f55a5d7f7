//! `weir liquidity` behind a node: its pools equal the node's contracts, through reorgs, by list and by discovery.

use crate::node::{Client, Node, PATIENCE, weir};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::{path::Path, process::Command, time::Instant};
use weir_testkit::{Child, NatsServer, Peers};

/// A running `weir liquidity`.
struct Daemon {
    _child: Child,
    http: String,
}

impl Daemon {
    fn start(arguments: &[&str]) -> Self {
        let mut command = weir();
        command.args(["liquidity", "--http-port", "0", "--metrics-port", "0", "--print-ready"]);
        command.args(["--log-filter", "warn"]).args(arguments);
        let child = Child::start(&mut command);
        let ready: Value = serde_json::from_str(&child.line(PATIENCE)).expect("one line of JSON");
        let http = ready["http"].as_str().expect("an address").to_owned();
        Self { _child: child, http }
    }

    fn client(&self) -> Client {
        Client::at(&self.http)
    }
}

/// Waits until the daemon is live at a block of the node that is not older than `number`.
async fn live_at(daemon: &Client, number: u64) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let gate = daemon.call("weir_gate", rpc_params![]).await;
        let is_there = gate["blockNumber"].as_u64().is_some_and(|block| block >= number);
        if gate["state"] == "live" && is_there {
            return gate;
        }
        assert!(Instant::now() < deadline, "not live at {number}: {gate}");
    }
}

/// Deploys Uniswap V2, V3 and V4, and trades on all of them.
fn trade(node: &Node, artifacts: &Path) {
    let mut command = weir();
    command.args(["load", "--rpc", &node.http, "--scenario", "mixed", "--duration", "2s"]);
    command.args(["--accounts", "8", "--rate", "60", "--json", "--artifacts"]).arg(artifacts);
    succeeds(&mut command);
}

/// Compares the daemon's pools with the node's contracts.
fn check(node: &Node, daemon: &Daemon) -> String {
    succeeds(weir().args(["pools", "check", "--rpc", &node.http, "--arena", &daemon.http]))
}

fn succeeds(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {text}\n{errors}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_node_is_equal_through_reorgs() {
    let Some(peers) = Peers::find() else { return };
    let node = Node::start(&["--ephemeral"]);
    trade(&node, peers.root());
    let ws = node.ready["ws"].as_str().expect("an address");
    let daemon = Daemon::start(&["--source", ws]);
    let (chain, pools) = (node.client(), daemon.client());
    live_at(&pools, chain.head().await).await;
    let listed = pools.call("weir_listPools", rpc_params![]).await;
    let protocols: Vec<&str> = listed
        .as_array()
        .expect("pools")
        .iter()
        .filter_map(|pool| pool["protocol"].as_str())
        .collect();
    for protocol in ["v2", "v3", "v4"] {
        assert!(protocols.contains(&protocol), "{protocol} is in {protocols:?}");
    }
    check(&node, &daemon);

    for depth in [1, 3] {
        let reorg = chain.call("weir_devReorg", rpc_params![depth]).await;
        assert_eq!(reorg["old"].as_array().map(Vec::len), Some(depth), "{reorg}");
        chain.next_block().await;
        live_at(&pools, chain.head().await).await;
        check(&node, &daemon);
    }

    let error = pools.refused("eth_blockNumber", rpc_params![]).await;
    assert!(error.contains("no chain of its own"), "{error}");
    let paths = pools.call("weir_opportunities", rpc_params![]).await;
    assert!(paths["cycles"].as_u64().is_some_and(|cycles| cycles > 0), "{paths}");
    let pool = &listed[0];
    let book = json!({"base": pool["token0"], "quote": pool["token1"]});
    let book = pools.call("weir_orderBook", rpc_params![book]).await;
    assert!(!book["asks"].as_array().expect("levels").is_empty(), "{book}");
    let trade =
        json!({"tokenIn": pool["token0"], "tokenOut": pool["token1"], "amountIn": "1000000000"});
    let route = pools.call("weir_bestRoute", rpc_params![trade]).await;
    assert_ne!(route["amountOut"], "0", "{route}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_followed_recorded_and_verified() {
    let Some(peers) = Peers::find() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let node = Node::start(&["--ephemeral"]);
    trade(&node, peers.root());
    let feed = node.ready["feed"].as_str().expect("a path").to_owned();
    let source = format!("unix:{feed}");
    let daemon = Daemon::start(&["--source", &source, "--node", &node.http]);
    let (chain, pools) = (node.client(), daemon.client());
    live_at(&pools, chain.head().await).await;
    check(&node, &daemon);
    chain.call("weir_devReorg", rpc_params![2]).await;
    chain.next_block().await;
    live_at(&pools, chain.head().await).await;
    check(&node, &daemon);

    let out = folder.path().join("feed.weir");
    let out = out.to_str().expect("the path is text");
    succeeds(weir().args(["feed", "record", "--socket", &feed, "--out", out, "--blocks", "3"]));
    let report = succeeds(weir().args(["feed", "replay", out, "--verify"]));
    assert!(report.contains("halted=0"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_over_nats_says_what_is_followed() {
    let Some(peers) = Peers::find() else { return };
    let Some(nats) = NatsServer::start() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let node = Node::start(&["--ephemeral"]);
    trade(&node, peers.root());
    let chain = node.client();
    let listed = chain.call("weir_listPools", rpc_params![]).await;
    let rows: Vec<Value> = listed.as_array().expect("pools").iter().map(row).collect();
    let list = folder.path().join("pools.json");
    let write = |rows: &[Value]| {
        let document = json!({"chain_id": 61_972, "chain": "weir", "pools": rows});
        std::fs::write(&list, document.to_string()).expect("the list can be written");
    };
    let url = format!("{}#61972", nats.url());
    let ws = node.ready["ws"].as_str().expect("an address");
    let daemon = Daemon::start(&["--source", ws, "--whitelist", &url]);
    let pools = daemon.client();
    let publish = |kind: &str| {
        let mut command = weir();
        command.args(["whitelist", "publish"]).arg(&list);
        command.args(["--nats", &url, "--kind", kind, "--wait", "1"]);
        succeeds(&mut command)
    };

    write(&rows[..2]);
    let published = publish("full");
    assert!(published.contains("hydrated=2"), "{published}");
    live_at(&pools, chain.head().await).await;
    check(&node, &daemon);

    write(&rows[2..]);
    let published = publish("add");
    assert!(published.contains(&format!("added={}", rows.len() - 2)), "{published}");
    live_at(&pools, chain.head().await).await;
    let followed = pools.call("weir_listPools", rpc_params![]).await;
    assert_eq!(followed.as_array().map(Vec::len), Some(rows.len()));
    check(&node, &daemon);
}

/// A pool as a whitelist describes it.
fn row(pool: &Value) -> Value {
    let token = |token: &Value| json!({"address": token, "decimals": 18});
    let is_v4 = pool["protocol"] == "v4";
    let zero = json!("0x0000000000000000000000000000000000000000");
    let mut row = json!({
        "address": if is_v4 { pool["manager"].clone() } else { pool["id"].clone() },
        "protocol": pool["protocol"],
        "token0": token(&pool["token0"]),
        "token1": token(&pool["token1"]),
        "fee": pool["fee"],
        "tick_spacing": pool["tickSpacing"],
    });
    if is_v4 {
        row["pool_id"] = pool["id"].clone();
        row["hooks"] = if pool["hooks"].is_null() { zero } else { pool["hooks"].clone() };
    }
    row
}
