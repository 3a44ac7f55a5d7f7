//! What becomes of the transactions, how many blocks take the place, and what is refused.

use super::node::{HISTORY, Node, memory};
use crate::{
    ReorgError,
    batching::{BatchConfig, Collector, Outbox},
    sequencing::sealed_header,
};
use std::time::Duration;
use weir_primitives::{ChainUpdate, TransactionStatus};
use weir_rpc::{ReorgRequest, ReorgTransactions};
use weir_txpool::Placement;

#[test]
fn returned_transactions_are_pending_and_come_again() {
    let mut node = Node::open(memory(), HISTORY);
    let hashes = [node.store(0, 1, 5), node.store(0, 2, 6), node.store(1, 3, 7)];
    node.seal();
    let late = node.store(0, 4, 8);
    node.seal();
    let outcome = node.reorg(2, Some(2), ReorgTransactions::Return);
    assert_eq!((outcome.replayed, outcome.returned), (0, 4));
    assert!(node.blocks()[1..].iter().all(|block| block.receipts.is_empty()));
    node.check();
    for hash in hashes.iter().chain([&late]) {
        assert_eq!(node.status(hash), Some(TransactionStatus::Pending));
    }
    let block = node.seal();
    assert_eq!(block.receipts.len(), 4);
    assert!(hashes.iter().all(|hash| node.is_included(hash)));
    node.check();
}

#[test]
fn dropped_transactions_are_gone_and_their_nonces_free() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(3);
    let hash = node.store(0, 1, 5);
    node.seal();
    let outcome = node.reorg(1, Some(1), ReorgTransactions::Drop);
    assert_eq!(outcome.dropped, [hash]);
    assert!(matches!(node.status(&hash), Some(TransactionStatus::Dropped { .. })));
    assert!(node.pool.lock().is_empty());
    assert_eq!(node.store(0, 1, 5), hash, "the same nonce is free again");
    node.seal();
    assert!(node.is_included(&hash));
    node.check();
}

#[test]
fn reverted_blocks_are_not_replaced() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(7);
    let before = node.blocks();
    let mut updates = node.chain.subscribe();
    let head = node.chain.watch_head();
    let outcome = node.reorg(3, None, ReorgTransactions::Return);
    assert_eq!((outcome.new, node.head()), (Vec::new(), 4));
    assert_eq!(*head.borrow(), before[4].reference());
    let update = updates.try_recv().unwrap();
    let ChainUpdate::Reverted(old) = &*update else { panic!("{update:?}") };
    assert!(
        old.blocks().map(|block| block.block.hash()).eq(before[5..].iter().map(|b| b.block.hash()))
    );
    node.check();
    let sent: usize = before[5..].iter().map(|block| block.receipts.len()).sum();
    assert_eq!(node.seal().receipts.len(), sent, "all come again");
    node.check();
}

#[test]
fn more_and_fewer_blocks_hold_the_same_transactions_in_order() {
    for new_blocks in [1, 2, 9, 20] {
        let mut node = Node::open(memory(), HISTORY);
        node.grow(12);
        let all = |node: &Node| -> Vec<_> {
            let blocks = node.blocks();
            let hashes = blocks.iter().flat_map(|block| block.block.transactions());
            hashes.map(|transaction| *transaction.tx_hash()).collect()
        };
        let before = all(&node);
        let outcome = node.reorg(9, Some(new_blocks), ReorgTransactions::Replay);
        assert_eq!((outcome.returned, outcome.dropped.len()), (0, 0));
        assert_eq!(node.head(), 3 + new_blocks);
        assert_eq!(all(&node), before);
        node.check();
        node.grow(2);
        node.check();
    }
}

