//! Sources that fail: every fault is a typed error, and the trie never gives a root after it.

use crate::{
    model::{Model, key},
    nodes::StoredNodes,
};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use weir_trie::{
    AccountChange, HashedDiff, LeafAccount, Nibbles, NodeSource, StateTrie, TrieError, prove,
};

fn account(nonce: u64) -> AccountChange {
    let account = Some(LeafAccount { nonce, ..LeafAccount::default() });
    let slots = (0..4).map(|index| (B256::with_last_byte(index), U256::MAX)).collect();
    AccountChange { account, is_storage_wiped: false, slots }
}

fn state() -> Model {
    let mut model = Model::default();
    for index in 0..24 {
        model.apply(&HashedDiff { accounts: vec![(key(index), account(1))] });
    }
    model
}

fn touch_all(nonce: u64) -> HashedDiff {
    let mut accounts: Vec<_> = (0..24).map(|index| (key(index), account(nonce))).collect();
    accounts.sort_unstable_by_key(|(key, _)| *key);
    accounts.iter_mut().for_each(|(_, change)| change.slots.truncate(1));
    HashedDiff { accounts }
}

#[test]
fn every_missing_node_is_named_and_poisons() {
    let model = state();
    let stored = model.nodes();
    for path in stored.accounts.keys() {
        let mut holed = stored.clone();
        holed.accounts.remove(path);
        let mut trie = StateTrie::new(model.root());
        let error = trie.apply(&touch_all(2), &holed).unwrap_err();
        let TrieError::Missing { path: found, .. } = error else { panic!("{error}") };
        assert_eq!((found.account, found.path), (None, *path));
        assert!(matches!(trie.apply(&touch_all(2), &stored), Err(TrieError::Poisoned)));
        assert!(trie.take_updates().is_empty());
    }
}

#[test]
fn stale_and_corrupt_nodes_are_named() {
    let model = state();
    let mut stored = model.nodes();
    let ((owner, path), _) = stored.storages.iter().next().unwrap();
    let (owner, path) = (*owner, *path);
    stored.storages.insert((owner, path), Bytes::from_static(&[0xc0]));
    let mut trie = StateTrie::new(model.root());
    let mut diff = touch_all(1);
    diff.accounts.iter_mut().for_each(|(_, change)| change.slots[0].1 = U256::from(7));
    let error = trie.apply(&diff, &stored).unwrap_err();
    let TrieError::Mismatch { path: found, found: hash, .. } = error else { panic!("{error}") };
    assert_eq!((found.account, found.path), (Some(owner), path));
    assert_eq!(hash, keccak256([0xc0]));
}

#[test]
#[should_panic(expected = "poisoned")]
fn a_poisoned_trie_has_no_root() {
    let mut trie = StateTrie::new(keccak256(b"unknown"));
    trie.apply(&touch_all(1), &StoredNodes::default()).unwrap_err();
    trie.root();
}

/// A source of one node, whatever the path.
struct OneNode(Bytes);

impl NodeSource for OneNode {
    fn account_node(&self, _path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(Some(self.0.clone()))
    }

    fn storage_node(&self, _account: &B256, _path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(None)
    }
}

#[test]
fn well_hashed_nonsense_is_malformed() {
    let leaf_of_an_account_too_short = {
        let mut rlp = vec![0xe3, 0xa1, 0x20];
        rlp.extend(key(0).0);
        rlp.push(0x05);
        rlp
    };
    let nonsense: [&[u8]; 5] =
        [&[], &[0xc0], &[0xc1, 0x80], &[0xc2, 0x40, 0x01], &leaf_of_an_account_too_short];
    for rlp in nonsense {
        let source = OneNode(Bytes::copy_from_slice(rlp));
        let root = keccak256(rlp);
        let error = StateTrie::new(root).apply(&touch_all(1), &source).unwrap_err();
        let proof = prove(root, key(0), &[], &source).unwrap_err();
        for error in [error, proof] {
            assert!(
                matches!(error, TrieError::Malformed { .. } | TrieError::MalformedAccount { .. }),
                "{error}"
            );
        }
    }
}
