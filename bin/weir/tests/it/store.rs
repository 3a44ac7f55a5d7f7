//! What lies in the data folder, looked at while no node runs.

use crate::node::{Node, weir};
use alloy_primitives::{Bytes, keccak256};
use serde_json::Value;
use std::{fs::OpenOptions, io::Write, process::Output};
use tempfile::TempDir;

fn run(arguments: &[&str]) -> Output {
    weir().args(arguments).output().expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_checked_and_the_journal_is_read() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let folder = datadir.path().to_str().expect("the path is text");
    let mut node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let hash = client.transfer(0).await;
    client.included(hash).await;
    let busy = run(&["db", "check", "--datadir", folder]);
    assert_eq!(busy.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&busy.stderr).contains("in use"));
    // A nonce ahead waits, so it stays in the journal.
    let waiting = client.transfer(5).await;
    node.child.kill();
    let journal = datadir.path().join("journal");
    let file = journal.join("journal.log");
    let mut torn = OpenOptions::new().append(true).open(&file).expect("the journal is there");
    torn.write_all(&[1, 2, 3]).expect("the journal is written");
    let dump = run(&["journal", "dump", journal.to_str().expect("the path is text")]);
    assert!(dump.status.success());
    let lines: Vec<Value> = text(&dump)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    // An accepted transaction behind its sender and the length of its conditions, of which it has none.
    let hash_of = |line: &Value| {
        let payload: Bytes = serde_json::from_value(line["payload"].clone()).unwrap_or_default();
        payload.get(24..).map(keccak256)
    };
    for hash in [hash, waiting] {
        let is_there = |line: &Value| line["kind"] == 8 && hash_of(line) == Some(hash);
        assert!(lines.iter().any(is_there), "{hash}");
    }
    assert_eq!(lines.last().expect("lines")["tornBytes"], 3);
    let check = run(&["db", "check", "--datadir", folder]);
    assert!(check.status.success(), "{}", text(&check));
    assert!(text(&check).ends_with("0 findings\n"), "{}", text(&check));
    let nothing = TempDir::new().expect("a temporary folder can be made");
    let nothing = nothing.path().to_str().expect("the path is text");
    assert_eq!(run(&["db", "check", "--datadir", nothing]).status.code(), Some(1));
}
