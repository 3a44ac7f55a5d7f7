//! Bundles: whole or not at all, durable, and answered for.

use super::{
    node::{Disk, HISTORY, Node, memory, spec},
    statuses::names,
};
use crate::IngressError;
use alloy_primitives::{Address, B256, Bytes, keccak256};
use std::sync::Arc;
use weir_primitives::{DropCode, ExecutedBlock};
use weir_rpc::{BundleRequest, BundleStatus, ChainBackend};
use weir_txpool::BundleError;

const TO: Address = Address::repeat_byte(0x42);
/// Gas with which a call of the contract fails after its first write.
const TOO_LITTLE_GAS: u64 = 50_000;
const GAS: u64 = 150_000;

fn request(transactions: Vec<Bytes>) -> BundleRequest {
    BundleRequest {
        transactions,
        first_block: None,
        last_block: None,
        timestamps: 0..=u64::MAX,
        may_revert: Vec::new(),
        may_drop: Vec::new(),
        replacement: None,
    }
}

fn named(transactions: Vec<Bytes>, name: &str) -> BundleRequest {
    BundleRequest { replacement: Some(name.to_owned()), ..request(transactions) }
}

fn status(node: &Node, hash: &B256) -> Option<BundleStatus> {
    node.backend().bundle_status(hash).unwrap()
}

/// Why a bundle that waits could not join the block.
fn failure(node: &Node, hash: &B256) -> String {
    match status(node, hash) {
        Some(BundleStatus::Pending { failure: Some(failure), .. }) => failure,
        other => panic!("{other:?}"),
    }
}

fn is_included(node: &Node, hash: &B256) -> bool {
    matches!(status(node, hash), Some(BundleStatus::Included(_)))
}

fn hashes(block: &ExecutedBlock) -> Vec<B256> {
    block.block.transactions().iter().map(|tx| *tx.tx_hash()).collect()
}

fn cancel(node: &Node, name: &str) -> bool {
    node.wait_for(node.ingress.cancel_bundle(name)).unwrap()
}

#[test]
fn a_bundle_joins_in_its_order_ahead_of_what_waits() {
    let mut node = Node::open(memory(), HISTORY);
    let public = node.transfer(2, TO, 1);
    let raw = [
        node.raw_store(1, 0, 3, 7, GAS),
        node.raw_transfer(0, 0, TO, 5),
        node.raw_transfer(1, 1, TO, 6),
    ];
    let own = raw.each_ref().map(keccak256);
    let hash = node.try_bundle(request(raw.to_vec())).unwrap();
    assert_eq!(hash, keccak256(own.concat()), "the name that every builder gives it");
    assert_eq!(status(&node, &hash), Some(BundleStatus::Pending { blocks: 1..=11, failure: None }));
    assert_eq!(node.status(&own[0]), None, "nobody else sees it");
    let block = node.seal();
    assert_eq!(hashes(&block), [own[0], own[1], own[2], public]);
    let Some(BundleStatus::Included(place)) = status(&node, &hash) else { panic!() };
    assert_eq!((place.block, place.hash, place.index), (1, block.block.hash(), 0));
    assert!(node.is_included(&own[0]));
    node.check();
}

#[test]
fn a_bundle_that_fails_leaves_nothing_and_is_tried_again() {
    let mut node = Node::open(memory(), HISTORY);
    // The second of them comes too early: its sender's first is not there yet.
    let raw = vec![node.raw_store(0, 0, 1, 7, GAS), node.raw_transfer(1, 1, TO, 5)];
    let hash = node.try_bundle(request(raw)).unwrap();
    assert!(hashes(&node.seal()).is_empty());
    assert!(failure(&node, &hash).contains("rejected"), "{}", failure(&node, &hash));
    let first = node.transfer_at(1, 0, 9);
    let mut open = node.open_step();
    assert_eq!(open.builder.open().transactions().len(), 1, "tried before its time");
    node.add_step(&mut open);
    assert_eq!(open.builder.open().transactions().len(), 3, "and after it");
    assert_eq!(status(&node, &hash), Some(BundleStatus::Preconfirmed { block: 2 }));
    node.seal_open(open);
    assert!(node.is_included(&first) && is_included(&node, &hash));
    node.check();
}

