//! What is acknowledged survives `kill -9`.

use crate::node::{DEV_KEY, Node, included, next_block, transfer};
use alloy_primitives::B256;
use alloy_provider::Provider;
use alloy_signer_local::PrivateKeySigner;
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
            let block = client.get_block_by_number((*number).into()).await.expect("the node answers");
            assert_eq!(block.expect("the block is there").header.hash, *hash, "block {number}");
        }
        // Sealing happens at any point of this run; half of the rounds also wait for a block first.
        if round % 2 == 1 {
            next_block(&client).await;
        }
        for _ in 0..TRANSACTIONS_PER_ROUND {
            let request = transfer(acknowledged.len() as u64);
            let sent = client.send_transaction(request).await.expect("the node accepts");
            acknowledged.push(*sent.tx_hash());
        }
        let head = client.get_block_by_number(Default::default()).await.expect("the node answers");
        let head = head.expect("there is a head").header;
        heads.insert(head.number, head.hash);
        node.child.kill();
    }
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let last = *acknowledged.last().expect("some were sent");
    included(&client, last).await;
    let mut blocks: Vec<u64> = Vec::new();
    for hash in &acknowledged {
        blocks.push(included(&client, *hash).await);
    }
    assert!(blocks.is_sorted(), "one sender's transactions are in the order of nonces");
    let sender: PrivateKeySigner = DEV_KEY.parse().expect("the key is valid");
    let nonce = client.get_transaction_count(sender.address()).await.expect("the node answers");
    assert_eq!(nonce, acknowledged.len() as u64, "each is executed once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_exits_with_zero_and_keeps_the_chain() {
    let datadir = TempDir::new().expect("a temporary folder can be made");
    let node = Node::on(datadir.path(), &[]);
    let client = node.client();
    let sent = client.send_transaction(transfer(0)).await.expect("the node accepts");
    let block = included(&client, *sent.tx_hash()).await;
    node.child.signal("TERM");
    assert!(node.child.wait().success(), "a first signal stops the node cleanly");
    let node = Node::on(datadir.path(), &[]);
    assert_eq!(included(&node.client(), *sent.tx_hash()).await, block);
}
