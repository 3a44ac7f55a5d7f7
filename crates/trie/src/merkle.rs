//! One Merkle-Patricia trie: nodes in an arena, loaded when first needed.

use crate::{
    NodePath, TrieError, codec,
    node::{Branch, Child, NO_LINK, Node},
    notes::Notes,
    source::Loader,
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// Nibbles in the longest path: a 32-byte key.
const PATH_NIBBLES_MAX: usize = 64;

/// A node with what the trie must remember about it.
pub(crate) struct Slot {
    pub(crate) node: Node,
    /// The last epoch in which a walk went through the node; never less than its children's.
    pub(crate) epoch: u32,
    /// Whether the store, together with the updates not yet taken, holds a node at this node's path.
    pub(crate) is_stored: bool,
}

/// Where a reference to a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    Extension(u32),
    Branch { index: u32, position: u8 },
}

/// Where the walk to a key ends.
#[derive(Clone, Copy)]
enum End {
    /// The trie is empty.
    Vacant,
    /// At a branch without a child for the next nibble, which stands at this depth.
    Gap { index: u32, depth: usize },
    /// At a node that holds the key's value, or must be split to hold it.
    Node { index: u32, depth: usize },
}

/// A trie of byte-string keys of at most 32 bytes.
///
/// Invariant: the references from the root to every changed node are stale, all others are named.
pub(crate) struct MerkleTrie {
    pub(crate) slots: Vec<Slot>,
    pub(crate) free: Vec<u32>,
    pub(crate) root: Child,
    /// Where the root of this trie stands in the trie that it is a part of; empty if it is whole. Keys are whole all the
    /// same.
    pub(crate) prefix: Nibbles,
    /// Stamp that walks leave on nodes; the owner advances it.
    pub(crate) epoch: u32,
    /// The first epoch whose visits are noted; 0 if none are.
    pub(crate) since: u32,
    /// Nodes visited since, as they were before.
    pub(crate) notes: Notes,
    /// Changes to the stored nodes, oldest first; a path may occur more than once.
    pub(crate) updates: Vec<(Nibbles, Option<Bytes>)>,
    pub(crate) heap_bytes: usize,
    /// The references that the present walk went through, kept to save its allocation.
    trail: Vec<Place>,
}

