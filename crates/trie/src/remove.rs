//! Removal, and the collapse of what it leaves behind.

use crate::{
    TrieError,
    merkle::{MerkleTrie, Place},
    node::{Child, Node},
    source::Loader,
};
use alloc::vec::Vec;
use alloy_trie::Nibbles;

impl MerkleTrie {
    /// Removes a key; answers whether it was there.
    ///
    /// After an error the trie may hold a branch with a single child: it must not be used again.
    pub(crate) fn remove(&mut self, key: &Nibbles, loader: &Loader<'_>) -> Result<bool, TrieError> {
        let mut trail = self.borrow_trail();
        let result = self.remove_below(key, &mut trail, loader);
        if matches!(result, Ok(true)) {
            self.mark_stale(&trail);
        }
        self.return_trail(trail);
        result
    }

    fn remove_below(
        &mut self,
        key: &Nibbles,
        trail: &mut Vec<Place>,
        loader: &Loader<'_>,
    ) -> Result<bool, TrieError> {
        let (mut place, mut depth) = (Place::Root, self.prefix.len());
        loop {
            trail.push(place);
            let Some(index) = self.open(place, || key.slice(..depth), loader)? else {
                return Ok(false);
            };
            match &self.slots[index as usize].node {
                Node::Branch(branch) if depth < key.len() => {
                    let Some(position) = branch.position(key.get_unchecked(depth)) else {
                        return Ok(false);
                    };
                    (place, depth) = (Place::Branch { index, position: position as u8 }, depth + 1);
                }
                Node::Extension(extension) if key.slice(depth..).starts_with(&extension.key) => {
                    (place, depth) = (Place::Extension(index), depth + extension.key.len());
                }
                Node::Leaf { key: rest, .. } if *rest == key.slice(depth..) => {
                    self.remove_leaf(index, key, depth, trail, loader)?;
                    return Ok(true);
                }
                Node::Branch(branch) if branch.value.is_some() => {
                    self.remove_branch_value(index);
                    self.collapse(index, key.slice(..depth), trail, loader)?;
                    return Ok(true);
                }
                _ => return Ok(false),
            }
        }
    }

    fn remove_branch_value(&mut self, index: u32) {
        let before = self.slots[index as usize].node.heap_bytes();
        if let Node::Branch(branch) = &mut self.slots[index as usize].node {
            branch.value = None;
        }
        self.account_heap(before, index);
    }

    /// Removes the leaf at the end of the trail and mends the branch above it.
    fn remove_leaf(
        &mut self,
        index: u32,
        key: &Nibbles,
        depth: usize,
        trail: &mut Vec<Place>,
        loader: &Loader<'_>,
    ) -> Result<(), TrieError> {
        let path = key.slice(..depth);
        match trail.last().copied() {
            Some(Place::Branch { index: parent, .. }) => {
                self.release(index, || path);
                let before = self.slots[parent as usize].node.heap_bytes();
                if let Node::Branch(branch) = &mut self.slots[parent as usize].node {
                    branch.remove(key.get_unchecked(depth - 1));
                }
                self.account_heap(before, parent);
                trail.pop();
                self.collapse(parent, key.slice(..depth - 1), trail, loader)
            }
            Some(Place::Extension(_)) => Err(TrieError::Malformed { path: loader.at(&path) }),
            Some(Place::Root) | None => {
                self.release(index, || path);
                self.root = Child::empty_root();
                trail.clear();
                Ok(())
            }
        }
    }

    /// Turns a branch that has one entry left into the leaf or extension it must be.
    ///
    /// `trail` ends with the place of the branch; places of nodes that are absorbed are taken off it.
    fn collapse(
        &mut self,
        index: u32,
        path: Nibbles,
        trail: &mut Vec<Place>,
        loader: &Loader<'_>,
    ) -> Result<(), TrieError> {
        let Node::Branch(branch) = &self.slots[index as usize].node else { return Ok(()) };
        let entries = branch.children.len() + usize::from(branch.value.is_some());
        if entries > 1 {
            return Ok(());
        }
        let only = branch.nibbles().next();
        let collapsed = match only {
            Some(nibble) => self.join_with_child(index, path, nibble, loader)?,
            None => match self.take(index) {
                Node::Branch(branch) => Node::Leaf {
                    key: Nibbles::new(),
                    value: branch.value.expect("a branch of a trie has an entry"),
                },
                _ => unreachable!("the node was a branch above"),
            },
        };
        match trail.last().copied() {
            Some(Place::Extension(above)) => {
                self.join_with_extension(above, collapsed);
                self.release(index, || path);
                trail.pop();
            }
            _ => self.put(index, collapsed),
        }
        Ok(())
    }

    /// Takes the branch at `index`, whose only child is at `nibble`, and returns what stands in its stead.
    fn join_with_child(
        &mut self,
        index: u32,
        path: Nibbles,
        nibble: u8,
        loader: &Loader<'_>,
    ) -> Result<Node, TrieError> {
        let mut child_path = path;
        child_path.push(nibble);
        let place = Place::Branch { index, position: 0 };
        let child = self.open(place, || child_path, loader)?;
        let child = child.expect("only a root can be empty");
        let reference = *self.child(place);
        drop(self.take(index));
        let prefix = Nibbles::from_nibbles([nibble]);
        Ok(match &self.slots[child as usize].node {
            // The child stays where it is, at the same path, with the same name.
            Node::Branch(_) => Node::extension(prefix, reference),
            _ => {
                let node = self.take(child);
                self.release(child, || child_path);
                prepend(&prefix, node)
            }
        })
    }

    /// Lets an extension absorb the leaf or extension that its branch became.
    fn join_with_extension(&mut self, index: u32, below: Node) {
        if let Node::Extension(extension) = self.take(index) {
            self.put(index, prepend(&extension.key, below));
        }
    }
}

impl MerkleTrie {
    /// Lets the part of a trie that alone holds keys take the place of the branch above it, which may be stored.
    pub(crate) fn rise(
        &mut self,
        is_branch_stored: bool,
        loader: &Loader<'_>,
    ) -> Result<(), TrieError> {
        let prefix = core::mem::take(&mut self.prefix);
        let index = self.open(Place::Root, || prefix, loader)?;
        let index = index.expect("the part holds keys");
        let node = match &self.slots[index as usize].node {
            // It stays where it is, at the same path, with the same name.
            Node::Branch(_) => Node::extension(prefix, self.root),
            _ => {
                let node = self.take(index);
                self.release(index, || prefix);
                prepend(&prefix, node)
            }
        };
        let top = self.alloc(node);
        self.slots[top as usize].is_stored = is_branch_stored;
        self.root = Child::linked(top);
        Ok(())
    }
}

/// A leaf or extension with a longer key.
fn prepend(prefix: &Nibbles, node: Node) -> Node {
    match node {
        Node::Leaf { key, value } => Node::Leaf { key: prefix.join(&key), value },
        Node::Extension(below) => Node::extension(prefix.join(&below.key), below.child),
        Node::Branch(_) | Node::Vacant => unreachable!("a branch has no key"),
    }
}
