//! The state as two maps, its root through alloy-trie, and random changes to it.

use crate::nodes::StoredNodes;
use alloy_primitives::{B256, U256, keccak256};
use proptest::{collection::vec, prelude::*};
use std::collections::BTreeMap;
use weir_trie::{
    AccountChange, EMPTY_ROOT_HASH, EmptyNodes, HashedDiff, LeafAccount, StateTrie,
    state_root_from_scratch, storage_root_from_scratch,
};

pub(crate) type Slots = BTreeMap<B256, U256>;

/// Accounts and their slots by hashed key.
#[derive(Debug, Default, Clone)]
pub(crate) struct Model {
    pub(crate) accounts: BTreeMap<B256, (LeafAccount, Slots)>,
}

impl Model {
    pub(crate) fn apply(&mut self, diff: &HashedDiff) {
        for (key, change) in &diff.accounts {
            let Some(account) = change.account else {
                self.accounts.remove(key);
                continue;
            };
            let (leaf, slots) = self.accounts.entry(*key).or_default();
            *leaf = account;
            if change.is_storage_wiped {
                slots.clear();
            }
            for (slot, value) in &change.slots {
                if value.is_zero() {
                    slots.remove(slot);
                } else {
                    slots.insert(*slot, *value);
                }
            }
        }
    }

    pub(crate) fn root(&self) -> B256 {
        state_root_from_scratch(self.accounts.iter().map(|(key, (leaf, slots))| {
            let slots = slots.iter().map(|(slot, value)| (*slot, *value));
            (*key, *leaf, storage_root_from_scratch(slots))
        }))
    }

    /// The diff that makes this state of nothing.
    pub(crate) fn as_diff(&self) -> HashedDiff {
        let accounts = self.accounts.iter().map(|(key, (leaf, slots))| {
            let slots = slots.iter().map(|(slot, value)| (*slot, *value)).collect();
            (*key, AccountChange { account: Some(*leaf), is_storage_wiped: false, slots })
        });
        HashedDiff { accounts: accounts.collect() }
    }

    /// The nodes that a store must hold, from a trie built in one go.
    pub(crate) fn nodes(&self) -> StoredNodes {
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        trie.apply(&self.as_diff(), &EmptyNodes).expect("nothing is loaded");
        let mut nodes = StoredNodes::default();
        nodes.write(trie.take_updates());
        nodes
    }
}

/// Keys that collide in all the ways that matter: at random, in a long prefix, in all but the last nibbles.
pub(crate) fn key(index: u8) -> B256 {
    let mut key = [0; 32];
    match index % 4 {
        0 => return keccak256([index]),
        1 => key[31] = index,
        2 => key[15] = index,
        _ => {
            key[0] = index & 0x30;
            key[30] = index;
        }
    }
    B256::new(key)
}

fn slots() -> impl Strategy<Value = BTreeMap<B256, U256>> {
    let value = prop_oneof![
        2 => Just(U256::ZERO),
        3 => (1u64..4).prop_map(U256::from),
        1 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
    ];
    vec((0u8..48, value), 0..12)
        .prop_map(|slots| slots.into_iter().map(|(index, value)| (key(index), value)).collect())
}

fn change() -> impl Strategy<Value = AccountChange> {
    let account = (0u64..3, any::<u64>()).prop_map(|(nonce, balance)| {
        let balance = U256::from(balance % 3);
        LeafAccount { nonce, balance, ..LeafAccount::default() }
    });
    let account = prop_oneof![4 => account.prop_map(Some), 1 => Just(None)];
    (account, prop::bool::weighted(0.1), slots()).prop_map(|(account, is_storage_wiped, slots)| {
        AccountChange { account, is_storage_wiped, slots: slots.into_iter().collect() }
    })
}

/// The changes of a block: few accounts out of few, so that histories meet themselves.
pub(crate) fn diff() -> impl Strategy<Value = HashedDiff> {
    vec((0u8..24, change()), 0..10).prop_map(|changes| {
        let changes: BTreeMap<B256, AccountChange> =
            changes.into_iter().map(|(index, change)| (key(index), change)).collect();
        HashedDiff { accounts: changes.into_iter().collect() }
    })
}