#[test]
fn what_the_open_block_had_taken_goes_back_and_is_sealed_later() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(5);
    let hash = node.store(0, 1, 9);
    let view = node.chain.view();
    let attributes = node.driver.attributes(&sealed_header(view.head()));
    let mut builder = node.driver.open(&view, attributes).unwrap();
    node.driver.step(&mut builder, Duration::MAX).unwrap();
    assert!(node.pool.lock().is_in_flight(&hash));
    node.reorg(3, Some(3), ReorgTransactions::Replay);
    assert!(!node.pool.lock().is_in_flight(&hash));
    assert_eq!(node.pool.lock().placement(&hash), Some(Placement::Pending));
    drop(builder);
    node.seal();
    assert!(node.is_included(&hash));
    node.check();
}

#[test]
fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let mut node = Node::open(memory(), 8);
    node.grow(20);
    let before = node.chain.view().head().reference();
    let mut ask = |depth, new_blocks| {
        let transactions = ReorgTransactions::Replay;
        node.try_reorg(ReorgRequest { depth, new_blocks, transactions }).unwrap().unwrap_err()
    };
    assert!(matches!(ask(0, Some(1)), ReorgError::DepthZero));
    assert!(matches!(ask(9, Some(9)), ReorgError::TooDeep { depth: 9, available: 8 }));
    let error = ask(21, Some(21));
    assert!(matches!(error, ReorgError::Settled { depth: 21, available: 8, newest: 0 }), "{error}");
    assert!(matches!(ask(1, Some(0)), ReorgError::NewBlocks { blocks: 0, .. }));
    assert!(matches!(ask(1, Some(1_025)), ReorgError::NewBlocks { blocks: 1_025, .. }));
    assert!(matches!(ask(u64::MAX, None), ReorgError::Settled { .. }));
    assert_eq!(node.chain.view().head().reference(), before);
    node.check();
    node.reorg(8, Some(8), ReorgTransactions::Replay);
    node.check();
}

#[test]
fn batched_blocks_stay_and_open_batches_follow_the_chain() {
    let mut node = Node::open(memory(), HISTORY);
    let store = || node.chain.store().clone();
    let config = BatchConfig { batch_age_max: Duration::from_secs(10), ..BatchConfig::default() };
    let mut outbox = Outbox::load(store()).unwrap();
    outbox.guard(node.chain.reorg_lock().clone());
    let mut collector = Collector::new(store(), &config, 1, None).unwrap();
    node.grow(6);
    assert!(collector.collect(0).unwrap().is_none(), "the batch is open");
    node.reorg(4, Some(5), ReorgTransactions::Replay);
    assert!(collector.collect(1).unwrap().is_none(), "it begins anew");
    node.reorg(3, None, ReorgTransactions::Return);
    assert!(collector.collect(2).unwrap().is_none(), "it is shorter");
    // Closed for its age, it is decoded and compared with the blocks of now.
    let closed = collector.collect(20_000).unwrap().expect("it is due");
    assert_eq!((closed.channel.first_block(), closed.channel.last_block()), (1, 4));
    node.reorg(1, Some(1), ReorgTransactions::Replay);
    let is_pushed = outbox.push(&closed.channel, closed.payloads).unwrap();
    assert!(!is_pushed, "a block of it has left the chain");

    let mut collector = Collector::new(node.chain.store().clone(), &config, 1, None).unwrap();
    assert!(collector.collect(0).unwrap().is_none());
    let closed = collector.collect(20_000).unwrap().expect("it is due");
    assert!(outbox.push(&closed.channel, closed.payloads).unwrap());
    node.grow(3);
    let transactions = ReorgTransactions::Replay;
    let request = ReorgRequest { depth: 4, new_blocks: Some(4), transactions };
    let refused = node.try_reorg(request).unwrap().unwrap_err();
    let expected = matches!(refused, ReorgError::Settled { depth: 4, available: 3, newest: 4 });
    assert!(expected, "{refused}");
    node.reorg(3, Some(3), ReorgTransactions::Replay);
    assert!(collector.collect(20_001).unwrap().is_none(), "the next batch goes on after it");
    node.check();
}
