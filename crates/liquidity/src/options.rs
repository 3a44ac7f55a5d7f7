//! What to follow and how much to keep.

use weir_arena::{ArenaConfig, DEFAULT_RING_BLOCKS, Discovery, PoolStatic};
use weir_feed::Completeness;

/// Which pools to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolSelection {
    /// These, from a whitelist.
    Listed(Vec<PoolStatic>),
    /// Those that factories create, from the chain's beginning on.
    Discovered(Discovery),
}

/// Settings of a [`LiquidityDriver`](crate::LiquidityDriver).
#[derive(Debug, Clone)]
pub struct LiquidityOptions {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Which pools to follow.
    pub pools: PoolSelection,
    /// Blocks that can be reverted without a rebuild, and asked for by number.
    pub ring_blocks: usize,
    /// Seconds that can be reverted, at least; on fast chains a number of blocks alone is a short time.
    pub ring_seconds: u64,
    /// How the source of updates knows that no log is missing.
    pub completeness: Completeness,
}

impl LiquidityOptions {
    /// A node's own chain: every pool that any factory creates, 128 blocks.
    pub const fn own_chain(chain_id: u64) -> Self {
        Self {
            chain_id,
            pools: PoolSelection::Discovered(Discovery::All),
            ring_blocks: DEFAULT_RING_BLOCKS,
            ring_seconds: 0,
            completeness: Completeness::ExecutedInNode,
        }
    }

    pub(crate) fn arena_config(&self) -> ArenaConfig {
        let discovery = match &self.pools {
            PoolSelection::Listed(_) => Discovery::Off,
            PoolSelection::Discovered(discovery) => discovery.clone(),
        };
        ArenaConfig {
            ring_blocks: self.ring_blocks,
            ring_seconds: self.ring_seconds,
            discovery,
            ..ArenaConfig::new(self.chain_id)
        }
    }
}
