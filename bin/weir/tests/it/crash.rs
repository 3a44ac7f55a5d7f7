//! What is acknowledged survives `kill -9`.

use crate::node::Node;
use alloy_primitives::B256;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Kills, each at another point of the block under way.
const ROUNDS: u64 = 6;
/// Transactions acknowledged before each kill.
const TRANSACTIONS_PER_ROUND: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_transaction_is_lost_or_executed_twice() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let mut acknowledged: Vec<B256> = Vec::new();
    let mut heads: BTreeMap<u64, B256> = BTreeMap::new();
    for round in 0..ROUNDS {
        let mut node = Node::on(datadir.path(), &[]);
        let client = node.client();
        for (number, hash) in &heads {
            assert_eq!(client.block_hash(*number).await, Some(*hash), "block {number}");
        }
        // Sealing happens at any point of this run; half of the rounds also wait for a block first.
        if round % 2 == 1 {
            client.next_block().await;
        }
        for _ in 0..TRANSACTIONS_PER_ROUND {
            acknowledged.push(client.transfer(acknowledged.len() as u64).await);
        }
        let head = client.head().await;
        heads.insert(head, client.block_hash(head).await.expect("the head is there"));
        node.child.kill();
    }
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let mut blocks: Vec<u64> = Vec::new();
    for hash in &acknowledged {
        blocks.push(client.included(*hash).await);
    }
    assert!(blocks.is_sorted(), "one sender's transactions are in the order of nonces");
    assert_eq!(client.nonce().await, acknowledged.len() as u64, "each is executed once");
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
