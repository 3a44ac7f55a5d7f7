//! What becomes of transactions: told in order, and known after a restart.

use super::node::{HISTORY, Node, memory};
use alloy_primitives::{Address, B256};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::broadcast::Receiver;
use weir_primitives::{DropCode, StatusUpdate, TransactionStatus, result_hash};
use weir_rpc::ReorgTransactions;
use weir_storage::{Journal, JournalOptions, Store};

const TO: Address = Address::repeat_byte(0x42);

pub(super) fn names(updates: &mut Receiver<Arc<StatusUpdate>>, hash: &B256) -> Vec<&'static str> {
    let mut names = Vec::new();
    while let Ok(update) = updates.try_recv() {
        let own = update.events.iter().filter(|event| event.hash == *hash);
        names.extend(own.map(|event| match event.status {
            TransactionStatus::Received => "received",
            TransactionStatus::Pending => "pending",
            TransactionStatus::Parked { .. } => "parked",
            TransactionStatus::Queued { .. } => "queued",
            TransactionStatus::Preconfirmed { .. } => "preconfirmed",
            TransactionStatus::Included(_) => "included",
            TransactionStatus::Retracted { hash: None, .. } => "open block dropped",
            TransactionStatus::Retracted { .. } => "retracted",
            TransactionStatus::Replaced { .. } => "replaced",
            TransactionStatus::Dropped { .. } => "dropped",
            _ => "on L1",
        }));
    }
    names
}

/// Seals a block as the loop does: its steps are told first.
fn seal_by_steps(node: &mut Node) {
    let open = node.open_step();
    node.seal_open(open);
}

#[test]
fn each_change_is_told_once_and_in_order() {
    let mut node = Node::open(memory(), HISTORY);
    let follow = |node: &Node| node.chain.statuses().subscribe();
    let mut updates = follow(&node);
    let ahead = node.transfer_at(0, 1, 7);
    assert_eq!(names(&mut updates, &ahead), ["queued"]);
    assert_eq!(node.status(&ahead), Some(TransactionStatus::Queued { missing_nonce: 0 }));
    let first = node.transfer_at(0, 0, 7);
    let mut behind = follow(&node);
    assert_eq!(names(&mut updates, &ahead), ["pending"], "the gap is closed");
    seal_by_steps(&mut node);
    assert_eq!(names(&mut behind, &first), ["preconfirmed", "included"]);
    assert!(node.is_included(&first) && node.is_included(&ahead));
    let mut updates = follow(&node);
    node.reorg(1, None, ReorgTransactions::Return);
    assert_eq!(names(&mut updates, &first), ["retracted", "pending"]);
    seal_by_steps(&mut node);
    assert_eq!(names(&mut updates, &first), ["preconfirmed", "included"]);
    node.reorg(1, Some(1), ReorgTransactions::Drop);
    assert_eq!(names(&mut updates, &first), ["retracted", "dropped"]);
}

#[test]
fn the_open_block_answers_until_it_is_sealed_or_dropped() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(2);
    let hash = node.transfer(0, TO, 7);
    let mut updates = node.chain.statuses().subscribe();
    let open = node.open_step();
    let result = result_hash(&open.builder.open().receipts()[0]);
    let preconfirmed = TransactionStatus::Preconfirmed { block: 3, index: 0, result };
    assert_eq!(node.status(&hash), Some(preconfirmed));
    node.reorg(1, Some(1), ReorgTransactions::Replay);
    open.announcer.retract();
    assert_eq!(names(&mut updates, &hash), ["preconfirmed", "open block dropped", "pending"]);
    assert_eq!(node.status(&hash), Some(TransactionStatus::Pending));
}

#[test]
fn what_cannot_pay_the_base_fee_is_parked() {
    let node = Node::open(memory(), HISTORY);
    let base_fee = node.pool.lock().base_fee();
    let hash = node.transfer_with_fee(0, 0, u128::from(base_fee) - 1);
    assert_eq!(node.status(&hash), Some(TransactionStatus::Parked { base_fee }));
}

#[test]
fn what_is_preconfirmed_has_the_result_that_is_sealed() {
    let mut node = Node::open(memory(), HISTORY);
    for nonce in 0..3 {
        node.store(0, nonce, 7);
        node.transfer(1, TO, 1);
    }
    let mut updates = node.chain.statuses().subscribe();
    seal_by_steps(&mut node);
    let mut told = Vec::new();
    while let Ok(update) = updates.try_recv() {
        told.extend(update.events.iter().filter_map(|event| match event.status {
            TransactionStatus::Preconfirmed { index, result, .. } => {
                Some((event.hash, index, result))
            }
            _ => None,
        }));
    }
    let view = node.chain.view();
    let transactions = view.head().block.transactions().iter().zip(view.head().receipts.iter());
    let sealed: Vec<_> = transactions
        .zip(0..)
        .map(|((tx, receipt), index)| (*tx.tx_hash(), index, result_hash(receipt)))
        .collect();
    assert_eq!((told.len(), &told), (6, &sealed));
}

