//! What is acknowledged survives `kill -9`.

use crate::node::{Client, Node, PATIENCE, quantity, weir};
use alloy_primitives::{Address, B256, keccak256};
use futures_util::FutureExt;
use jsonrpsee::{
    core::client::{Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use serde_json::Value;
use std::{
    collections::BTreeMap, ops::Range, os::unix::process::ExitStatusExt, path::Path, sync::Arc,
    time::Instant,
};
use tempfile::TempDir;
use tokio::task::JoinSet;
use weir_storage::CrashPoint;

/// Kills, unless `WEIR_CRASH_ROUNDS` says otherwise.
const ROUNDS: u64 = 12;
/// Transactions under way when a node is killed.
const TRANSACTIONS_PER_ROUND: u64 = 40;

/// How a process ends that calls `abort`.
pub(crate) const SIGABRT: i32 = 6;

/// A number below `bound` that is another one each round, and the same in each run.
fn spread(round: u64, bound: u64) -> u64 {
    round.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) % bound
}

/// Sends transactions at once, and kills the node when so many are acknowledged. Answers the nonces that are.
async fn send_and_kill(node: &mut Node, nonces: Range<u64>, kill_after: u64) -> Vec<u64> {
    let client = Arc::new(node.client());
    let mut sending = JoinSet::new();
    for nonce in nonces {
        let client = Arc::clone(&client);
        sending.spawn(async move {
            let raw = client.raw_transfer(nonce, 10_000_000_000, 1);
            let answer = client.try_call("eth_sendRawTransaction", rpc_params![raw]).await;
            (nonce, answer)
        });
    }
    let mut acknowledged = Vec::new();
    while let Some(sent) = sending.join_next().await {
        let (nonce, answer) = sent.expect("the task ends");
        match answer {
            Ok(_) => acknowledged.push(nonce),
            // It was durable although the answer was cut off with the node before.
            Err(words) if words.contains("already known") || words.contains("nonce too low") => {
                acknowledged.push(nonce);
            }
            Err(_) => {}
        }
        if acknowledged.len() as u64 >= kill_after {
            node.child.kill();
        }
    }
    node.child.kill();
    acknowledged
}

fn check_store(datadir: &Path) {
    let output = weir().args(["db", "check", "--datadir"]).arg(datadir).output();
    let output = output.expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.ends_with("\n0 findings\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_transaction_is_lost_or_executed_twice() {
    let rounds = std::env::var("WEIR_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok());
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let mut acknowledged: BTreeMap<u64, B256> = BTreeMap::new();
    let mut heads: BTreeMap<u64, B256> = BTreeMap::new();
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let mut node = Node::on(datadir.path(), &[]);
        let client = node.client();
        for (number, hash) in &heads {
            assert_eq!(client.block_hash(*number).await, Some(*hash), "block {number}");
        }
        for hash in acknowledged.values().rev().take(100) {
            let status = client.call("weir_transactionStatus", rpc_params![hash]).await;
            assert!(!status.is_null(), "{hash} has an answer");
        }
        // Some kills come while a block that holds earlier transactions is under way.
        if round % 3 == 2 {
            client.next_block().await;
        }
        let head = client.head().await;
        heads.insert(head, client.block_hash(head).await.expect("the head is there"));
        let first = (0..).find(|nonce| !acknowledged.contains_key(nonce)).expect("nonces go on");
        let nonces = first..first + TRANSACTIONS_PER_ROUND;
        let kill_after = 1 + spread(round, TRANSACTIONS_PER_ROUND);
        for nonce in send_and_kill(&mut node, nonces, kill_after).await {
            let raw = client.raw_transfer(nonce, 10_000_000_000, 1);
            acknowledged.insert(nonce, keccak256(raw));
        }
        check_store(datadir.path());
    }
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    // What was cut off leaves gaps, which the client fills.
    let last = *acknowledged.keys().next_back().expect("some were acknowledged");
    for nonce in (0..last).filter(|nonce| !acknowledged.contains_key(nonce)) {
        let raw = client.raw_transfer(nonce, 10_000_000_000, 1);
        let _known_already = client.try_call("eth_sendRawTransaction", rpc_params![raw]).await;
    }
    let mut blocks: Vec<u64> = Vec::new();
    for hash in acknowledged.values() {
        blocks.push(client.included(*hash).await);
    }
    assert!(blocks.is_sorted(), "one sender's transactions are in the order of nonces");
    // What was sent after the last and not acknowledged may be there, too.
    let executed = client.nonce().await;
    assert!((last + 1..=last + 1 + TRANSACTIONS_PER_ROUND).contains(&executed), "{executed}");
    // One wei each: none was executed twice.
    let recipient = Address::repeat_byte(0x77);
    let tag = format!("{:#x}", client.head().await);
    let sent = quantity(&client.call("eth_getBalance", rpc_params![recipient, &tag]).await);
    let sender = client.signer.address();
    let nonce = client.call("eth_getTransactionCount", rpc_params![sender, &tag]).await;
    assert_eq!(sent, quantity(&nonce));
}

/// What was told of open blocks over WebSocket: by the hash of the parent, the transactions by their index. What was told
/// while nobody listened is not in it.
#[derive(Debug, Default)]
struct Told {
    blocks: BTreeMap<B256, BTreeMap<u64, B256>>,
}

impl Told {
    /// Takes down a message of the subscription to steps.
    fn note(&mut self, step: &Value) {
        let read = |value: &Value| serde_json::from_value(value.clone()).expect("a hash");
        let parent: B256 = read(&step["parentHash"]);
        if step["retracted"] == true {
            self.blocks.remove(&parent);
            return;
        }
        let transactions = step["transactions"].as_array().expect("a list");
        let first = quantity(&step["firstTransactionIndex"]);
        let block = self.blocks.entry(parent).or_default();
        for (index, transaction) in (first..).zip(transactions) {
            let hash = read(&transaction["hash"]);
            let before = block.insert(index, hash);
            assert!(before.is_none_or(|before| before == hash), "told again, it is the same");
        }
    }

    /// What was told stands where it was told to stand. Answers how many transactions were compared.
    async fn check(&self, client: &Client) -> usize {
        let mut compared = 0;
        for (parent, told) in &self.blocks {
            let parent = client.call("eth_getBlockByHash", rpc_params![parent, false]).await;
            let number = format!("{:#x}", quantity(&parent["number"]) + 1);
            let child = client.call("eth_getBlockByNumber", rpc_params![number, false]).await;
            let sealed = child["transactions"].as_array().expect("a list of hashes");
            for (index, hash) in told {
                let sealed = usize::try_from(*index).ok().and_then(|index| sealed.get(index));
                let hash = hash.to_string();
                assert_eq!(sealed.and_then(Value::as_str), Some(hash.as_str()), "at {index}");
                compared += 1;
            }
        }
        compared
    }
}

/// Sends until the node dies by itself. Answers what was acknowledged, and takes down what is told.
async fn send_until_it_dies(node: &mut Node, first: u64, told: &mut Told) -> Vec<u64> {
    let url = node.ready["ws"].as_str().expect("an address").to_owned();
    let client = node.client();
    // Either may fail: the node may be dead.
    let socket = WsClientBuilder::default().build(&url).await.ok();
    let mut steps: Option<Subscription<Value>> = match &socket {
        Some(socket) => {
            let params = rpc_params!["steps"];
            socket.subscribe("weir_subscribe", params, "weir_unsubscribe").await.ok()
        }
        None => None,
    };
    let mut acknowledged = Vec::new();
    let mut nonce = first;
    let deadline = Instant::now() + PATIENCE;
    while !node.child.has_ended() {
        assert!(Instant::now() < deadline, "the crash point is passed in time");
        let raw = client.raw_transfer(nonce, 10_000_000_000, 1);
        match client.try_call("eth_sendRawTransaction", rpc_params![raw]).await {
            Ok(_) => acknowledged.push(nonce),
            // It was durable although the answer was cut off with the node before.
            Err(words) if words.contains("already known") || words.contains("nonce too low") => {
                acknowledged.push(nonce);
            }
            Err(_) => continue,
        }
        nonce += 1;
        while let Some(Some(Ok(event))) =
            steps.as_mut().and_then(|steps| steps.next().now_or_never())
        {
            told.note(&event);
        }
    }
    while let Some(Some(Ok(event))) = steps.as_mut().and_then(|steps| steps.next().now_or_never()) {
        told.note(&event);
    }
    acknowledged
}

/// The points that a node without L1 passes, each at a moment at which it is in use.
const POINTS: [(CrashPoint, u64); 15] = [
    (CrashPoint::JournalWrite, 30),
    (CrashPoint::JournalSync, 31),
    (CrashPoint::JournalAnswer, 32),
    // Every start rewrites the journal.
    (CrashPoint::JournalReplace, 1),
    (CrashPoint::JournalReplaced, 1),
    (CrashPoint::StepTell, 20),
    (CrashPoint::BlockStore, 2),
    (CrashPoint::BlockCommit, 2),
    (CrashPoint::BlockSync, 2),
    (CrashPoint::BlockShow, 2),
    (CrashPoint::BlockTell, 2),
    (CrashPoint::FlushCommit, 1),
    (CrashPoint::FlushShow, 1),
    (CrashPoint::StepTell, 1),
    (CrashPoint::JournalAnswer, 3),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_steps_hold_wherever_the_node_dies() {
    let untried =
        CrashPoint::ALL.iter().filter(|all| POINTS.iter().all(|(tried, _)| tried != *all));
    assert_eq!(untried.collect::<Vec<_>>(), [&CrashPoint::BatchSend, &CrashPoint::BatchSent]);
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let mut acknowledged: BTreeMap<u64, B256> = BTreeMap::new();
    let mut told = Told::default();
    for (point, time) in POINTS {
        let argument = format!("{point}:{time}");
        let mut node = match Node::try_on(datadir.path(), &["--crash-at", &argument]) {
            Ok(node) => node,
            Err(status) => {
                assert_eq!(status.signal(), Some(SIGABRT), "{point}: {status}");
                check_store(datadir.path());
                continue;
            }
        };
        let first = acknowledged.keys().next_back().map_or(0, |last| last + 1);
        let client = node.client();
        for nonce in send_until_it_dies(&mut node, first, &mut told).await {
            let raw = client.raw_transfer(nonce, 10_000_000_000, 1);
            acknowledged.insert(nonce, keccak256(raw));
        }
        let status = node.child.wait();
        assert_eq!(status.signal(), Some(SIGABRT), "{point}: {status}");
        check_store(datadir.path());
    }
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    for hash in acknowledged.values() {
        client.included(*hash).await;
    }
    assert!(told.check(&client).await > 100, "steps were told");
    // One wei each: none was executed twice.
    let tag = format!("{:#x}", client.head().await);
    let recipient = Address::repeat_byte(0x77);
    let sent = quantity(&client.call("eth_getBalance", rpc_params![recipient, &tag]).await);
    let sender = client.signer.address();
    let nonce = client.call("eth_getTransactionCount", rpc_params![sender, &tag]).await;
    assert_eq!(sent, quantity(&nonce));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_exits_with_zero_and_keeps_the_chain() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let hash = client.transfer(0).await;
    let block = client.included(hash).await;
    node.child.signal("TERM");
    assert!(node.child.wait().success(), "a first signal stops the node cleanly");
    let node = Node::on(datadir.path(), &[]);
    assert_eq!(node.client().included(hash).await, block);
}
