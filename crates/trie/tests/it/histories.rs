//! Random histories: the incremental trie equals the one built from scratch, in its root and in every stored node.

use crate::{
    model::{Model, diff, key},
    nodes::StoredNodes,
};
use alloy_primitives::{U256, keccak256};
use proptest::{collection::vec, prelude::*};
use weir_trie::{AccountChange, EMPTY_ROOT_HASH, EmptyNodes, HashedDiff, LeafAccount, StateTrie};

/// What happens after a block.
#[derive(Debug, Clone, Copy)]
enum Then {
    Nothing,
    /// The updates are stored.
    Store,
    /// The updates are stored and the trie starts anew from the root.
    Reload,
    /// The updates are stored and all but so many nodes are forgotten.
    Evict(usize),
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![
        2 => Just(Then::Nothing),
        2 => Just(Then::Store),
        1 => Just(Then::Reload),
        1 => (0usize..60).prop_map(Then::Evict),
    ]
}

/// From how many nodes on tries are split: from the first, from some, never.
pub(crate) fn split_nodes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1), Just(12), Just(usize::MAX)]
}

/// Splits a diff in two that do the same one after the other.
fn halves(diff: &HashedDiff, at: usize) -> [HashedDiff; 2] {
    let (left, right) = diff.accounts.split_at(at.min(diff.accounts.len()));
    [HashedDiff { accounts: left.to_vec() }, HashedDiff { accounts: right.to_vec() }]
}

fn check_stored(stored: &StoredNodes, model: &Model) {
    let expected = model.nodes();
    assert_eq!(stored.accounts, expected.accounts, "account nodes");
    assert_eq!(stored.storages, expected.storages, "storage nodes");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn history_equals_scratch(
        blocks in vec((diff(), 0usize..10, then()), 1..14),
        split in split_nodes(),
    ) {
        let mut model = Model::default();
        let mut stored = StoredNodes::default();
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH).with_split_nodes(split);
        for (diff, split_at, then) in blocks {
            for half in halves(&diff, split_at) {
                trie.apply(&half, &stored).unwrap();
            }
            model.apply(&diff);
            prop_assert_eq!(trie.root(), model.root());
            prop_assert_eq!(trie.root(), model.root(), "a second call changes nothing");
            if matches!(then, Then::Nothing) {
                trie.evict(0);
                continue;
            }
            stored.write(trie.take_updates());
            check_stored(&stored, &model);
            prop_assert!(trie.take_updates().is_empty());
            match then {
                Then::Nothing | Then::Store => {}
                Then::Reload => {
                    trie = StateTrie::new(model.root()).with_split_nodes(split);
                }
                Then::Evict(nodes_max) => {
                    trie.evict(nodes_max);
                    prop_assert!(trie.node_count() <= nodes_max);
                    prop_assert_eq!(trie.root(), model.root());
                }
            }
        }
    }

    #[test]
    fn undoing_a_block_restores_the_nodes(first in diff(), second in diff()) {
        let mut before = Model::default();
        before.apply(&first);
        let mut after = before.clone();
        after.apply(&second);
        let mut stored = before.nodes();
        let mut trie = StateTrie::new(before.root());
        trie.apply(&second, &stored).unwrap();
        stored.write(trie.take_updates());
        // The inverse: every account of `second` as it was, with its whole storage.
        let was = before.as_diff();
        let inverse = second.accounts.iter().map(|(key, _)| {
            let old = was.accounts.iter().find(|(other, _)| other == key);
            let old = old.map(|(_, change)| change.clone()).unwrap_or_default();
            (*key, AccountChange { is_storage_wiped: true, ..old })
        });
        trie.apply(&HashedDiff { accounts: inverse.collect() }, &stored).unwrap();
        prop_assert_eq!(trie.root(), before.root());
        stored.write(trie.take_updates());
        check_stored(&stored, &before);
    }
}

