//! Proofs verify with alloy-trie, for what is there and for what is not.

use crate::model::{Model, diff, key};
use alloy_primitives::B256;
use alloy_trie::proof::verify_proof;
use proptest::{collection::vec, prelude::*};
use weir_trie::{EMPTY_ROOT_HASH, EmptyNodes, Nibbles, prove};

proptest! {
    #[test]
    fn proofs_verify(blocks in vec(diff(), 1..6)) {
        let mut model = Model::default();
        blocks.iter().for_each(|diff| model.apply(diff));
        let (stored, root) = (model.nodes(), model.root());
        let slots: Vec<B256> = (0..48).map(key).collect();
        for account in (0..24).map(key) {
            let proof = prove(root, account, &slots, &stored).unwrap();
            let path = Nibbles::unpack(account);
            let value = proof.leaf.map(|leaf| leaf.encode());
            prop_assert!(verify_proof(root, path, value, &proof.nodes).is_ok());
            let expected = model.accounts.get(&account);
            prop_assert_eq!(proof.leaf.map(|leaf| leaf.account), expected.map(|(leaf, _)| *leaf));
            let storage_root = proof.leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
            for slot in proof.slots {
                let value = expected.and_then(|(_, slots)| slots.get(&slot.key)).copied();
                prop_assert_eq!(slot.value, value.unwrap_or_default());
                let value = value.map(alloy_rlp::encode);
                let path = Nibbles::unpack(slot.key);
                prop_assert!(verify_proof(storage_root, path, value, &slot.nodes).is_ok());
            }
        }
    }
}

#[test]
fn the_empty_state_proves_absence_without_nodes() {
    let proof = prove(EMPTY_ROOT_HASH, key(1), &[key(2)], &EmptyNodes).unwrap();
    assert_eq!((proof.leaf, proof.nodes.len()), (None, 0));
    assert!(proof.slots[0].value.is_zero() && proof.slots[0].nodes.is_empty());
}