#[test]
fn who_crosses_the_base_fee_is_told_to_those_who_follow_all() {
    let mut node = Node::open(memory(), HISTORY);
    let mut updates = node.chain.statuses().subscribe();
    let base_fee = node.pool.lock().base_fee();
    let hash = node.transfer_with_fee(0, 0, u128::from(base_fee) - 1);
    assert_eq!(names(&mut updates, &hash), ["parked"]);
    // An empty block lowers the base fee.
    node.seal();
    assert_eq!(names(&mut updates, &hash), ["pending"]);
    node.seal();
    assert_eq!(names(&mut updates, &hash), ["included"]);
}

#[test]
fn what_can_no_longer_pay_leaves_the_pool_and_says_so() {
    let mut node = Node::open(memory(), HISTORY);
    node.accept(node.raw_ether(0, 0, node.address(1), 5_000));
    node.seal();
    // It waits for nonce 0, and costs more than the account had before that block.
    let costly = node.accept(node.raw_ether(1, 1, TO, 12_000));
    let behind = node.transfer_at(1, 2, 7);
    let cheap = node.transfer_at(1, 0, 7);
    let [mut updates, mut others] = [(); 2].map(|()| node.chain.statuses().subscribe());
    node.reorg(1, None, ReorgTransactions::Drop);
    match node.status(&costly) {
        Some(TransactionStatus::Dropped { code: DropCode::Unfunded, reason }) => {
            assert!(reason.starts_with("insufficient funds"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(names(&mut updates, &costly), ["dropped"]);
    assert_eq!(names(&mut others, &behind), ["queued"]);
    assert_eq!(node.status(&behind), Some(TransactionStatus::Queued { missing_nonce: 1 }));
    node.seal();
    assert!(node.is_included(&cheap));
}

#[test]
fn ends_are_known_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = memory();
    let open = |store: &Arc<dyn Store>| {
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        Node::open_with(store.clone(), HISTORY, Some(journal))
    };
    let mut node = open(&store);
    let mut updates = node.chain.statuses().subscribe();
    let included = node.transfer_at(0, 0, 1);
    let old = node.transfer_at(1, 1, 1);
    let new = node.transfer_with_fee(1, 1, 80_000_000_000);
    assert_eq!(names(&mut updates, &old), ["received", "queued", "replaced"]);
    let dropped = node.transfer_at(2, 0, 1);
    node.seal();
    node.reorg(1, Some(1), ReorgTransactions::Drop);
    assert_eq!(node.transfer_at(0, 0, 1), included, "the same transaction is accepted again");
    node.seal();
    let hashes = [included, old, new, dropped];
    let before = hashes.map(|hash| node.status(&hash));
    assert!(node.is_included(&included));
    assert_eq!(before[1], Some(TransactionStatus::Replaced { by: new }));
    assert_eq!(before[2], Some(TransactionStatus::Queued { missing_nonce: 0 }));
    let is_reorged = |status: &Option<TransactionStatus>| {
        matches!(status, Some(TransactionStatus::Dropped { code: DropCode::Reorged, .. }))
    };
    assert!(is_reorged(&before[3]), "{:?}", before[3]);
    drop(node);
    // The first restart reads what was appended, the second what the first one kept.
    for _ in 0..2 {
        let node = open(&store);
        assert_eq!(hashes.map(|hash| node.status(&hash)), before);
    }
}

#[test]
fn a_transaction_that_another_overtook_is_answered_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = memory();
    let open = |store: &Arc<dyn Store>, folder: &TempDir| {
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        Node::open_with(store.clone(), HISTORY, Some(journal))
    };
    let node = open(&store, &folder);
    let overtaken = node.transfer_at(0, 0, 1);
    drop(node);
    // The chain goes on without this journal, as a store copied from elsewhere would.
    let mut other = Node::open(store.clone(), HISTORY);
    other.transfer_at(0, 0, 2);
    other.seal();
    drop(other);
    let node = open(&store, &folder);
    let status = node.status(&overtaken);
    assert!(
        matches!(status, Some(TransactionStatus::Dropped { code: DropCode::Overtaken, .. })),
        "{status:?}"
    );
}

#[test]
fn what_waits_for_too_long_expires() {
    let mut node = Node::open(memory(), HISTORY);
    let queued = node.transfer_at(0, 1, 7);
    let base_fee = node.pool.lock().base_fee();
    let parked = node.transfer_with_fee(1, 0, u128::from(base_fee) / 2);
    let lifetime = crate::DEFAULT_POOL_LIFETIME.as_secs();
    node.wait(lifetime - 1);
    let young = node.transfer_at(2, 1, 7);
    node.seal();
    assert!(matches!(node.status(&queued), Some(TransactionStatus::Queued { .. })));
    node.seal();
    for hash in [queued, parked] {
        let status = node.status(&hash);
        let is_expired =
            matches!(status, Some(TransactionStatus::Dropped { code: DropCode::Expired, .. }));
        assert!(is_expired, "{status:?}");
    }
    assert!(matches!(node.status(&young), Some(TransactionStatus::Queued { .. })));
    assert_eq!(node.transfer_at(0, 1, 7), queued, "it may be sent again");
}
