//! What can go wrong between the trie and the nodes it is loaded from.

use crate::NodePath;
use alloc::sync::Arc;
use alloy_primitives::B256;
use core::error::Error;

/// Why a trie could not be changed or read.
///
/// None of these can be repaired by asking again: the source does not hold the trie whose root was given.
/// `Source` is the exception, and its retry is the source's business.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TrieError {
    /// The source has no node at a path where its parent names one.
    #[error("trie node is missing: {path} expected={expected}")]
    Missing {
        /// Where the node should be.
        path: NodePath,
        /// The hash its parent (or the root) gives.
        expected: B256,
    },
    /// The source holds another node than the parent names: it is stale, of another chain, or corrupt.
    #[error("trie node has the wrong hash: {path} expected={expected} found={found}")]
    Mismatch {
        /// Where the node is.
        path: NodePath,
        /// The hash its parent (or the root) gives.
        expected: B256,
        /// The hash of what the source holds.
        found: B256,
    },
    /// The bytes of a node are not a trie node, or not one that can stand at this path.
    #[error("trie node is malformed: {path}")]
    Malformed {
        /// Where the node is.
        path: NodePath,
    },
    /// The leaf of an account is not `[nonce, balance, storage root, code hash]`.
    #[error("account leaf is malformed: account={account}")]
    MalformedAccount {
        /// Keccak-256 of the address.
        account: B256,
    },
    /// An earlier `apply` failed half way; build the trie anew from the last root.
    #[error("trie is poisoned by an earlier error")]
    Poisoned,
    /// The source failed.
    #[error("trie node source failed: {0}")]
    Source(#[source] Arc<dyn Error + Send + Sync>),
}

impl TrieError {
    /// Wraps an error of the node source.
    pub fn source(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Source(Arc::new(error))
    }
}
