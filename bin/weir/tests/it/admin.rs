//! An operator at a running node.

use crate::node::{DEV_KEY, Node, weir};
use alloy_primitives::{Address, B256};
use jsonrpsee::rpc_params;
use serde_json::{Value, json};
use std::{path::Path, process::Output};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A node with an admin address, and the options that `weir admin` needs for it.
pub(crate) struct Operated {
    pub(crate) node: Node,
    url: String,
    jwt: String,
    caller: &'static str,
}

impl Operated {
    pub(crate) fn on(datadir: &Path, arguments: &[&str]) -> Self {
        let jwt = datadir.join("admin.jwt").to_str().expect("the path is text").to_owned();
        let admin = ["--admin-port", "0", "--admin-jwt", &jwt];
        let node = Node::on(datadir, &[&admin, arguments].concat());
        let url = node.ready["admin"].as_str().expect("an address").to_owned();
        Self { node, url, jwt, caller: "cli" }
    }

    /// Acts in another name from now on.
    fn named(self, caller: &'static str) -> Self {
        Self { caller, ..self }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = weir();
        command.args(["admin", "--url", &self.url, "--jwt", &self.jwt, "--as", self.caller]);
        command.args(arguments);
        command.output().expect("the program runs")
    }

    /// Runs `weir admin` and returns what it prints.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {words}");
        serde_json::from_slice(&output.stdout).expect("the answer is JSON")
    }

    /// What Prometheus would read.
    async fn metrics(&self) -> String {
        let url = self.node.ready["metrics"].as_str().expect("an address");
        get(url.trim_start_matches("http://")).await
    }

    /// What `weir health` says, and its exit code.
    fn health(&self) -> (String, Option<i32>) {
        let output = weir().args(["health", "--url", &self.node.http]).output();
        let output = output.expect("the program runs");
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
    }
}

