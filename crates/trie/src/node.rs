//! Nodes as they lie in memory.

use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::B256;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};

/// The link of a child that is not in memory.
pub(crate) const NO_LINK: u32 = u32::MAX;

/// Shortest RLP that is referred to by hash instead of standing inside the parent.
pub(crate) const HASHED_NODE_BYTES: usize = 32;

/// A parent's view of a child: where it lies in memory, if it does, and how the parent's RLP names it.
///
/// `len` is 32 for a hash, less for a node that stands inside its parent, and 0 if the child changed since.
#[derive(Clone, Copy)]
pub(crate) struct Child {
    pub(crate) link: u32,
    len: u8,
    bytes: [u8; HASHED_NODE_BYTES],
}

impl Child {
    /// A child that is not in memory and known by hash.
    pub(crate) const fn hashed(hash: B256) -> Self {
        Self { link: NO_LINK, len: HASHED_NODE_BYTES as u8, bytes: hash.0 }
    }

    /// A child that is not in memory and whose RLP (shorter than 32 bytes) is known.
    pub(crate) fn embedded(rlp: &[u8]) -> Self {
        let mut bytes = [0; HASHED_NODE_BYTES];
        bytes[..rlp.len()].copy_from_slice(rlp);
        Self { link: NO_LINK, len: rlp.len() as u8, bytes }
    }

    /// A child in memory whose hash is not computed yet.
    pub(crate) const fn linked(link: u32) -> Self {
        Self { link, len: 0, bytes: [0; HASHED_NODE_BYTES] }
    }

    /// The root of a trie without leaves.
    pub(crate) const fn empty_root() -> Self {
        Self::hashed(EMPTY_ROOT_HASH)
    }

    /// Whether the child changed since its hash was computed.
    pub(crate) const fn is_stale(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn mark_stale(&mut self) {
        self.len = 0;
    }

    /// Takes the name of `other`, keeping the link.
    pub(crate) const fn rename(&mut self, other: &Self) {
        self.len = other.len;
        self.bytes = other.bytes;
    }

    /// The hash, if the child is named by one.
    pub(crate) const fn hash(&self) -> Option<B256> {
        if self.len as usize == HASHED_NODE_BYTES { Some(B256::new(self.bytes)) } else { None }
    }

    /// The hash or the embedded RLP; empty if stale.
    pub(crate) fn name(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

/// A branch: up to sixteen children, in order of their nibble, and possibly a value.
///
/// Tries of hashed keys have no values in branches; the transaction-index and test tries do.
#[derive(Default)]
pub(crate) struct Branch {
    pub(crate) mask: u16,
    pub(crate) children: Vec<Child>,
    pub(crate) value: Option<Box<[u8]>>,
}

impl Branch {
    /// Index in `children` of the child at `nibble`.
    pub(crate) const fn position(&self, nibble: u8) -> Option<usize> {
        if self.mask & (1 << nibble) == 0 { None } else { Some(self.rank(nibble)) }
    }

    /// Number of children before `nibble`.
    const fn rank(&self, nibble: u8) -> usize {
        (self.mask & ((1 << nibble) - 1)).count_ones() as usize
    }

    pub(crate) fn insert(&mut self, nibble: u8, child: Child) {
        debug_assert!(self.position(nibble).is_none(), "a nibble has one child");
        if self.children.len() == self.children.capacity() {
            // Room for 2, 4, 8, 16: never more than twice what is needed.
            self.children.reserve_exact(self.children.len().max(2));
        }
        self.children.insert(self.rank(nibble), child);
        self.mask |= 1 << nibble;
    }

    pub(crate) fn remove(&mut self, nibble: u8) {
        if let Some(position) = self.position(nibble) {
            self.children.remove(position);
            self.mask &= !(1 << nibble);
        }
    }

    /// Nibbles that have a child, ascending, in step with `children`.
    pub(crate) fn nibbles(&self) -> impl Iterator<Item = u8> + use<> {
        let mask = self.mask;
        (0..16u8).filter(move |nibble| mask & (1 << nibble) != 0)
    }
}

/// A shared run of nibbles and the branch below it.
pub(crate) struct Extension {
    pub(crate) key: Nibbles,
    pub(crate) child: Child,
}

/// A node in memory.
pub(crate) enum Node {
    /// An unused slot of the arena.
    Vacant,
    Leaf {
        key: Nibbles,
        value: Box<[u8]>,
    },
    Extension(Box<Extension>),
    Branch(Branch),
}

impl Node {
    pub(crate) fn extension(key: Nibbles, child: Child) -> Self {
        Self::Extension(Box::new(Extension { key, child }))
    }

    /// Nibbles that the node itself covers.
    pub(crate) fn key_len(&self) -> usize {
        match self {
            Self::Leaf { key, .. } => key.len(),
            Self::Extension(extension) => extension.key.len(),
            Self::Branch(_) | Self::Vacant => 0,
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Vacant => 0,
            Self::Leaf { value, .. } => value.len(),
            Self::Extension(_) => size_of::<Extension>(),
            Self::Branch(branch) => {
                branch.children.capacity() * size_of::<Child>()
                    + branch.value.as_ref().map_or(0, |value| value.len())
            }
        }
    }

    /// The children with the nibbles that lead to each.
    pub(crate) fn children(&self) -> &[Child] {
        match self {
            Self::Vacant | Self::Leaf { .. } => &[],
            Self::Extension(extension) => core::slice::from_ref(&extension.child),
            Self::Branch(branch) => &branch.children,
        }
    }

    /// The children, to be changed.
    pub(crate) fn children_mut(&mut self) -> &mut [Child] {
        match self {
            Self::Vacant | Self::Leaf { .. } => &mut [],
            Self::Extension(extension) => core::slice::from_mut(&mut extension.child),
            Self::Branch(branch) => &mut branch.children,
        }
    }
}
