//! What sealing a block gives.

use alloy_primitives::Bytes;
use std::sync::Arc;
use weir_evm::BlockAccesses;
use weir_primitives::ExecutedBlock;
use weir_trie::{HashedDiff, TrieUpdates};

/// A sealed block with all that a store writes for it, in one atomic commit.
#[derive(Debug, Clone)]
pub struct SealedOutput {
    /// The block, its receipts and what it changed, by plain keys.
    pub executed: ExecutedBlock,
    /// What it changed, by hashed keys.
    pub hashed: HashedDiff,
    /// What it read of the state before it.
    pub accesses: Arc<BlockAccesses>,
    /// The trie nodes that it changed.
    pub updates: TrieUpdates,
    /// The nodes of the state before it that it needs, if the trie took down a witness.
    pub witness: Option<Vec<Bytes>>,
}
