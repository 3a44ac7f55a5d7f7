//! `weir liquidity` behind a node: its pools equal the node's contracts, through reorgs, by list and by discovery.

use crate::{
    node::{Client, Node, PATIENCE, weir},
    observe::get,
};
use alloy_primitives::B256;
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::Read,
    os::unix::net::UnixStream,
    path::Path,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use weir_feed::{
    ConsumerOptions, FeedConsumer, FeedEvent, GateState, RecordedFeed, UpstreamMessage,
    decode_upstream,
};
use weir_testkit::{Child, NatsServer, Peers};

/// A running `weir liquidity`.
struct Daemon {
    _child: Child,
    http: String,
    metrics: String,
}

impl Daemon {
    fn start(arguments: &[&str]) -> Self {
        let mut command = weir();
        command.args(["liquidity", "--http-port", "0", "--metrics-port", "0", "--print-ready"]);
        command.args(["--log-filter", "warn"]).args(arguments);
        let child = Child::start(&mut command);
        let ready: Value = serde_json::from_str(&child.line(PATIENCE)).expect("one line of JSON");
        let address = |name: &str| ready[name].as_str().expect("an address").to_owned();
        Self { _child: child, http: address("http"), metrics: address("metrics") }
    }

    fn client(&self) -> Client {
        Client::at(&self.http)
    }
}

