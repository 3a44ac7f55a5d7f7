//! A walk over every stored node of a state.

use crate::{NodeSource, TrieError, TrieLeaf, codec, node::Node, source::Loader};
use alloc::vec;
use alloy_primitives::{B256, Bytes};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// What a state consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeafCount {
    /// Accounts.
    pub accounts: u64,
    /// Slots of all accounts together.
    pub slots: u64,
    /// Nodes that are stored on their own.
    pub nodes: u64,
}

/// Loads every node of the state with this root, checks it against the hash that its parent gives, and counts.
///
/// # Errors
/// The first node that is missing, has another hash or is none. Takes a few microseconds a leaf and little memory.
pub fn count_leaves(root: B256, source: &dyn NodeSource) -> Result<LeafCount, TrieError> {
    let mut count = LeafCount::default();
    if root == EMPTY_ROOT_HASH {
        return Ok(count);
    }
    let loader = Loader { source, account: None };
    let mut nodes = 0;
    walk(root, &loader, &mut nodes, &mut |path, value| {
        let account = B256::from_slice(&path.pack());
        let leaf = TrieLeaf::decode(value).ok_or(TrieError::MalformedAccount { account })?;
        count.accounts += 1;
        if !leaf.is_storage_empty() {
            let loader = Loader { source, account: Some(account) };
            walk(leaf.storage_root, &loader, &mut count.nodes, &mut |_, _| {
                count.slots += 1;
                Ok(())
            })?;
        }
        Ok(())
    })?;
    count.nodes += nodes;
    Ok(count)
}

/// Takes a leaf by its whole path.
type LeafVisitor<'a> = dyn FnMut(Nibbles, &[u8]) -> Result<(), TrieError> + 'a;

/// Visits the leaves of a trie in order, with their whole paths.
fn walk(
    root: B256,
    loader: &Loader<'_>,
    nodes: &mut u64,
    visit: &mut LeafVisitor<'_>,
) -> Result<(), TrieError> {
    let mut load = |path: &Nibbles, hash| {
        *nodes += 1;
        loader.load(path, hash)
    };
    let mut stack = vec![(Nibbles::new(), load(&Nibbles::new(), root)?)];
    while let Some((path, rlp)) = stack.pop() {
        let malformed = || TrieError::Malformed { path: loader.at(&path) };
        let children = match codec::decode(&rlp).ok_or_else(malformed)? {
            Node::Leaf { key, value } => {
                let path = path.join(&key);
                if path.len() != 64 {
                    return Err(malformed());
                }
                visit(path, &value)?;
                continue;
            }
            Node::Extension(extension) => vec![(path.join(&extension.key), extension.child)],
            Node::Branch(branch) if branch.value.is_none() => {
                let below = |nibble| path.join(&Nibbles::from_nibbles([nibble]));
                branch.nibbles().map(below).zip(branch.children).collect()
            }
            Node::Branch(_) | Node::Vacant => return Err(malformed()),
        };
        // The first child is on top of the stack.
        for (path, child) in children.into_iter().rev() {
            let rlp = match child.hash() {
                Some(hash) => load(&path, hash)?,
                None => Bytes::copy_from_slice(child.name()),
            };
            stack.push((path, rlp));
        }
    }
    Ok(())
}