#[test]
fn a_transaction_that_reverts_undoes_its_bundle_unless_it_may() {
    let mut node = Node::open(memory(), HISTORY);
    let raw = vec![
        node.raw_transfer(0, 0, TO, 5),
        node.raw_store(1, 0, 1, 7, TOO_LITTLE_GAS),
        node.raw_transfer(2, 0, TO, 5),
    ];
    let failing = keccak256(&raw[1]);
    let strict = node.try_bundle(request(raw.clone())).unwrap();
    assert!(hashes(&node.seal()).is_empty());
    assert_eq!(failure(&node, &strict), format!("transaction {failing} reverts"));
    let dropping = BundleRequest { may_drop: vec![failing], ..request(raw.clone()) };
    let same = node.try_bundle(dropping).unwrap();
    assert_eq!(same, strict, "the same transactions with other bounds take its place");
    assert_eq!(hashes(&node.seal()), [keccak256(&raw[0]), keccak256(&raw[2])]);
    assert!(is_included(&node, &strict));
    let raw = vec![node.raw_store(1, 0, 1, 7, TOO_LITTLE_GAS), node.raw_transfer(0, 1, TO, 5)];
    let reverting = BundleRequest { may_revert: vec![failing], ..request(raw) };
    let hash = node.try_bundle(reverting).unwrap();
    let block = node.seal();
    let success: Vec<bool> = block.receipts.iter().map(|receipt| receipt.success).collect();
    assert_eq!(success, [false, true]);
    assert!(is_included(&node, &hash));
    node.check();
}

#[test]
fn what_the_pool_holds_of_a_bundle_is_not_given_out_again() {
    let mut node = Node::open(memory(), HISTORY);
    let target = node.store(0, 1, 5);
    let behind = node.transfer(0, TO, 1);
    let mut told = node.chain.statuses().subscribe();
    let backrun = node.raw_store(1, 0, 1, 6, GAS);
    let raw = vec![node.raw_store(0, 0, 1, 5, GAS), backrun.clone()];
    let hash = node.try_bundle(request(raw)).unwrap();
    let open = node.open_step();
    node.seal_open(open);
    let block = node.chain.view().head().clone();
    assert_eq!(hashes(&block), [target, keccak256(backrun), behind]);
    assert_eq!(names(&mut told, &target), ["preconfirmed", "included"]);
    assert!(is_included(&node, &hash) && node.pool.lock().is_empty());
    node.check();
    // One that fails gives back what it took.
    let target = node.store(0, 1, 5);
    let raw = vec![node.raw_store(0, 2, 1, 5, GAS), node.raw_transfer(1, 7, TO, 1)];
    node.try_bundle(request(raw)).unwrap();
    assert_eq!(hashes(&node.seal()), [target]);
    // A bundle of what is in the block already is no loss of what the pool holds.
    assert!(node.is_included(&target));
}

#[test]
fn accepted_bundles_outlive_a_crash_and_ended_ones_are_answered_for() {
    let disk = Disk::new();
    let node = disk.start();
    let raw = vec![node.raw_store(0, 0, 1, 7, GAS), node.raw_transfer(1, 0, TO, 5)];
    let bounded = BundleRequest { first_block: Some(2), last_block: Some(4), ..request(raw) };
    let waiting = node.try_bundle(bounded).unwrap();
    let old = node.try_bundle(named(vec![node.raw_transfer(2, 5, TO, 1)], "mine")).unwrap();
    let new = node.try_bundle(named(vec![node.raw_transfer(2, 6, TO, 1)], "mine")).unwrap();
    let gone = node.try_bundle(named(vec![node.raw_transfer(2, 7, TO, 1)], "other")).unwrap();
    assert!(cancel(&node, "other") && !cancel(&node, "other") && !cancel(&node, "nobody's"));
    let once = node.try_bundle(BundleRequest {
        first_block: Some(1),
        ..request(vec![node.raw_transfer(2, 8, TO, 1)])
    });
    let (mut node, once) = (node, once.unwrap());
    node.seal();
    drop(node);
    let expected = |node: &Node| {
        assert_eq!(status(node, &old), Some(BundleStatus::Replaced { by: new }));
        let Some(BundleStatus::Dropped { code, .. }) = status(node, &gone) else { panic!() };
        assert_eq!(code, DropCode::Removed);
        let Some(BundleStatus::Dropped { code, reason }) = status(node, &once) else { panic!() };
        assert_eq!(code, DropCode::Expired);
        assert!(reason.contains("rejected"), "it says why no block took it: {reason}");
        assert!(matches!(status(node, &new), Some(BundleStatus::Pending { .. })));
    };
    for _ in 0..2 {
        // Every start rewrites the journal.
        let node = disk.start();
        expected(&node);
        let pending = BundleStatus::Pending { blocks: 2..=4, failure: None };
        assert_eq!(status(&node, &waiting), Some(pending));
    }
    let mut node = disk.start();
    assert_eq!(node.seal().block.transactions().len(), 2);
    assert!(is_included(&node, &waiting));
    drop(node);
    let node = disk.start();
    expected(&node);
    assert!(is_included(&node, &waiting));
    node.check();
}

