//! Metrics, health, and the demonstration as users see them.

use crate::node::{Node, weir};
use jsonrpsee::rpc_params;
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
};
use tempfile::TempDir;
use weir_testkit::Peers;

pub(crate) fn get(url: &str) -> String {
    let rest = url.strip_prefix("http://").expect("a plain URL");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_clean_and_count() {
    let node = Node::start(&["--ephemeral"]);
    let client = node.client();
    let hash = client.transfer(0).await;
    client.included(hash).await;
    let url = node.ready["metrics"].as_str().expect("an address").to_owned();
    let answer = get(&url);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a header and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(body.contains("weir_chain_transactions_total 1\n"), "{body}");
    assert!(body.contains("\nweir_store_bytes "), "{body}");
    assert!(body.contains("\nweir_store_log_bytes 0\n"), "{body}");
    let check = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn();
    let Ok(mut check) = check else {
        println!("skipped: no promtool");
        return;
    };
    check.stdin.take().expect("piped").write_all(body.as_bytes()).expect("promtool reads");
    assert!(check.wait().expect("promtool ends").success(), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_of_the_chain_are_told() {
    let node = Node::start(&["--ephemeral"]);
    let config = node.client().call("eth_config", rpc_params![]).await;
    let current = &config["current"];
    assert_eq!(current["chainId"], format!("{:#x}", 61_972), "{config}");
    assert_eq!(current["activationTime"], 0, "{config}");
    assert!(
        current["precompiles"]["P256VERIFY"].is_string(),
        "the chain begins with Osaka: {config}"
    );
    assert!(current["systemContracts"]["HISTORY_STORAGE_ADDRESS"].is_string(), "{config}");
    assert!(config["next"].is_null() && config["last"].is_null(), "{config}");
}

#[test]
fn health_is_answered() {
    let node = Node::start(&["--ephemeral"]);
    for path in ["/health/live", "/health/ready"] {
        let answer = get(&format!("{}{path}", node.http));
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
}

#[test]
fn the_demonstration_ends_by_itself_with_equal_pools() {
    let Some(peers) = Peers::find() else { return };
    let datadir = TempDir::new().expect("a temporary folder can be made");
    for run in 0..2 {
        let mut command = weir();
        command.args(["demo", "--duration", "15s", "--http-port", "0", "--metrics-port", "0"]);
        command.args(["--log-filter", "warn", "--artifacts"]).arg(peers.root());
        command.arg("--datadir").arg(datadir.path());
        let output = command.output().expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "run {run}: {text}\n{errors}");
        assert!(text.contains("mismatches 0"), "run {run}: {text}");
    }
}