impl MerkleTrie {
    /// A trie of which only the root hash is known.
    pub(crate) fn new(root: B256) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            root: Child::hashed(root),
            prefix: Nibbles::new(),
            epoch: 0,
            since: 0,
            notes: Notes::default(),
            updates: Vec::new(),
            heap_bytes: 0,
            trail: Vec::new(),
        }
    }

    /// The empty part at `prefix` of a trie.
    pub(crate) fn below(prefix: Nibbles, epoch: u32) -> Self {
        Self { prefix, epoch, ..Self::new(EMPTY_ROOT_HASH) }
    }

    /// Whether it holds no key.
    pub(crate) fn is_gone(&self) -> bool {
        self.root.link == NO_LINK && self.root.hash() == Some(EMPTY_ROOT_HASH)
    }

    /// Nodes in memory.
    pub(crate) const fn node_count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Bytes in memory.
    pub(crate) const fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.slots.capacity() * size_of::<Slot>() + self.heap_bytes
    }

    /// The value at `key`.
    pub(crate) fn get(
        &mut self,
        key: &Nibbles,
        loader: &Loader<'_>,
    ) -> Result<Option<&[u8]>, TrieError> {
        let (mut place, mut depth) = (Place::Root, self.prefix.len());
        loop {
            let Some(index) = self.open(place, || key.slice(..depth), loader)? else {
                return Ok(None);
            };
            let next = match &self.slots[index as usize].node {
                Node::Extension(extension) => {
                    let is_below = key.slice(depth..).starts_with(&extension.key);
                    is_below.then_some((Place::Extension(index), extension.key.len()))
                }
                Node::Branch(branch) if depth < key.len() => branch
                    .position(key.get_unchecked(depth))
                    .map(|position| (Place::Branch { index, position: position as u8 }, 1)),
                Node::Leaf { .. } | Node::Branch(_) | Node::Vacant => None,
            };
            match next {
                Some((next, nibbles)) => (place, depth) = (next, depth + nibbles),
                None => return Ok(self.value_of(index, &key.slice(depth..))),
            }
        }
    }

    /// The value that a node holds for the key whose rest, below the node, is `rest`.
    fn value_of(&self, index: u32, rest: &Nibbles) -> Option<&[u8]> {
        match &self.slots[index as usize].node {
            Node::Leaf { key, value } if key == rest => Some(value),
            Node::Branch(branch) if rest.is_empty() => branch.value.as_deref(),
            _ => None,
        }
    }

    /// Writes a value; answers whether anything changed.
    pub(crate) fn insert(
        &mut self,
        key: &Nibbles,
        value: &[u8],
        loader: &Loader<'_>,
    ) -> Result<bool, TrieError> {
        self.replace(key, loader, |_| Ok(value))
    }

    /// Writes what `make` makes of the present value; answers whether anything changed. One walk for both.
    pub(crate) fn replace<V: AsRef<[u8]>>(
        &mut self,
        key: &Nibbles,
        loader: &Loader<'_>,
        make: impl FnOnce(Option<&[u8]>) -> Result<V, TrieError>,
    ) -> Result<bool, TrieError> {
        let mut trail = self.borrow_trail();
        let result = self.walk(key, &mut trail, loader).and_then(|end| {
            let value = make(self.value_at(end, key))?;
            let value = value.as_ref();
            debug_assert!(!value.is_empty(), "an empty value is a removal");
            Ok(self.write_at(end, key, value))
        });
        if matches!(result, Ok(true)) {
            self.mark_stale(&trail);
        }
        self.return_trail(trail);
        result
    }

    /// Goes as far towards `key` as the trie does. The references taken are put on the trail.
    fn walk(
        &mut self,
        key: &Nibbles,
        trail: &mut Vec<Place>,
        loader: &Loader<'_>,
    ) -> Result<End, TrieError> {
        let (mut place, mut depth) = (Place::Root, self.prefix.len());
        loop {
            trail.push(place);
            let Some(index) = self.open(place, || key.slice(..depth), loader)? else {
                return Ok(End::Vacant);
            };
            match &self.slots[index as usize].node {
                Node::Branch(branch) if depth < key.len() => {
                    let Some(position) = branch.position(key.get_unchecked(depth)) else {
                        return Ok(End::Gap { index, depth });
                    };
                    (place, depth) = (Place::Branch { index, position: position as u8 }, depth + 1);
                }
                Node::Extension(extension) if key.slice(depth..).starts_with(&extension.key) => {
                    (place, depth) = (Place::Extension(index), depth + extension.key.len());
                }
                _ => return Ok(End::Node { index, depth }),
            }
        }
    }

    fn value_at(&self, end: End, key: &Nibbles) -> Option<&[u8]> {
        match end {
            End::Vacant | End::Gap { .. } => None,
            End::Node { index, depth } => self.value_of(index, &key.slice(depth..)),
        }
    }

    fn write_at(&mut self, end: End, key: &Nibbles, value: &[u8]) -> bool {
        match end {
            End::Vacant => {
                let key = key.slice(self.prefix.len()..);
                let leaf = self.alloc(Node::Leaf { key, value: value.into() });
                self.root = Child::linked(leaf);
                true
            }
            End::Gap { index, depth } => {
                self.add_leaf(index, key.get_unchecked(depth), key.slice(depth + 1..), value);
                true
            }
            End::Node { index, depth } => self.write_value(index, &key.slice(depth..), value),
        }
    }

    /// Ends an insertion at the node where the walk ended.
    fn write_value(&mut self, index: u32, rest: &Nibbles, value: &[u8]) -> bool {
        if self.value_of(index, rest) == Some(value) {
            return false;
        }
        let before = self.slots[index as usize].node.heap_bytes();
        let is_written = match &mut self.slots[index as usize].node {
            Node::Leaf { key, value: old } if key == rest => {
                *old = value.into();
                true
            }
            Node::Branch(branch) => {
                branch.value = Some(value.into());
                true
            }
            _ => false,
        };
        if is_written {
            self.account_heap(before, index);
        } else {
            self.split(index, rest, value);
        }
        true
    }

    fn add_leaf(&mut self, index: u32, nibble: u8, key: Nibbles, value: &[u8]) {
        let leaf = self.alloc(Node::Leaf { key, value: value.into() });
        let before = self.slots[index as usize].node.heap_bytes();
        if let Node::Branch(branch) = &mut self.slots[index as usize].node {
            branch.insert(nibble, Child::linked(leaf));
        }
        self.account_heap(before, index);
    }

    /// Replaces a leaf or extension that `rest` leaves half way by a branch, below an extension if they share a prefix.
    fn split(&mut self, index: u32, rest: &Nibbles, value: &[u8]) {
        let mut branch = Branch::default();
        let common = match self.take(index) {
            Node::Leaf { key, value: old } => {
                let common = key.common_prefix_length(rest);
                if key.len() == common {
                    branch.value = Some(old);
                } else {
                    let moved = Node::Leaf { key: key.slice(common + 1..), value: old };
                    branch.insert(key.get_unchecked(common), Child::linked(self.alloc(moved)));
                }
                common
            }
            Node::Extension(old) => {
                let common = old.key.common_prefix_length(rest);
                let below = old.key.slice(common + 1..);
                let child = if below.is_empty() {
                    old.child
                } else {
                    Child::linked(self.alloc(Node::extension(below, old.child)))
                };
                branch.insert(old.key.get_unchecked(common), child);
                common
            }
            Node::Branch(_) | Node::Vacant => unreachable!("only leaves and extensions split"),
        };
        if rest.len() == common {
            branch.value = Some(value.into());
        } else {
            let leaf = Node::Leaf { key: rest.slice(common + 1..), value: value.into() };
            branch.insert(rest.get_unchecked(common), Child::linked(self.alloc(leaf)));
        }
        let branch = Node::Branch(branch);
        let top = if common == 0 {
            branch
        } else {
            let below = self.alloc(branch);
            Node::extension(rest.slice(..common), Child::linked(below))
        };
        self.put(index, top);
    }

    /// Brings the node at `place` into memory; `None` if the trie is empty.
    pub(crate) fn open(
        &mut self,
        place: Place,
        path: impl FnOnce() -> Nibbles,
        loader: &Loader<'_>,
    ) -> Result<Option<u32>, TrieError> {
        let child = self.child(place);
        if child.link != NO_LINK {
            let (index, is_named) = (child.link, child.hash().is_some());
            let slot = &mut self.slots[index as usize];
            let is_first = slot.epoch < self.since;
            slot.epoch = self.epoch;
            if is_first && is_named {
                self.note(index);
            }
            return Ok(Some(index));
        }
        let child = *child;
        if place == Place::Root && child.hash() == Some(EMPTY_ROOT_HASH) {
            return Ok(None);
        }
        let path = path();
        let (node, is_stored) = match child.hash() {
            Some(hash) => {
                let rlp = loader.load(&path, hash)?;
                if self.since > 0 {
                    self.notes.push(&rlp);
                }
                (codec::decode(&rlp), true)
            }
            None => (codec::decode(child.name()), false),
        };
        let node = node
            .filter(|node| path.len() + node.key_len() <= PATH_NIBBLES_MAX)
            .ok_or(TrieError::Malformed { path: NodePath { account: loader.account, path } })?;
        let index = self.alloc(node);
        self.slots[index as usize].is_stored = is_stored;
        self.child_mut(place).link = index;
        Ok(Some(index))
    }

    /// The reference at `place`.
    pub(crate) fn child(&self, place: Place) -> &Child {
        match place {
            Place::Root => &self.root,
            Place::Extension(index) => &self.slots[index as usize].node.children()[0],
            Place::Branch { index, position } => {
                &self.slots[index as usize].node.children()[position as usize]
            }
        }
    }

    /// The reference at `place`, to be changed.
    pub(crate) fn child_mut(&mut self, place: Place) -> &mut Child {
        match place {
            Place::Root => &mut self.root,
            Place::Extension(index) => &mut self.slots[index as usize].node.children_mut()[0],
            Place::Branch { index, position } => {
                &mut self.slots[index as usize].node.children_mut()[position as usize]
            }
        }
    }

    pub(crate) fn mark_stale(&mut self, trail: &[Place]) {
        for place in trail {
            self.child_mut(*place).mark_stale();
        }
    }

    pub(crate) fn alloc(&mut self, node: Node) -> u32 {
        self.heap_bytes += node.heap_bytes();
        let slot = Slot { node, epoch: self.epoch, is_stored: false };
        if let Some(index) = self.free.pop() {
            self.slots[index as usize] = slot;
            return index;
        }
        let index = u32::try_from(self.slots.len()).ok().filter(|index| *index != NO_LINK);
        self.slots.push(slot);
        index.expect("an arena holds fewer than 2^32 nodes: memory ends long before")
    }

    /// Takes the node out of its slot, which is then vacant but still owned by the caller.
    pub(crate) fn take(&mut self, index: u32) -> Node {
        let node = core::mem::replace(&mut self.slots[index as usize].node, Node::Vacant);
        self.heap_bytes -= node.heap_bytes();
        node
    }

    /// Puts a node into a slot whose node was taken.
    pub(crate) fn put(&mut self, index: u32, node: Node) {
        self.heap_bytes += node.heap_bytes();
        self.slots[index as usize].node = node;
    }

    /// Gives the slot of a node that is no more back to the arena, and its path to the deletions.
    pub(crate) fn release(&mut self, index: u32, path: impl FnOnce() -> Nibbles) {
        drop(self.take(index));
        if self.slots[index as usize].is_stored {
            self.updates.push((path(), None));
        }
        self.free.push(index);
    }

    /// Corrects the byte count after a node was changed in place.
    pub(crate) fn account_heap(&mut self, before: usize, index: u32) {
        self.heap_bytes = self.heap_bytes - before + self.slots[index as usize].node.heap_bytes();
    }

    /// The changes since the last call: sorted by path, the last of each path.
    pub(crate) fn take_updates(&mut self) -> Vec<(Nibbles, Option<Bytes>)> {
        let mut updates = core::mem::take(&mut self.updates);
        updates.sort_by_key(|(path, _)| *path);
        updates.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                core::mem::swap(later, kept);
            }
            is_same
        });
        updates
    }

    /// A scratch buffer for a walk; give it back with [`Self::return_trail`].
    pub(crate) fn borrow_trail(&mut self) -> Vec<Place> {
        let mut trail = core::mem::take(&mut self.trail);
        trail.clear();
        trail
    }

    pub(crate) fn return_trail(&mut self, trail: Vec<Place>) {
        self.trail = trail;
    }
}