/// Waits until a process hears what is published: before that, nobody keeps it.
async fn hears_lists(metrics: &str) {
    let mut interval = tokio::time::interval(Duration::from_millis(20));
    let deadline = Instant::now() + PATIENCE;
    while !get(metrics).contains("\nweir_whitelist_connected 1\n") {
        assert!(Instant::now() < deadline, "the whitelist's server is not connected");
        interval.tick().await;
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

/// A folder for a test's files.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Records a feed from the oldest block that it retains.
fn record(socket: &str, out: &Path, blocks: usize) {
    let mut command = weir();
    command.args(["feed", "record", "--socket", socket, "--blocks", &blocks.to_string(), "--out"]);
    succeeds(command.arg(out));
}

/// The blocks of a recording with their digests, which cover every byte of an envelope.
fn digests(recording: &Path) -> BTreeMap<B256, B256> {
    let mut recorded = RecordedFeed::open(recording).expect("the recording opens");
    let mut digests = BTreeMap::new();
    while let Some(event) = recorded.next().expect("the recording is whole") {
        if let FeedEvent::Block(block) = event {
            digests.insert(block.envelope.block().hash, block.envelope.digest());
        }
    }
    digests
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
    let folder = folder();
    let spill = folder.path().to_str().expect("the path is text");
    let ring = ["--ring-blocks", "2", "--snapshot-spill", spill];
    let daemon = Daemon::start(&[&["--source", ws][..], &ring].concat());
    let (chain, pools) = (node.client(), daemon.client());
    live_at(&pools, chain.head().await).await;
    let ready = get(&format!("{}/health/ready", daemon.http));
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
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

    older_states_are_answered(&chain, &pools, &listed).await;

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

/// Below an undo ring of two blocks, the daemon's answers are those of the node, which keeps 128, ticks and fees included.
async fn older_states_are_answered(chain: &Client, pools: &Client, listed: &Value) {
    let number = chain.head().await - 6;
    for pool in listed.as_array().expect("pools") {
        let ask = || rpc_params![&pool["id"], format!("{number:#x}")];
        let ours = pools.call("weir_getPool", ask()).await;
        let theirs = chain.call("weir_getPool", ask()).await;
        let fields = ["blockHash", "reserve0", "reserve1", "sqrtPriceX96", "liquidity", "tick"];
        for field in fields.into_iter().chain(["ticks", "tickSpacing", "fees"]) {
            assert_eq!(ours[field], theirs[field], "{field} of {pool}");
        }
        let is_plain = pool["protocol"] == "v4" || pool["accuracy"] == "A";
        assert!(is_plain, "tokens that move what they are told to are not accused: {pool}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_older_than_the_first_block_followed_are_searched_for() {
    let Some(peers) = Peers::find() else { return };
    let node = Node::start(&["--ephemeral"]);
    trade(&node, peers.root());
    let chain = node.client();
    let ours = chain.call("weir_listPools", rpc_params![]).await;
    let pools = ours.as_array().expect("pools").len();
    let ws = node.ready["ws"].as_str().expect("an address");
    let daemon = Daemon::start(&["--source", ws, "--discover-from", "0"]);
    let client = daemon.client();
    all_live(&client, pools).await;
    check(&node, &daemon);
    // What is created from now on is found by its block.
    trade(&node, peers.root());
    live_at(&client, chain.head().await).await;
    let listed = chain.call("weir_listPools", rpc_params![]).await;
    all_live(&client, listed.as_array().expect("pools").len()).await;
    check(&node, &daemon);

    let bounded = Daemon::start(&["--source", ws, "--discover-from", "0", "--discover-max", "3"]);
    all_live(&bounded.client(), 3).await;
    check(&node, &bounded);
}

/// Waits until a daemon has so many pools, each of which may be traded on.
async fn all_live(daemon: &Client, pools: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let gate = daemon.call("weir_gate", rpc_params![]).await;
        if gate["state"] == "live" && gate["livePools"] == json!(pools) {
            break;
        }
        assert!(Instant::now() < deadline, "not {pools} live pools: {gate}");
    }
    let listed = daemon.call("weir_listPools", rpc_params![]).await;
    assert_eq!(listed.as_array().map(Vec::len), Some(pools), "and no others");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_followed_recorded_and_verified() {
    let Some(peers) = Peers::find() else { return };
    let folder = folder();
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
    record(&feed, &out, 3);
    let out = out.to_str().expect("the path is text");
    let report = succeeds(weir().args(["feed", "replay", out, "--verify"]));
    assert!(report.contains("halted=0"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_give_the_same_envelopes() {
    let Some(peers) = Peers::find() else { return };
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder();
    let node = Node::start(&["--ephemeral"]);
    let chain = node.client();
    let path = |name: &str| folder.path().join(name).to_str().expect("the path is text").to_owned();
    let ws = node.ready["ws"].as_str().expect("an address");
    let (socket, url) = (path("feed/weir.sock"), nats.url());
    let upstream_path = path("feed/upstream.sock");
    let first = Daemon::start(&[
        "--source",
        ws,
        "--feed-socket",
        &socket,
        "--upstream-socket",
        &upstream_path,
        "--feed-nats",
        &url,
    ]);
    let by_nats = format!("{url}#61972");
    let second = Daemon::start(&["--source", &by_nats, "--node", &node.http]);
    let mut upstream = UnixStream::connect(&upstream_path).expect("the socket is there");
    trade(&node, peers.root());
    let head = chain.head().await;
    for daemon in [&first, &second] {
        live_at(&daemon.client(), head).await;
        check(&node, daemon);
    }

    // The sequencer's own blocks, the same ones over JSON-RPC, and those over NATS.
    let own = folder.path().join("own.weir");
    // The sequencer's feed begins with genesis.
    record(node.ready["feed"].as_str().expect("a path"), &own, 1 + head as usize);
    let followed = folder.path().join("followed.weir");
    record(&socket, &followed, head as usize);
    let (own_digests, followed) = (digests(&own), digests(&followed));
    let shared = followed.iter().filter(|(hash, digest)| own_digests.get(*hash) == Some(digest));
    assert_eq!(shared.count(), head as usize);

    let recorded = format!("file:{}", own.display());
    let third = Daemon::start(&["--source", &recorded, "--node", &node.http]);
    live_at(&third.client(), head).await;
    check(&node, &third);

    let mut length = [0; 4];
    upstream.read_exact(&mut length).expect("a frame comes");
    let mut frame = length.to_vec();
    frame.resize(4 + u32::from_le_bytes(length) as usize, 0);
    upstream.read_exact(&mut frame[4..]).expect("the frame is whole");
    let message = decode_upstream(&frame).expect("it is upstream's").map(|(message, _)| message);
    let is_known =
        matches!(message, Some(UpstreamMessage::Ping | UpstreamMessage::BeginBlock { .. }));
    assert!(is_known, "{message:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_chains_are_followed_side_by_side() {
    let Some(peers) = Peers::find() else { return };
    let folder = folder();
    let node = Node::start(&["--ephemeral"]);
    trade(&node, peers.root());
    let (_anvil, other) = peers.anvil(&[]);
    let chain = node.client();
    let listed = chain.call("weir_listPools", rpc_params![]).await;
    let rows: Vec<Value> = listed.as_array().expect("pools").iter().map(row).collect();
    let list = |name: &str, chain_id: u64, rows: &[Value]| {
        let path = folder.path().join(name);
        let document = json!({"chain_id": chain_id, "pools": rows});
        std::fs::write(&path, document.to_string()).expect("the list can be written");
        path.to_str().expect("the path is text").to_owned()
    };
    // What is no pool on the other chain is refused there, and the pools of this one are followed.
    let (here, there) = (list("here.json", 61_972, &rows), list("there.json", 31_337, &rows[..1]));
    let ws = node.ready["ws"].as_str().expect("an address");
    let daemon = Daemon::start(&[
        "--source",
        ws,
        "--source",
        &other,
        "--whitelist",
        &here,
        "--whitelist",
        &there,
    ]);
    let pools = daemon.client();
    assert_eq!(pools.call("weir_chains", rpc_params![]).await, json!([31_337, 61_972]));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let gate = pools.call("weir_gate", rpc_params![61_972]).await;
        if gate["state"] == "live" && gate["livePools"] == json!(rows.len()) {
            break;
        }
        assert!(Instant::now() < deadline, "{gate}");
    }
    let error = pools.refused("weir_gate", rpc_params![]).await;
    assert!(error.contains("several chains"), "{error}");
    check(&node, &daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_over_nats_says_what_is_followed() {
    let Some(peers) = Peers::find() else { return };
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder();
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
    hears_lists(&daemon.metrics).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_node_takes_its_list_over_nats() {
    let Some(peers) = Peers::find() else { return };
    let Some(nats) = NatsServer::start() else { return };
    let folder = folder();
    let url = format!("{}#61972", nats.url());
    let node = Node::start(&["--ephemeral", "--whitelist", &url]);
    hears_lists(node.ready["metrics"].as_str().expect("an address")).await;
    trade(&node, peers.root());
    let chain = node.client();
    // Behind its barrier the engine follows nothing and says why.
    let gate = chain.call("weir_gate", rpc_params![]).await;
    assert_eq!((&gate["state"], &gate["livePools"]), (&json!("resyncing"), &json!(0)), "{gate}");

    // Discovery by a follower of the same node says what there is.
    let ws = node.ready["ws"].as_str().expect("an address");
    let daemon = Daemon::start(&["--source", ws]);
    live_at(&daemon.client(), chain.head().await).await;
    let found = daemon.client().call("weir_listPools", rpc_params![]).await;
    let found = found.as_array().expect("pools");
    let (first, later) = found.split_at(3);
    let list = folder.path().join("pools.json");
    let publish = |kind: &str, document: Value| {
        std::fs::write(&list, document.to_string()).expect("the list can be written");
        let mut command = weir();
        command.args(["whitelist", "publish"]).arg(&list);
        succeeds(command.args(["--nats", &url, "--kind", kind, "--wait", "1"]))
    };

    let rows: Vec<Value> = first.iter().map(row).collect();
    let published = publish("full", json!({"chain_id": 61_972, "pools": rows}));
    assert!(published.contains("hydrated=3 rejected=0"), "{published}");
    live_at(&chain, chain.head().await).await;
    check_own(&node, 3);

    // The oldest form: names and protocols, and what they are is read from the chain.
    let names: Vec<&Value> = later.iter().map(|pool| &pool["id"]).collect();
    let protocols: Vec<&Value> = later.iter().map(|pool| &pool["protocol"]).collect();
    assert!(protocols.iter().any(|protocol| *protocol == "v4"), "{protocols:?}");
    let minimal = json!({"chain_id": 61_972, "pools": names, "protocols": protocols});
    let published = publish("add", minimal);
    let expected = format!("hydrated={} rejected=0", later.len());
    assert!(published.contains(&expected), "{published}");
    trade(&node, peers.root());
    for depth in [1, 2] {
        chain.call("weir_devReorg", rpc_params![depth]).await;
        chain.next_block().await;
    }
    live_at(&chain, chain.head().await).await;
    check_own(&node, found.len());

    // The feed says what may be traded on, to those who ask.
    let feed = PathBuf::from(node.ready["feed"].as_str().expect("a path"));
    let options = ConsumerOptions { gates: true, ..ConsumerOptions::at(feed) };
    let mut consumer = FeedConsumer::connect(options).await.expect("the feed is served");
    let overall = loop {
        match consumer.next().await.expect("the feed goes on") {
            FeedEvent::Gate(gate) if gate.pool.is_none() => break gate.state,
            _ => {}
        }
    };
    assert_eq!(overall, GateState::LIVE);

    // What is no pool is told so, with the reason.
    let token = &found[0]["token0"];
    let wrong = json!({"chain_id": 61_972, "pools": [token], "protocols": ["v3"]});
    let published = publish("add", wrong);
    assert!(published.contains("added=0") && published.contains("rejected=1"), "{published}");

    let gone = json!({"chain_id": 61_972, "type": "remove", "pool_addresses": names});
    let published = publish("remove", gone);
    assert!(published.contains(&format!("removed={}", later.len())), "{published}");
    live_at(&chain, chain.head().await).await;
    check_own(&node, 3);
}

/// Compares a node's pools with its own contracts.
fn check_own(node: &Node, pools: usize) {
    let report = succeeds(weir().args(["pools", "check", "--rpc", &node.http]));
    assert!(report.contains(&format!("compared {pools} pools")), "{report}");
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

/// Waits until a pool is seen in the open block, and answers it.
async fn open_pool(pools: &Client, ids: &[String]) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for id in ids {
            let pool = pools.call("weir_getPool", rpc_params![id, "pending"]).await;
            if pool["blockHash"].is_null() {
                return pool;
            }
        }
        assert!(Instant::now() < deadline, "no pool was seen in an open block");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_follow_the_open_block_step_by_step() {
    let Some(peers) = Peers::find() else { return };
    let node = Node::start(&["--ephemeral"]);
    trade(&node, peers.root());
    let feed = node.ready["feed"].as_str().expect("a path");
    let daemon = Daemon::start(&["--source", &format!("unix:{feed}"), "--node", &node.http]);
    let (chain, pools) = (node.client(), daemon.client());
    live_at(&pools, chain.head().await).await;
    let listed = pools.call("weir_listPools", rpc_params![]).await;
    let ids: Vec<String> = listed
        .as_array()
        .expect("pools")
        .iter()
        .filter_map(|pool| pool["id"].as_str().map(str::to_owned))
        .collect();

    let tail = Child::start(weir().args(["feed", "tail", "--json", "--socket", feed]));
    let mut load = weir();
    load.args(["load", "--rpc", &node.http, "--scenario", "mixed", "--duration", "3s"]);
    load.args(["--accounts", "8", "--rate", "60", "--json", "--artifacts"]).arg(peers.root());
    let load = tokio::task::spawn_blocking(move || succeeds(&mut load));
    for client in [&chain, &pools] {
        let open = open_pool(client, &ids).await;
        assert_eq!(open["status"], "live", "{open}");
        assert!(open["blockNumber"].as_u64() > Some(0), "{open}");
    }
    let mut seen = (false, false);
    while seen != (true, true) {
        let line: Value = serde_json::from_str(&tail.line(PATIENCE)).expect("a line of JSON");
        match line["type"].as_str() {
            Some("step") if line["updates"].as_array().is_some_and(|it| !it.is_empty()) => {
                seen.0 = true;
            }
            // The block that supersedes the steps.
            Some("block") => seen.1 = seen.0,
            _ => {}
        }
    }
    load.await.expect("the load runs");
    chain.next_block().await;
    live_at(&pools, chain.head().await).await;
    check(&node, &daemon);
}
