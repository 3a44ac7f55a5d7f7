//! Witnesses: whole, minimal, and of no use without any of their nodes.

use crate::{
    histories::split_nodes,
    model::{Model, diff, key},
    nodes::StoredNodes,
};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use proptest::{collection::vec, prelude::*};
use weir_trie::{HashedDiff, StateTrie, TrieError, WitnessNodes, witness_nodes};

type Reads = Vec<(B256, Vec<B256>)>;

fn reads() -> impl Strategy<Value = Reads> {
    let account = (0u8..24, vec(0u8..48, 0..4));
    vec(account, 0..6).prop_map(|reads| {
        let slots = |slots: Vec<u8>| slots.into_iter().map(key).collect();
        reads.into_iter().map(|(account, read)| (key(account), slots(read))).collect()
    })
}

/// Reads and applies from the witness alone; answers the values read and the root.
fn replay(
    root: B256,
    reads: &Reads,
    diff: &HashedDiff,
    nodes: &[Bytes],
) -> Result<(Vec<U256>, B256), TrieError> {
    let source = WitnessNodes::new(nodes);
    let mut trie = StateTrie::new(root);
    let mut values = Vec::new();
    for (account, slots) in reads {
        let leaf = trie.account(*account, &source)?;
        values.push(leaf.map_or(U256::MAX, |leaf| leaf.account.balance));
        for slot in slots {
            values.push(trie.slot(*account, *slot, &source)?);
        }
    }
    trie.apply(diff, &source)?;
    Ok((values, trie.root()))
}

proptest! {
    #[test]
    fn a_witness_gives_the_root_and_no_part_of_it_does(
        blocks in vec(diff(), 1..5),
        reads in reads(),
        last in diff(),
    ) {
        let mut model = Model::default();
        blocks.iter().for_each(|diff| model.apply(diff));
        let (stored, root) = (model.nodes(), model.root());
        let nodes = witness_nodes(root, &reads, &last, &stored).unwrap();
        let mut expected = Vec::new();
        for (account, slots) in &reads {
            let found = model.accounts.get(account);
            expected.push(found.map_or(U256::MAX, |(leaf, _)| leaf.balance));
            let value = |slot| found.and_then(|(_, slots)| slots.get(slot)).copied();
            expected.extend(slots.iter().map(|slot| value(slot).unwrap_or_default()));
        }
        let mut after = model.clone();
        after.apply(&last);
        let (values, found) = replay(root, &reads, &last, &nodes).unwrap();
        prop_assert_eq!(values, expected);
        prop_assert_eq!(found, after.root());
        prop_assert!(nodes.is_sorted_by(|left, right| left < right));
        for index in 0..nodes.len() {
            let mut holed = nodes.clone();
            holed.remove(index);
            let error = replay(root, &reads, &last, &holed).unwrap_err();
            prop_assert!(matches!(error, TrieError::Missing { .. }), "{}", error);
        }
        let unchanged = StoredNodes { accounts: model.nodes().accounts, storages: model.nodes().storages };
        prop_assert_eq!(stored, unchanged);
    }
}

proptest! {
    /// A trie that lives on, forgets some of its nodes and reads some ahead notes what one that begins with nothing needs.
    #[test]
    fn a_living_trie_notes_the_same_witness(
        blocks in vec((diff(), reads(), prop::option::of(0usize..40)), 1..10),
        split in split_nodes(),
    ) {
        let mut model = Model::default();
        let mut stored = StoredNodes::default();
        let mut trie = StateTrie::new(model.root()).with_split_nodes(split);
        for (diff, reads, nodes_max) in blocks {
            let expected = witness_nodes(model.root(), &reads, &diff, &model.nodes()).unwrap();
            trie.begin_witness();
            for (account, slots) in &reads {
                trie.account(*account, &stored).unwrap();
                for slot in slots {
                    trie.slot(*account, *slot, &stored).unwrap();
                }
            }
            trie.apply(&diff, &stored).unwrap();
            model.apply(&diff);
            prop_assert_eq!(trie.root(), model.root());
            prop_assert_eq!(trie.take_witness(), expected);
            prop_assert!(!trie.is_witnessed());
            stored.write(trie.take_updates());
            if let Some(nodes_max) = nodes_max {
                trie.evict(nodes_max);
            }
        }
    }
}

#[test]
fn absence_is_shown_and_what_is_not_shown_is_not_absent() {
    let mut model = Model::default();
    let one = |index: u8| {
        let account = weir_trie::LeafAccount { nonce: 1, ..Default::default() };
        let change = weir_trie::AccountChange { account: Some(account), ..Default::default() };
        HashedDiff { accounts: vec![(key(index), change)] }
    };
    (0..8).for_each(|index| model.apply(&one(index)));
    let absent = vec![(key(20), Vec::new())];
    let none = HashedDiff::default();
    let nodes = witness_nodes(model.root(), &absent, &none, &model.nodes()).unwrap();
    let (values, root) = replay(model.root(), &absent, &none, &nodes).unwrap();
    assert_eq!((values, root), (vec![U256::MAX], model.root()));
    let other = vec![(key(0), Vec::new())];
    let error = replay(model.root(), &other, &none, &nodes).unwrap_err();
    assert!(matches!(error, TrieError::Missing { .. }), "{error}");
}

/// A node that is no branch of any trie: one child, or none.
fn thin_branch(child: Option<(u8, &[u8])>) -> Bytes {
    let mut items: Vec<Vec<u8>> = vec![vec![0x80]; 17];
    if let Some((nibble, rlp)) = child {
        items[usize::from(nibble)] = rlp.to_vec();
    }
    let payload = items.concat();
    let mut node = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut node);
    node.extend(payload);
    node.into()
}

#[test]
fn nodes_that_no_trie_has_are_refused() {
    let hash = [[0xa0].as_slice(), &[7; 32]].concat();
    for node in [thin_branch(None), thin_branch(Some((key(0)[0] >> 4, &hash)))] {
        let removal = (key(0), weir_trie::AccountChange::default());
        let diff = HashedDiff { accounts: vec![removal] };
        let error = replay(keccak256(&node), &Vec::new(), &diff, &[node]).unwrap_err();
        assert!(matches!(error, TrieError::Malformed { .. }), "{error}");
    }
}
