//! Blocks taken off again.

use super::{
    MadeBlock, Open, TestChain,
    blocks::check_block,
    state::{check_proofs, check_state},
};
use crate::{
    HistoricalState, RevertCommit, Snapshot, StorageError, Store, inverse_diff,
    state_root_from_leaves,
};
use alloy_primitives::B256;
use std::sync::Arc;
use weir_primitives::BlockRef;
use weir_trie::{HashedDiff, StateTrie, TrieUpdates};

/// Blocks before the first revert: enough for wipes and removals of most accounts.
const BLOCKS: usize = 40;

/// Takes the blocks after `number` off a store that is at the chain's head, and off the chain.
///
/// # Panics
/// If the inverse of their diffs does not lead to the root of block `number`, or the store refuses it.
pub fn revert(store: &dyn Store, chain: &mut TestChain, number: u64) {
    let snapshot = store.snapshot().expect("snapshot");
    let inverse = inverse_diff(&*snapshot, number, usize::MAX).expect("read").expect("no limit");
    let mut trie = StateTrie::new(root_of(&*snapshot));
    trie.apply(&inverse, &snapshot).expect("the store holds every node");
    assert_eq!(trie.root(), chain.revert_to(number), "the inverse leads to the earlier root");
    let updates = trie.take_updates();
    let commit = RevertCommit { to: chain.head(), hashed: &inverse, trie: &updates };
    store.revert(&commit).expect("revert");
}

fn root_of(snapshot: &dyn Snapshot) -> B256 {
    let head = snapshot.header_by_number(snapshot.head().number).expect("read");
    head.expect("the head is there").1.state_root
}

fn commit_some(store: &dyn Store, chain: &mut TestChain, count: usize) -> Vec<MadeBlock> {
    let mut made = Vec::new();
    for _ in 0..count {
        let block = chain.next_block();
        store.commit(&block.commit()).expect("commit");
        made.push(block);
    }
    made
}

/// Checks head, state, leaves, nodes and history against the chain.
fn check_all(store: &dyn Store, chain: &TestChain) {
    let snapshot = store.snapshot().expect("snapshot");
    let number = chain.head().number;
    assert_eq!(snapshot.head(), chain.head());
    check_state(&snapshot, chain.state(number));
    let root = root_of(&*snapshot);
    assert_eq!(state_root_from_leaves(&*snapshot).expect("read"), root);
    check_proofs(&*snapshot, root, chain.state(number));
    for at in 0..=number {
        let state = HistoricalState::new(Arc::clone(&snapshot), at).expect("kept");
        check_state(&state, chain.state(at));
    }
}

pub(super) fn reverted_blocks_leave_nothing_behind(open: Open<'_>) {
    let mut chain = TestChain::new(70);
    let store = open(chain.genesis());
    let blocks = commit_some(&*store, &mut chain, BLOCKS);
    let mut kept = blocks.len();
    for depth in [1, 2, 3, 10, 24] {
        let removed = &blocks[kept - depth..kept];
        kept -= depth;
        revert(&*store, &mut chain, kept as u64);
        check_all(&*store, &chain);
        let snapshot = store.snapshot().expect("snapshot");
        blocks[..kept].iter().for_each(|made| check_block(&*snapshot, &made.block));
        for made in removed {
            let reference = made.block.reference();
            assert_eq!(snapshot.block_by_number(reference.number).expect("read"), None);
            assert_eq!(snapshot.header_by_number(reference.number).expect("read"), None);
            assert_eq!(snapshot.number_of(&reference.hash).expect("read"), None);
            assert_eq!(snapshot.block_hash(reference.number).expect("read"), None);
            for transaction in made.block.block.transactions() {
                let location = snapshot.transaction_location(transaction.tx_hash());
                assert_eq!(location.expect("read"), None);
            }
        }
    }
    assert_eq!(kept, 0, "genesis is left");
}

pub(super) fn the_chain_goes_on_another_way(open: Open<'_>) {
    let mut chain = TestChain::new(71);
    let store = open(chain.genesis());
    commit_some(&*store, &mut chain, BLOCKS);
    for depth in [1, 5, 17, 38] {
        let number = chain.head().number - depth;
        revert(&*store, &mut chain, number);
        let new = commit_some(&*store, &mut chain, depth as usize);
        check_all(&*store, &chain);
        let snapshot = store.snapshot().expect("snapshot");
        new.iter().for_each(|made| check_block(&*snapshot, &made.block));
    }
}

pub(super) fn strangers_are_refused(open: Open<'_>) {
    let mut chain = TestChain::new(72);
    let store = open(chain.genesis());
    let blocks = commit_some(&*store, &mut chain, 5);
    let head = chain.head();
    let hash = B256::repeat_byte(1);
    let strangers = [
        head,
        BlockRef { number: head.number + 1, parent_hash: head.hash, ..head },
        BlockRef { hash, ..blocks[2].block.reference() },
        BlockRef { hash, number: u64::MAX, ..head },
    ];
    for to in strangers {
        let (hashed, trie) = (HashedDiff::default(), TrieUpdates::default());
        let error = store.revert(&RevertCommit { to, hashed: &hashed, trie: &trie });
        let error = error.expect_err("not an ancestor");
        assert!(matches!(error, StorageError::NotAncestorOfHead { .. }), "{error}");
    }
    check_all(&*store, &chain);
    commit_some(&*store, &mut chain, 1);
}

pub(super) fn old_snapshots_outlive_a_revert(open: Open<'_>) {
    let mut chain = TestChain::new(73);
    let store = open(chain.genesis());
    let mut held = Vec::new();
    for _ in 0..6 {
        commit_some(&*store, &mut chain, 6);
        let number = chain.head().number;
        held.push((store.snapshot().expect("snapshot"), chain.head(), chain.state(number).clone()));
        revert(&*store, &mut chain, number - 4);
        for (snapshot, head, state) in &held {
            assert_eq!(snapshot.head(), *head);
            check_state(snapshot, state);
            let root = state_root_from_leaves(&**snapshot).expect("read");
            assert_eq!(root, root_of(&**snapshot));
            assert_eq!(snapshot.number_of(&head.hash).expect("read"), Some(head.number));
        }
    }
}