/// Gets a page of an authority with a path.
async fn get(page: &str) -> String {
    let (authority, path) = page.split_once('/').expect("a page has a path");
    let mut stream = TcpStream::connect(authority).await.expect("the server listens");
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("the server answers");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_halted_stays_so_over_a_restart() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let operated = Operated::on(datadir.path(), &[]);
    let client = operated.node.client();
    assert_eq!(operated.health(), ("ready\n".to_owned(), Some(0)));
    operated.admin(&["halt", "ingress", "--reason", "flood of spam"]);
    let raw = client.raw_transfer(0, 10_000_000_000, 1);
    let words = client.refused("eth_sendRawTransaction", rpc_params![&raw]).await;
    assert!(words.contains("-32010") && words.contains("flood of spam"), "{words}");
    let (words, code) = operated.health();
    assert_eq!((words.contains("flood of spam"), code), (true, Some(1)), "{words}");
    operated.admin(&["halt", "sealing", "--reason", "upgrade"]);
    let mut operated = operated;
    operated.node.child.kill();
    let operated = Operated::on(datadir.path(), &[]).named("alice");
    let client = operated.node.client();
    let gauge = "weir_halted{scope=\"ingress\"} 1";
    assert!(operated.metrics().await.contains(gauge), "also after a restart");
    let page = format!("{}/health/ready", operated.url.trim_start_matches("http://"));
    assert!(get(&page).await.contains("flood of spam"), "the operator's address knows it, too");
    let status = operated.admin(&["status"]);
    let scopes: Vec<&Value> =
        status["halts"].as_array().expect("a list").iter().map(|halt| &halt["scope"]).collect();
    assert_eq!(scopes, ["ingress", "sealing"]);
    assert_eq!(status["halts"][0]["by"], "cli@127.0.0.1");
    assert_eq!(operated.admin(&["resume", "ingress"]), json!(true));
    // Transactions are taken, and no block comes until sealing goes on.
    let hash = client.transfer(0).await;
    let head = client.head().await;
    assert_eq!(status["headNumber"], head);
    assert_eq!(operated.admin(&["resume", "sealing"]), json!(true));
    client.included(hash).await;
    assert_eq!(operated.admin(&["resume", "sealing"]), json!(false));
    let audit = std::fs::read_to_string(datadir.path().join("operator/audit.jsonl"));
    let audit = audit.expect("the audit log is there");
    let acts: Vec<[String; 2]> = audit
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
        .map(|line| ["caller", "method"].map(|key| line[key].as_str().expect("text").to_owned()))
        .collect();
    let (cli, alice) = ("cli@127.0.0.1", "alice@127.0.0.1");
    let resumed = [alice, "resume"];
    assert_eq!(acts, [[cli, "halt"], [cli, "halt"], resumed, resumed, resumed]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_drops_transactions_and_says_what_is_logged() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let operated = Operated::on(datadir.path(), &[]);
    let client = operated.node.client();
    // Nonces ahead wait in the pool.
    let waiting = [client.transfer(7).await, client.transfer(8).await, client.transfer(9).await];
    let hash = waiting[0].to_string();
    assert_eq!(operated.admin(&["drop-transaction", &hash]), json!(true));
    assert_eq!(operated.admin(&["drop-transaction", &hash]), json!(false));
    let status = client.call("weir_transactionStatus", rpc_params![waiting[0]]).await;
    assert_eq!(
        (&status["status"], &status["code"]),
        (&json!("dropped"), &json!("removed")),
        "{status}"
    );
    let sender = client.signer.address().to_string();
    let dropped = operated.admin(&["drop-sender", &sender]);
    let mut dropped: Vec<B256> = serde_json::from_value(dropped).expect("hashes");
    dropped.sort_unstable();
    let mut expected = waiting[1..].to_vec();
    expected.sort_unstable();
    assert_eq!(dropped, expected);
    assert_eq!(operated.admin(&["log-filter", "warn,weir_sequencer=debug"]), json!(true));
    let refused = operated.run(&["log-filter", "weir=loud"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(operated.admin(&["compact-journal"]).is_u64());
    let refused = operated.run(&["halt", "everything", "--reason", "x"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("everything"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_holder_of_the_secret_is_served_and_only_there() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let operated = Operated::on(datadir.path(), &[]);
    let other = datadir.path().join("other.jwt");
    std::fs::write(&other, "22".repeat(32)).expect("the file is written");
    let other = other.to_str().expect("the path is text");
    let output = weir().args(["admin", "--url", &operated.url, "--jwt", other, "status"]).output();
    let output = output.expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("401"), "{output:?}");
    let words = operated.node.client().refused("weir_adminStatus", rpc_params![]).await;
    assert!(words.contains("no admin methods"), "{words}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&operated.jwt).expect("it was made").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_puts_the_pool_into_blocks_and_hands_over() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let operated = Operated::on(datadir.path(), &[]);
    let client = operated.node.client();
    let mut sent = Vec::new();
    for nonce in 0..20 {
        sent.push(client.transfer(nonce).await);
    }
    let waiting = client.transfer(30).await;
    // Below any base fee: a stranger must not be able to hold up the end.
    let poor = client.raw_transfer(20, 1, 0);
    client.call("eth_sendRawTransaction", rpc_params![poor]).await;
    operated.admin(&["halt", "sealing", "--reason", "first things first"]);
    let refused = operated.run(&["drain"]);
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains("first things first"), "{words}");
    assert!(operated.metrics().await.contains("weir_halted{scope=\"sealing\"} 1"));
    operated.admin(&["resume", "sealing"]);
    operated.admin(&["drain"]);
    assert!(operated.node.child.wait().success(), "a drained node stops cleanly");
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    for hash in sent {
        let receipt = client.call("eth_getTransactionReceipt", rpc_params![hash]).await;
        assert!(receipt.is_object(), "{hash} was in a block when the node stopped");
    }
    let status = client.call("weir_transactionStatus", rpc_params![waiting]).await;
    assert_eq!(status["status"], "queued", "{status}");
    assert_ne!(client.signer.address(), Address::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_stops_at_its_last_block() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let node = Node::on(datadir.path(), &["--stop-at-block", "2"]);
    assert!(node.child.wait().success());
    let folder = datadir.path().to_str().expect("the path is text");
    let check = weir().args(["db", "check", "--datadir", folder]).output().expect("it runs");
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(check.status.success() && text.starts_with("head: number=2 "), "{text}");
    let follower = ["node", "--role", "follower", "--datadir", folder, "--stop-at-block", "3"];
    let output = weir().args(follower).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_second_signal_aborts() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let node = Node::on(datadir.path(), &[]);
    // Stopped, it gets both at once when it goes on.
    node.child.signal("STOP");
    node.child.signal("TERM");
    node.child.signal("INT");
    node.child.signal("CONT");
    let code = node.child.wait().code().expect("it ends by itself");
    assert!([128 + 2, 128 + 15].contains(&code), "{code}");
}

#[test]
fn keys_are_kept_encrypted_and_never_shown() {
    let dir = TempDir::new().expect("a temporary folder can be made");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("the file is written");
        path.to_str().expect("the path is text").to_owned()
    };
    let (key, old, new) = (file("key", DEV_KEY), file("old", "one\n"), file("new", "two\n"));
    let keys = dir.path().join("keys");
    let keys = keys.to_str().expect("the path is text");
    let run = |arguments: &[&str]| {
        let output = weir().arg("key").args(arguments).output().expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&text).contains(&DEV_KEY[..16]), "no secret is shown");
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    };
    let (code, text) = run(&["import", "--from", &key, "--dir", keys, "--password", &old]);
    assert_eq!(code, Some(0), "{text}");
    let imported: Value = serde_json::from_str(&text).expect("a line is JSON");
    assert_eq!(imported["address"], "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    let path = imported["path"].as_str().expect("a path");
    assert_eq!(run(&["new", "--dir", keys, "--password", &old]).0, Some(0));
    let (code, text) = run(&["list", keys]);
    assert_eq!((code, text.lines().count()), (Some(0), 2), "{text}");
    assert!(text.contains("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"), "{text}");
    let rotate = ["rotate", path, "--password", &old, "--new-password", &new];
    assert_eq!(run(&rotate).0, Some(0));
    assert_eq!(run(&rotate).0, Some(1), "the old password is no longer good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_node_is_not_ready_and_takes_nothing() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    // It seals in half a minute, and is looked at before.
    let operated = Operated::on(datadir.path(), &["--block-time", "30s"]);
    let client = operated.node.client();
    client.transfer(0).await;
    assert_eq!(operated.health().1, Some(0));
    operated.admin(&["drain"]);
    let page = format!("{}/health/ready", operated.url.trim_start_matches("http://"));
    let ready = get(&page).await;
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("draining"), "{ready}");
    let (words, code) = operated.health();
    assert_eq!((words.contains("draining"), code), (true, Some(1)), "{words}");
    assert!(get(&page.replace("ready", "live")).await.starts_with("HTTP/1.1 200"));
    let raw = client.raw_transfer(1, 10_000_000_000, 1);
    let words = client.refused("eth_sendRawTransaction", rpc_params![&raw]).await;
    assert!(words.contains("-32010") && words.contains("draining"), "{words}");
    assert_eq!(operated.admin(&["status"])["isDraining"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_read_and_replaced_while_the_node_runs() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let path = folder.path().join("limits.toml");
    let write = |text: &str| std::fs::write(&path, text).expect("the file is written");
    let key = "0123456789abcdef";
    write("address = { per-second = 1000, burst = 2000 }");
    let file = path.to_str().expect("the path is text");
    let operated = Operated::on(&folder.path().join("node"), &["--limits", file]);
    let client = operated.node.client();
    assert_eq!(operated.admin(&["limits"])["address"]["burst"], 2_000);
    // By hand: for as long as the node runs.
    write(&format!(
        "[methods]\nnet_version = {{ per-second = 1, burst = 1 }}\n[keys.a]\nkey = \"{key}\""
    ));
    assert_eq!(operated.admin(&["limits", "--set", file]), json!(true));
    let limits = operated.admin(&["limits"]);
    assert_eq!((&limits["address"], limits["keys"]["a"].is_object()), (&Value::Null, true));
    client.call("net_version", rpc_params![]).await;
    let words = client.refused("net_version", rpc_params![]).await;
    assert!(words.contains("-32005") && words.contains("limit=method"), "{words}");
    write("adress = 1");
    let refused = operated.run(&["limits", "--set", file]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("adress"), "{refused:?}");
    assert_eq!(operated.admin(&["limits"]), limits, "what is not valid changes nothing");
    // By the file: SIGHUP reads it again.
    operated.node.child.signal("HUP");
    write("sender = { per-second = 3, burst = 7 }");
    operated.node.child.signal("HUP");
    let deadline = std::time::Instant::now() + crate::node::PATIENCE;
    while operated.admin(&["limits"])["sender"]["burst"] != 7 {
        assert!(std::time::Instant::now() < deadline, "the limits are not read again");
        client.next_block().await;
    }
    client.call("net_version", rpc_params![]).await;
    client.call("net_version", rpc_params![]).await;
    let audit = folder.path().join("node/operator/audit.jsonl");
    let audit = std::fs::read_to_string(audit).expect("the audit log is there");
    assert_eq!(audit.matches("setLimits").count(), 2, "{audit}");
    assert!(!audit.contains(key), "an API key is in the audit log");
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_posted_again_when_batching_goes_on() {
    let Some(peers) = weir_testkit::Peers::find() else { return };
    let (_anvil, l1) = peers.anvil(&["--block-time", "1"]);
    let folder = TempDir::new().expect("a temporary folder can be made");
    let key = folder.path().join("l1.key");
    // anvil's second account.
    let secret = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
    std::fs::write(&key, secret).expect("the key is written");
    let key = key.to_str().expect("the path is text");
    let datadir = folder.path().join("node");
    let arguments = ["--l1", &l1, "--l1-key", key, "--l1-batch-max-age", "1s"];
    let operated = Operated::on(&datadir, &arguments);
    operated.admin(&["halt", "batching", "--reason", "L1 is too dear"]);
    let client = operated.node.client();
    // What was being closed when it was halted is closed.
    client.next_block().await;
    client.next_block().await;
    let hash = client.transfer(0).await;
    let block = client.included(hash).await;
    let last = async || {
        let batches = client.call("weir_batches", rpc_params![]).await;
        let included = batches.as_array().expect("a list").iter();
        let included = included.filter(|batch| batch["l1Block"].is_u64());
        included.filter_map(|batch| batch["lastBlock"].as_u64()).max().unwrap_or(0)
    };
    while client.head().await < block + 4 {
        client.next_block().await;
    }
    assert!(last().await < block, "a batch was posted while batching was halted");
    assert_eq!(operated.admin(&["resume", "batching"]), json!(true));
    let deadline = std::time::Instant::now() + crate::node::PATIENCE;
    while last().await < block {
        assert!(std::time::Instant::now() < deadline, "blocks are not posted after the halt");
        client.next_block().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halted_search_refuses_opportunities_and_nothing_else() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let operated = Operated::on(datadir.path(), &[]);
    let client = operated.node.client();
    operated.admin(&["halt", "searching", "--reason", "deep reorg"]);
    let words = client.refused("weir_opportunities", rpc_params![]).await;
    assert!(words.contains("-32010") && words.contains("deep reorg"), "{words}");
    client.call("weir_listPools", rpc_params![]).await;
    assert_eq!(operated.health(), ("ready\n".to_owned(), Some(0)), "the node itself is ready");
    client.next_block().await;
    operated.admin(&["resume", "searching"]);
    let answer = client.try_call("weir_opportunities", rpc_params![]).await;
    assert!(!format!("{answer:?}").contains("halted"), "{answer:?}");
}
