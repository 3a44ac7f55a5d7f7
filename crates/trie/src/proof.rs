//! Merkle proofs read from stored nodes (EIP-1186).

use crate::{NodeSource, TrieError, TrieLeaf, codec, node::Node, source::Loader};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::Decodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// Proof of an account, or of its absence, and of some of its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProof {
    /// The account, `None` if the state has none.
    pub leaf: Option<TrieLeaf>,
    /// Nodes from the root on, as far as the key leads; empty if the state is empty.
    pub nodes: Vec<Bytes>,
    /// One proof for each slot asked for, in that order.
    pub slots: Vec<SlotProof>,
}

/// Proof of the value of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotProof {
    /// Keccak-256 of the slot number.
    pub key: B256,
    /// The value, zero if the trie has no leaf for it.
    pub value: U256,
    /// Nodes from the storage root on; empty if the storage is empty.
    pub nodes: Vec<Bytes>,
}

/// Proves an account and slots of the state with this root. Every node is checked against its hash.
pub fn prove(
    root: B256,
    hashed_account: B256,
    hashed_slots: &[B256],
    source: &dyn NodeSource,
) -> Result<AccountProof, TrieError> {
    let path = Nibbles::unpack_array(&hashed_account.0);
    let (nodes, value) = walk(root, &path, &Loader { source, account: None })?;
    let malformed = TrieError::MalformedAccount { account: hashed_account };
    let leaf = match value {
        Some(value) => Some(TrieLeaf::decode(&value).ok_or(malformed)?),
        None => None,
    };
    let storage_root = leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root);
    let loader = Loader { source, account: Some(hashed_account) };
    let slots = hashed_slots.iter().map(|key| prove_slot(storage_root, *key, &loader));
    Ok(AccountProof { leaf, nodes, slots: slots.collect::<Result<_, _>>()? })
}

fn prove_slot(root: B256, key: B256, loader: &Loader<'_>) -> Result<SlotProof, TrieError> {
    let path = Nibbles::unpack_array(&key.0);
    let (nodes, value) = walk(root, &path, loader)?;
    let value = match value {
        Some(value) => U256::decode(&mut value.as_ref())
            .map_err(|_| TrieError::Malformed { path: loader.at(&path) })?,
        None => U256::ZERO,
    };
    Ok(SlotProof { key, value, nodes })
}

/// The nodes on a way, and the value at its end.
type Walked = (Vec<Bytes>, Option<Box<[u8]>>);

/// Nodes on the way to `key`, without those that stand inside their parent, and the value there.
fn walk(root: B256, key: &Nibbles, loader: &Loader<'_>) -> Result<Walked, TrieError> {
    let mut nodes = Vec::new();
    if root == EMPTY_ROOT_HASH {
        return Ok((nodes, None));
    }
    let mut depth = 0;
    let mut rlp = loader.load(&Nibbles::new(), root)?;
    nodes.push(rlp.clone());
    loop {
        let path = key.slice(..depth);
        let node = codec::decode(&rlp).ok_or(TrieError::Malformed { path: loader.at(&path) })?;
        let child = match node {
            Node::Leaf { key: rest, value } => {
                return Ok((nodes, (rest == key.slice(depth..)).then_some(value)));
            }
            Node::Branch(branch) if depth == key.len() => return Ok((nodes, branch.value)),
            Node::Branch(branch) => {
                let position = branch.position(key.get_unchecked(depth));
                depth += 1;
                position.map(|position| branch.children[position])
            }
            Node::Extension(extension) => {
                let is_below = key.slice(depth..).starts_with(&extension.key);
                depth += extension.key.len();
                is_below.then_some(extension.child)
            }
            Node::Vacant => None,
        };
        let Some(child) = child else { return Ok((nodes, None)) };
        rlp = match child.hash() {
            Some(hash) => {
                let loaded = loader.load(&key.slice(..depth), hash)?;
                nodes.push(loaded.clone());
                loaded
            }
            None => Bytes::copy_from_slice(child.name()),
        };
    }
}
