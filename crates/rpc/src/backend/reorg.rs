//! A reorg that a developer asks for.

use alloy_primitives::B256;
use serde::Deserialize;
use weir_primitives::BlockRef;

/// What becomes of the transactions of the blocks that leave the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReorgTransactions {
    /// They are executed again, in order, in the blocks that take the place; what does not fit goes back to the pool.
    Replay,
    /// They go back to the pool.
    Return,
    /// They are forgotten, also over a restart.
    Drop,
}

/// Which blocks leave the chain, and what takes their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReorgRequest {
    /// Blocks to take off, the head first.
    pub depth: u64,
    /// Blocks to put in their place; `None` if nothing does and the chain is shorter.
    pub new_blocks: Option<u64>,
    /// What becomes of the transactions.
    pub transactions: ReorgTransactions,
}

/// What a reorg did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReorgOutcome {
    /// The parent of both branches.
    pub ancestor: BlockRef,
    /// The blocks that left the chain, oldest first.
    pub old: Vec<BlockRef>,
    /// The blocks that took their place, oldest first.
    pub new: Vec<BlockRef>,
    /// Transactions that were executed again.
    pub replayed: u64,
    /// Transactions that are back in the pool.
    pub returned: u64,
    /// Transactions that are gone; `weir_transactionStatus` says why.
    pub dropped: Vec<B256>,
}
