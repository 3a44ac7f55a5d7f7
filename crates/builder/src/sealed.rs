//! What sealing a block gives.

use weir_primitives::ExecutedBlock;
use weir_trie::{HashedDiff, TrieUpdates};

/// A sealed block with all that a store writes for it, in one atomic commit.
#[derive(Debug, Clone)]
pub struct SealedOutput {
    /// The block, its receipts and what it changed, by plain keys.
    pub executed: ExecutedBlock,
    /// What it changed, by hashed keys.
    pub hashed: HashedDiff,
    /// The trie nodes that it changed.
    pub updates: TrieUpdates,
}
