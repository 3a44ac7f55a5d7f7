//! The nodes of a state that a change to it needs, and a state that consists of such nodes alone.

use crate::{
    HashedDiff, NodePath, NodeSource, StateTrie, TrieError, keccak256_each, threads::prelude::*,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes, keccak256, map::B256Map};
use alloy_trie::Nibbles;

/// Nodes that one thread hashes at a time: a tenth of a millisecond or less.
const CHUNK_NODES: usize = 128;

/// Nodes by their hash: the part of a state that a witness shows.
///
/// What is not among them is not known; it is never taken for absent.
#[derive(Debug, Clone, Default)]
pub struct WitnessNodes {
    nodes: B256Map<Bytes>,
}

impl WitnessNodes {
    /// Hashes the nodes. They need not be in any order, and may be any bytes.
    pub fn new(nodes: &[Bytes]) -> Self {
        let hash_each = |nodes: &[Bytes]| {
            let messages: Vec<&[u8]> = nodes.iter().map(AsRef::as_ref).collect();
            keccak256_each(&messages)
        };
        let hashes = nodes.par_chunks(CHUNK_NODES).flat_map_iter(hash_each).collect::<Vec<_>>();
        Self { nodes: hashes.into_iter().zip(nodes.iter().cloned()).collect() }
    }
}

impl Extend<Bytes> for WitnessNodes {
    fn extend<T: IntoIterator<Item = Bytes>>(&mut self, nodes: T) {
        self.nodes.extend(nodes.into_iter().map(|node| (keccak256(&node), node)));
    }
}

impl NodeSource for WitnessNodes {
    fn account_node(&self, _path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(None)
    }

    fn storage_node(&self, _account: &B256, _path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(None)
    }

    fn named_node(&self, _at: &NodePath, hash: B256) -> Result<Option<Bytes>, TrieError> {
        Ok(self.nodes.get(&hash).cloned())
    }

    fn answers_by_hash(&self) -> bool {
        true
    }
}

/// The nodes of the state with this root that are needed to read `reads` (accounts with some of their slots, all by
/// Keccak-256) and then to apply `diff`: the ways to what is read and written, and the siblings that a removal joins
/// with their parent. None is missing and none can be left out. Sorted by their bytes.
///
/// Works on a trie of its own: no other trie is read or changed.
pub fn witness_nodes(
    root: B256,
    reads: &[(B256, Vec<B256>)],
    diff: &HashedDiff,
    source: &dyn NodeSource,
) -> Result<Vec<Bytes>, TrieError> {
    let mut trie = StateTrie::new(root);
    trie.begin_witness();
    for (account, slots) in reads {
        trie.account(*account, source)?;
        for slot in slots {
            trie.slot(*account, *slot, source)?;
        }
    }
    trie.apply(diff, source)?;
    Ok(trie.take_witness())
}
