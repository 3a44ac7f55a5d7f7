//! `clients/python/weir_feed.py` against a real producer and the golden vectors.

use crate::{common::EPOCH, history::CHAIN_ID, story::Story};
use serde_json::Value;
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use weir_feed::{FeedEvent, FeedServer, ServerOptions, event_to_json};
use weir_runtime::{Shutdown, ShutdownReason};

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../clients/python/weir_feed.py")
}

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/feed-v1.vectors")
}

/// Whether there is a Python to run it; says so if not.
async fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().await;
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: python3 is absent");
    }
    found
}

struct Client {
    _child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn start(socket: PathBuf, start: &str) -> Self {
        let mut child = Command::new("python3")
            .arg(script())
            .arg(socket)
            .args(["--start", start])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { _child: child, lines }
    }

    /// The next `count` events other than heartbeats, in lower case: addresses are.
    async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::new();
        while events.len() < count {
            let line = self.lines.next_line().await.unwrap().expect("client has ended");
            let event: Value = serde_json::from_str(&line.to_lowercase()).unwrap();
            if event["type"] != "heartbeat" {
                events.push(event);
            }
        }
        events
    }
}

/// The feed's own JSON, in lower case.
fn printed(events: &[FeedEvent]) -> Vec<Value> {
    let json = |event| serde_json::from_str(&event_to_json(event).to_string().to_lowercase());
    events.iter().map(|event| json(event).unwrap()).collect()
}

#[tokio::test]
async fn the_python_client_reads_the_golden_vectors() {
    if !has_python().await {
        return;
    }
    let output =
        Command::new("python3").arg(script()).arg(vectors()).arg("--vectors").output().await;
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let vectors = std::fs::read_to_string(vectors()).unwrap();
    let names = vectors.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(names.eq(read.iter().map(|record| record["name"].as_str().unwrap())));
    let swap = read.iter().find(|record| record["name"] == "update_v3_swap").unwrap();
    assert_eq!(swap["amount1"], "-996");
    assert_eq!(swap["tick"], -887_272);
}

#[tokio::test]
async fn the_python_client_prints_what_weir_prints_through_reorgs_and_restarts() {
    if !has_python().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.sock");
    let mut story = Story::new(21, EPOCH);
    let mut published = story.extend(25);
    published.extend(story.reorg(3, 4));
    let serve = |story: &Story| {
        let shutdown = Shutdown::new();
        let options = ServerOptions {
            heartbeat_interval: Duration::from_millis(20),
            ..ServerOptions::at(path.clone())
        };
        let server = FeedServer::bind(story.producer.clone(), options).unwrap();
        (tokio::spawn(server.run(shutdown.clone())), shutdown)
    };
    let (server, shutdown) = serve(&story);
    let mut client = Client::start(path.clone(), "oldest");
    let mut seen = client.take(published.len()).await;
    shutdown.trigger(ShutdownReason::Done);
    server.await.unwrap().unwrap();
    // The client is without a producer now, and resumes when it is back.
    published.extend(story.reorg(6, 2));
    published.extend(story.extend(3));
    let (server, shutdown) = serve(&story);
    seen.extend(client.take(published.len() - seen.len()).await);
    assert_eq!(seen, printed(&published));
    assert!(seen.iter().any(|event| event["type"] == "reverted"));
    shutdown.trigger(ShutdownReason::Done);
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_python_client_reads_snapshots_and_steps() {
    if !has_python().await {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.sock");
    let mut story = Story::new(3, EPOCH);
    story.extend(80);
    story.producer.offer_snapshot(story.arena.snapshot());
    story.step(2);
    story.step(0);
    let shutdown = Shutdown::new();
    let server = FeedServer::bind(story.producer.clone(), ServerOptions::at(path.clone())).unwrap();
    let server = tokio::spawn(server.run(shutdown.clone()));
    let mut client = Client::start(path, "snapshot");
    let events = client.take(3).await;
    assert_eq!(events[0]["type"], "snapshot");
    assert_eq!(events[0]["chainid"], CHAIN_ID);
    let pools = events[0]["pools"].as_array().unwrap();
    assert_eq!(pools.len(), story.arena.len() as usize);
    assert!(pools.iter().any(|pool| !pool["ticks"].as_array().unwrap().is_empty()));
    assert_eq!((&events[1]["type"], &events[1]["index"]), (&"step".into(), &0.into()));
    assert_eq!(events[1]["updates"].as_array().unwrap().len(), 2);
    assert_eq!((&events[2]["type"], &events[2]["index"]), (&"step".into(), &1.into()));
    story.producer.retract_steps().unwrap();
    let undone = client.take(1).await.remove(0);
    assert_eq!((&undone["type"], &undone["steps"]), (&"stepretracted".into(), &2.into()));
    story.extend(1);
    assert_eq!(client.take(1).await[0]["type"], "block");
    shutdown.trigger(ShutdownReason::Done);
    server.await.unwrap().unwrap();
}