#[test]
fn rewriting_the_same_values_changes_no_node() {
    let mut model = Model::default();
    let change = AccountChange {
        account: Some(LeafAccount { nonce: 1, ..LeafAccount::default() }),
        is_storage_wiped: false,
        slots: vec![(key(1), U256::from(1)), (key(5), U256::from(2))],
    };
    let diff = HashedDiff { accounts: vec![(key(0), change)] };
    model.apply(&diff);
    let stored = model.nodes();
    let mut trie = StateTrie::new(model.root());
    trie.apply(&diff, &stored).unwrap();
    assert_eq!(trie.root(), model.root());
    assert!(trie.take_updates().is_empty());
}

#[test]
fn removing_everything_leaves_the_empty_root_and_an_empty_store() {
    let mut model = Model::default();
    for index in 0..24 {
        let slots = (0..24).map(|slot| (key(slot), U256::from(slot) + U256::ONE)).collect();
        let mut slots: Vec<_> = slots;
        slots.sort();
        let account = Some(LeafAccount::default());
        let change = AccountChange { account, is_storage_wiped: false, slots };
        model.apply(&HashedDiff { accounts: vec![(key(index), change)] });
    }
    let full = model;
    for split in [1, usize::MAX] {
        let mut model = full.clone();
        let mut stored = model.nodes();
        let mut trie = StateTrie::new(model.root()).with_split_nodes(split);
        for index in 0..24 {
            let diff = HashedDiff { accounts: vec![(key(index), AccountChange::default())] };
            trie.apply(&diff, &stored).unwrap();
            model.apply(&diff);
            assert_eq!(trie.root(), model.root());
            stored.write(trie.take_updates());
            check_stored(&stored, &model);
        }
        assert_eq!(trie.root(), EMPTY_ROOT_HASH);
        assert_eq!(stored, StoredNodes::default());
        assert_eq!(trie.node_count(), 0);
    }
}

/// Enough leaves that levels and storage tries are hashed in parallel.
#[test]
fn large_blocks_take_the_parallel_paths_to_the_same_root() {
    let mut model = Model::default();
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    let mut stored = StoredNodes::default();
    for block in 0u32..3 {
        let mut accounts: Vec<_> = (0u32..3_000)
            .map(|index| {
                let slots = if index % 10 == 0 { 40 } else { 0 };
                let mut slots: Vec<_> = (0u32..slots)
                    .map(|slot| {
                        let value = (slot + block + index) % 5;
                        (keccak256((slot + block).to_be_bytes()), U256::from(value))
                    })
                    .collect();
                slots.sort_unstable();
                let account = (index + block) % 7 != 0;
                let account = account.then(|| LeafAccount {
                    nonce: u64::from(block),
                    balance: U256::from(index),
                    ..LeafAccount::default()
                });
                let change = AccountChange { account, is_storage_wiped: false, slots };
                (keccak256(index.to_be_bytes()), change)
            })
            .collect();
        accounts.sort_unstable_by_key(|(key, _)| *key);
        let diff = HashedDiff { accounts };
        trie.apply(&diff, &stored).unwrap();
        model.apply(&diff);
        assert_eq!(trie.root(), model.root());
        stored.write(trie.take_updates());
        check_stored(&stored, &model);
        trie.evict(1_000);
        assert!(0 < trie.node_count() && trie.node_count() <= 1_000);
    }
}

#[test]
fn memory_is_counted_and_given_back() {
    let mut model = Model::default();
    let accounts = (0u32..500).map(|index| {
        let change =
            AccountChange { account: Some(LeafAccount::default()), ..AccountChange::default() };
        (keccak256(index.to_be_bytes()), change)
    });
    let mut accounts: Vec<_> = accounts.collect();
    accounts.sort_unstable_by_key(|(key, _)| *key);
    model.apply(&HashedDiff { accounts });
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    let empty = trie.memory_bytes();
    trie.apply(&model.as_diff(), &EmptyNodes).unwrap();
    assert!(trie.memory_bytes() > empty + 500 * 70);
    trie.take_updates();
    trie.evict(0);
    assert_eq!(trie.node_count(), 0);
    assert_eq!(trie.memory_bytes(), empty);
}
