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
}

impl Operated {
    pub(crate) fn on(datadir: &Path, arguments: &[&str]) -> Self {
        let jwt = datadir.join("admin.jwt").to_str().expect("the path is text").to_owned();
        let admin = ["--admin-port", "0", "--admin-jwt", &jwt];
        let node = Node::on(datadir, &[&admin, arguments].concat());
        let url = node.ready["admin"].as_str().expect("an address").to_owned();
        Self { node, url, jwt }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = weir();
        command.args(["admin", "--url", &self.url, "--jwt", &self.jwt]).args(arguments);
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
    let operated = Operated::on(datadir.path(), &[]);
    let client = operated.node.client();
    let gauge = "weir_halted{scope=\"ingress\"} 1";
    assert!(operated.metrics().await.contains(gauge), "also after a restart");
    let page = format!("{}/health/ready", operated.url.trim_start_matches("http://"));
    assert!(get(&page).await.contains("flood of spam"), "the operator's address knows it, too");
    let status = operated.admin(&["status"]);
    let scopes: Vec<&Value> =
        status["halts"].as_array().expect("a list").iter().map(|halt| &halt["scope"]).collect();
    assert_eq!(scopes, ["ingress", "sealing"]);
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
    let methods: Vec<String> = audit
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"))
        .map(|line| line["method"].as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(methods, ["halt", "halt", "resume", "resume", "resume"]);
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
