//! Where nodes come from that are not in memory.

use crate::TrieError;
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;
use core::fmt;

/// Read access to the stored nodes of one state, by path.
///
/// Nodes shorter than 32 bytes stand inside their parent and are not stored, except the root.
/// The trie checks the hash of what it gets, so a source need not, unless it says that it does. A source must hold
/// every change that was taken from the trie and is no longer in its memory.
pub trait NodeSource: Send + Sync {
    /// RLP of the node of the account trie at `path`.
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError>;

    /// RLP of the node at `path` of the storage trie of `account` (Keccak-256 of the address).
    fn storage_node(&self, account: &B256, path: &Nibbles) -> Result<Option<Bytes>, TrieError>;

    /// RLP of the node that stands at `at` and that its parent names by `hash`: what tries ask for.
    ///
    /// By default the node at that path. A source that keeps nodes by their hash answers by the hash.
    fn named_node(&self, at: &NodePath, _hash: B256) -> Result<Option<Bytes>, TrieError> {
        match &at.account {
            None => self.account_node(&at.path),
            Some(account) => self.storage_node(account, &at.path),
        }
    }

    /// Whether what [`Self::named_node`] gives is known to have the hash that was asked for. It is not hashed again then.
    fn answers_by_hash(&self) -> bool {
        false
    }
}

impl<T: NodeSource + ?Sized> NodeSource for alloc::sync::Arc<T> {
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        (**self).account_node(path)
    }
    fn storage_node(&self, account: &B256, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        (**self).storage_node(account, path)
    }
    fn named_node(&self, at: &NodePath, hash: B256) -> Result<Option<Bytes>, TrieError> {
        (**self).named_node(at, hash)
    }
    fn answers_by_hash(&self) -> bool {
        (**self).answers_by_hash()
    }
}

/// The source that holds nothing: right for a trie that starts empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyNodes;

impl NodeSource for EmptyNodes {
    fn account_node(&self, _path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(None)
    }
    fn storage_node(&self, _account: &B256, _path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        Ok(None)
    }
}

/// A node's place: in the account trie, or in the storage trie of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePath {
    /// Keccak-256 of the address whose storage trie it is; `None` for the account trie.
    pub account: Option<B256>,
    /// Nibbles from the root of that trie.
    pub path: Nibbles,
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(account) = &self.account {
            write!(f, "account={account} ")?;
        }
        f.write_str("path=0x")?;
        self.path.iter().try_for_each(|nibble| write!(f, "{nibble:x}"))
    }
}

/// A source narrowed to one trie, with the check of hashes.
#[derive(Clone, Copy)]
pub(crate) struct Loader<'a> {
    pub(crate) source: &'a dyn NodeSource,
    pub(crate) account: Option<B256>,
}

impl Loader<'_> {
    /// Loads the node at `path` and checks that it is the one its parent names.
    pub(crate) fn load(&self, path: &Nibbles, expected: B256) -> Result<Bytes, TrieError> {
        let rlp = self.source.named_node(&self.at(path), expected)?;
        let rlp = rlp.ok_or_else(|| TrieError::Missing { path: self.at(path), expected })?;
        if self.source.answers_by_hash() {
            return Ok(rlp);
        }
        let found = alloy_primitives::keccak256(&rlp);
        if found != expected {
            return Err(TrieError::Mismatch { path: self.at(path), expected, found });
        }
        Ok(rlp)
    }

    /// The full name of a node of this trie.
    pub(crate) const fn at(&self, path: &Nibbles) -> NodePath {
        NodePath { account: self.account, path: *path }
    }
}
