//! Accounts, slots, codes, trie nodes, history.

use super::{Open, PlainState, TestChain};
use crate::{HistoricalState, Snapshot, state_root_from_leaves};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use std::{collections::VecDeque, sync::Arc};
use weir_primitives::{KECCAK_EMPTY, StateError, StateProvider};
use weir_trie::{StateTrie, prove};

/// Blocks of a run: enough for wipes and removals of most accounts.
const BLOCKS: u64 = 40;

/// Checks every account and slot that a chain can touch, present or not.
pub(super) fn check_state(found: &dyn StateProvider, expected: &PlainState) {
    for index in 0..18u64 {
        let address = Address::left_padding_from(&(0x1000 + index).to_be_bytes());
        let entry = expected.get(&address);
        let account = found.account(&address).expect("read");
        assert_eq!(account, entry.map(|(account, _)| *account), "{address}");
        for slot in (0..9).map(U256::from) {
            let value = entry.and_then(|(_, slots)| slots.get(&slot)).copied();
            let read = found.storage(&address, &slot).expect("read");
            assert_eq!(read, value.unwrap_or_default(), "{address} slot {slot}");
        }
    }
}

pub(super) fn state_equals_the_model(open: Open<'_>) {
    let mut chain = TestChain::new(10);
    let store = open(chain.genesis());
    for _ in 0..BLOCKS {
        store.commit(&chain.next_block().commit()).expect("commit");
        let snapshot = store.snapshot().expect("snapshot");
        check_state(&snapshot, chain.state(chain.head().number));
    }
    let snapshot = store.snapshot().expect("snapshot");
    assert!(!chain.codes().is_empty());
    for (hash, code) in chain.codes() {
        assert_eq!(snapshot.code(hash).expect("read").as_ref(), Some(code));
    }
    assert_eq!(snapshot.code(&KECCAK_EMPTY).expect("read"), Some(Bytes::new()));
    assert_eq!(snapshot.code(&keccak256(b"never seen")).expect("read"), None);
}

pub(super) fn leaves_hash_to_the_root(open: Open<'_>) {
    let mut chain = TestChain::new(11);
    let store = open(chain.genesis());
    for _ in 0..BLOCKS {
        let made = chain.next_block();
        store.commit(&made.commit()).expect("commit");
        let snapshot = store.snapshot().expect("snapshot");
        let root = state_root_from_leaves(&*snapshot).expect("read");
        assert_eq!(root, made.block.block.header().state_root);
    }
}

pub(super) fn the_trie_goes_on_from_stored_nodes(open: Open<'_>) {
    let mut chain = TestChain::new(12);
    let store = open(chain.genesis());
    let mut root = chain.genesis().block.block.header().state_root;
    for _ in 0..BLOCKS {
        let made = chain.next_block();
        let snapshot = store.snapshot().expect("snapshot");
        let mut trie = StateTrie::new(root);
        trie.apply(&made.hashed, &snapshot).expect("the store holds every node");
        root = made.block.block.header().state_root;
        assert_eq!(trie.root(), root);
        store.commit(&made.commit()).expect("commit");
        check_proofs(&*store.snapshot().expect("snapshot"), root, chain.state(chain.head().number));
    }
}

pub(super) fn check_proofs(snapshot: &dyn Snapshot, root: B256, expected: &PlainState) {
    for (address, (account, slots)) in expected {
        let keys: Vec<B256> = slots.keys().map(|slot| keccak256(B256::from(*slot))).collect();
        let proof = prove(root, keccak256(address), &keys, snapshot).expect("prove");
        let leaf = proof.leaf.expect("the account is there");
        assert_eq!(leaf.account.balance, account.balance);
        assert!(proof.slots.iter().map(|slot| slot.value).eq(slots.values().copied()));
    }
}

pub(super) fn old_snapshots_do_not_change(open: Open<'_>) {
    let mut chain = TestChain::new(13);
    let store = open(chain.genesis());
    let mut snapshots = VecDeque::new();
    for _ in 0..BLOCKS {
        snapshots.push_back(store.snapshot().expect("snapshot"));
        store.commit(&chain.next_block().commit()).expect("commit");
        if snapshots.len() > 7 {
            snapshots.pop_front();
        }
        for snapshot in &snapshots {
            check_state(snapshot, chain.state(snapshot.head().number));
            let root = state_root_from_leaves(&**snapshot).expect("read");
            let head = snapshot.header_by_number(snapshot.head().number).expect("read");
            assert_eq!(head.map(|(_, header)| header.state_root), Some(root));
        }
    }
}

pub(super) fn history_is_exact(open: Open<'_>) {
    let mut chain = TestChain::new(14);
    let store = open(chain.genesis());
    for head in 1..=BLOCKS {
        store.commit(&chain.next_block().commit()).expect("commit");
        let snapshot = store.snapshot().expect("snapshot");
        for number in 0..=head {
            let state = HistoricalState::new(Arc::clone(&snapshot), number).expect("kept");
            check_state(&state, chain.state(number));
            let beyond = state.block_hash(number + 1).expect("read");
            assert_eq!(beyond, None, "a descendant is not an ancestor");
            assert!(state.block_hash(number).expect("read").is_some());
        }
        let beyond = HistoricalState::new(Arc::clone(&snapshot), head + 1);
        assert!(matches!(beyond, Err(StateError::Pruned { .. })), "a block that is not there yet");
    }
}