#[test]
fn a_bundle_that_was_told_of_is_sealed_as_it_was_told() {
    let disk = Disk::new();
    let node = disk.start();
    let mut node = node;
    let raw = vec![node.raw_store(0, 0, 1, 7, GAS), node.raw_transfer(1, 0, TO, 5)];
    let own: Vec<B256> = raw.iter().map(keccak256).collect();
    let hash = node.try_bundle(named(raw, "told")).unwrap();
    let public = node.transfer(2, TO, 1);
    let open = node.open_step();
    assert!(!cancel(&node, "told"), "it is in the open block");
    let told = open.builder.open().receipts().to_vec();
    drop((open, node));
    let mut node = disk.start();
    assert!(matches!(status(&node, &hash), Some(BundleStatus::Pending { .. })));
    let open = node.open_step();
    assert_eq!(open.builder.open().receipts(), told);
    assert!(!cancel(&node, "told"));
    node.seal_open(open);
    assert_eq!(hashes(node.chain.view().head()), [own[0], own[1], public]);
    assert!(is_included(&node, &hash));
    node.check();
}

#[test]
fn a_bundle_of_a_dropped_block_can_be_cancelled() {
    let disk = Disk::new();
    let mut node = disk.start();
    let hash = node.try_bundle(named(vec![node.raw_transfer(0, 0, TO, 1)], "mine")).unwrap();
    let open = node.open_step();
    assert!(!cancel(&node, "mine"));
    node.pool.lock().release_in_flight();
    open.announcer.retract();
    assert!(matches!(status(&node, &hash), Some(BundleStatus::Pending { .. })));
    assert!(cancel(&node, "mine"));
    assert!(hashes(&node.seal()).is_empty());
}

#[test]
fn a_bundle_whose_end_was_lost_is_found_in_the_chain() {
    let disk = Disk::new();
    let mut node = disk.start();
    let raw = vec![node.raw_store(0, 0, 1, 7, GAS), node.raw_transfer(1, 0, TO, 5)];
    let hash = node.try_bundle(request(raw)).unwrap();
    let accepted = {
        drop(node);
        disk.records()
    };
    node = disk.start();
    node.seal();
    drop(node);
    // The block is in the store, the journal is of before.
    disk.rewrite(accepted);
    let node = disk.start();
    assert!(is_included(&node, &hash));
}

#[test]
fn what_spoils_a_block_takes_its_bundle_with_it() {
    let spec = Arc::into_inner(spec()).unwrap().with_dirty_journal();
    let mut node = Node::open_as(Arc::new(spec), memory(), HISTORY, None);
    let raw = vec![node.raw_transfer(2, 0, TO, 1), node.raw_store(0, 0, 1, 5, TOO_LITTLE_GAS)];
    let cause = keccak256(&raw[1]);
    let hash = node.try_bundle(BundleRequest { may_revert: vec![cause], ..request(raw) }).unwrap();
    let victim = node.store(1, 1, 6);
    assert_eq!(hashes(&node.seal()), [victim], "the bundle is whole or not at all");
    let Some(BundleStatus::Dropped { code, reason }) = status(&node, &hash) else { panic!() };
    assert_eq!(code, DropCode::Quarantined);
    assert!(reason.contains(&cause.to_string()), "{reason}");
    assert!(hashes(&node.seal()).is_empty());
    node.check();
}

#[test]
fn bad_bundles_are_refused_by_name_and_an_operator_drops_good_ones() {
    let node = Node::open(memory(), HISTORY);
    let raw = node.raw_transfer(0, 0, TO, 1);
    let foreign = B256::repeat_byte(9);
    let refused = |request| node.try_bundle(request).unwrap_err();
    let unknown = refused(BundleRequest { may_drop: vec![foreign], ..request(vec![raw.clone()]) });
    assert!(
        matches!(unknown, IngressError::Bundle(BundleError::Foreign { hash }) if hash == foreign)
    );
    let empty = refused(request(Vec::new()));
    assert!(matches!(empty, IngressError::Bundle(BundleError::Empty)));
    let over = refused(BundleRequest { first_block: Some(0), ..request(vec![raw.clone()]) });
    assert!(matches!(over, IngressError::Bundle(BundleError::Over { last: 0, next: 1 })));
    let garbage = refused(request(vec![raw.clone(), Bytes::from_static(b"\x02garbage")]));
    assert!(matches!(garbage, IngressError::Decode(_)));
    let hash = node.try_bundle(request(vec![raw])).unwrap();
    assert_eq!(node.ingress.bundles().of_sender(node.address(0)), [hash]);
    assert!(node.ingress.bundles().of_sender(node.address(1)).is_empty());
    assert!(node.ingress.drop_bundle(hash, "dropped by the operator"));
    assert!(!node.ingress.drop_bundle(hash, "dropped by the operator"));
    let Some(BundleStatus::Dropped { code, .. }) = status(&node, &hash) else { panic!() };
    assert_eq!(code, DropCode::Removed);
}
