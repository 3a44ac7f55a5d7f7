//! Naming changed nodes, level by level from the leaves.
//!
//! All nodes of a level are independent, so a level is encoded and hashed in parallel chunks.

use crate::{
    codec, keccak256_each,
    merkle::{MerkleTrie, Place},
    node::{Child, HASHED_NODE_BYTES, Node},
    threads::prelude::*,
};
use alloc::{vec, vec::Vec};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// Fewest nodes of a level that are worth handing to other threads (about 20 us of hashing).
const PARALLEL_NODES_MIN: usize = 128;

/// Nodes that one thread takes at a time.
const CHUNK_NODES: usize = 64;

/// A changed node: where it lies, who refers to it, and its path.
struct Changed {
    index: u32,
    place: Place,
    path: Nibbles,
}

/// A chunk of a level, encoded one after the other, and each node's end and name.
struct Encoded {
    rlp: Vec<u8>,
    nodes: Vec<(usize, Child)>,
}

impl MerkleTrie {
    /// The root hash; hashes the changed nodes and records their RLP for the store.
    pub(crate) fn root(&mut self) -> B256 {
        if self.root.is_stale() {
            let (changed, levels) = self.changed_by_level();
            let mut end = changed.len();
            for start in levels.into_iter().rev() {
                self.name_level(&changed[start..end]);
                end = start;
            }
        }
        self.root.hash().expect("the root is named by its hash, whatever its length")
    }

    /// Changed nodes, parents before children, and the start of each level.
    fn changed_by_level(&self) -> (Vec<Changed>, Vec<usize>) {
        let root = Changed { index: self.root.link, place: Place::Root, path: self.prefix };
        let mut changed = vec![root];
        let mut levels = Vec::new();
        let mut start = 0;
        while start < changed.len() {
            levels.push(start);
            let end = changed.len();
            for parent in start..end {
                self.push_changed_children(parent, &mut changed);
            }
            start = end;
        }
        (changed, levels)
    }

    fn push_changed_children(&self, parent: usize, changed: &mut Vec<Changed>) {
        let Changed { index, path, .. } = changed[parent];
        match &self.slots[index as usize].node {
            Node::Vacant | Node::Leaf { .. } => {}
            Node::Extension(extension) => {
                if extension.child.is_stale() {
                    let path = path.join(&extension.key);
                    let place = Place::Extension(index);
                    changed.push(Changed { index: extension.child.link, place, path });
                }
            }
            Node::Branch(branch) => {
                for ((position, child), nibble) in
                    branch.children.iter().enumerate().zip(branch.nibbles())
                {
                    if child.is_stale() {
                        let mut path = path;
                        path.push(nibble);
                        let place = Place::Branch { index, position: position as u8 };
                        changed.push(Changed { index: child.link, place, path });
                    }
                }
            }
        }
    }

    fn name_level(&mut self, level: &[Changed]) {
        if level.len() < PARALLEL_NODES_MIN {
            let encoded = self.encode_chunk(level);
            self.record(level, encoded);
            return;
        }
        let encoded: Vec<Encoded> =
            level.par_chunks(CHUNK_NODES).map(|chunk| self.encode_chunk(chunk)).collect();
        for (chunk, encoded) in level.chunks(CHUNK_NODES).zip(encoded) {
            self.record(chunk, encoded);
        }
    }

    fn encode_chunk(&self, chunk: &[Changed]) -> Encoded {
        let nodes = chunk.iter().map(|changed| &self.slots[changed.index as usize].node);
        let mut rlp = Vec::with_capacity(nodes.clone().map(codec::encoded_len_max).sum());
        let mut ends = Vec::with_capacity(chunk.len());
        for node in nodes {
            codec::encode(node, &mut rlp);
            ends.push(rlp.len());
        }
        let mut start = 0;
        let encoded: Vec<&[u8]> =
            ends.iter().map(|end| &rlp[core::mem::replace(&mut start, *end)..*end]).collect();
        let is_hashed = |index: usize| {
            encoded[index].len() >= HASHED_NODE_BYTES || chunk[index].place == Place::Root
        };
        let hashed: Vec<&[u8]> = (0..chunk.len())
            .filter(|index| is_hashed(*index))
            .map(|index| encoded[index])
            .collect();
        let mut hashes = keccak256_each(&hashed).into_iter();
        let named = (0..chunk.len()).map(|index| {
            let hash = if is_hashed(index) { hashes.next() } else { None };
            (ends[index], hash.map_or_else(|| Child::embedded(encoded[index]), Child::hashed))
        });
        let nodes = named.collect();
        Encoded { rlp, nodes }
    }

    /// Writes the names into the parents, and what the store must hold into the updates.
    fn record(&mut self, chunk: &[Changed], encoded: Encoded) {
        let rlp = Bytes::from(encoded.rlp);
        let mut start = 0;
        for (changed, (end, name)) in chunk.iter().zip(encoded.nodes) {
            self.child_mut(changed.place).rename(&name);
            let slot = &mut self.slots[changed.index as usize];
            if name.hash().is_some() {
                slot.is_stored = true;
                self.updates.push((changed.path, Some(rlp.slice(start..end))));
            } else if slot.is_stored {
                slot.is_stored = false;
                self.updates.push((changed.path, None));
            }
            start = end;
        }
    }
}
