//! Settings of an engine that reads states from a node.

use std::time::Duration;
use weir_arena::{ArenaConfig, DEFAULT_RING_BLOCKS, Discovery};
use weir_feed::Completeness;

/// Settings of a [`SourceEngine`](crate::SourceEngine).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceOptions {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Whether a whitelist says which pools to follow. No block is applied before its first full list then.
    pub has_whitelist: bool,
    /// Whose new pools join by themselves.
    pub discovery: Discovery,
    /// Blocks that can be reverted and asked for by number.
    pub ring_blocks: usize,
    /// Seconds that can be reverted, at least.
    pub ring_seconds: u64,
    /// The weakest proof of completeness that is traded on.
    pub completeness_min: Completeness,
    /// Blocks whose events are kept for pools that are being read. A read that takes longer is made anew at a newer block.
    pub window_blocks: usize,
    /// Pools read in one request.
    pub batch_pools: usize,
    /// Requests under way at once.
    pub batches_max: usize,
    /// Blocks that the source may be ahead.
    pub lag_blocks_max: u64,
    /// Age at which the whitelist counts as stale.
    pub whitelist_age_max: Duration,
    /// Pools compared with the node after each update; zero for none.
    pub samples: usize,
    /// Where the choice of pools to compare begins.
    pub sample_seed: u64,
}

impl SourceOptions {
    /// The defaults: a whitelist, no discovery, 128 blocks, receipts checked, two samples a block.
    pub const fn new(chain_id: u64) -> Self {
        Self {
            chain_id,
            has_whitelist: true,
            discovery: Discovery::Off,
            ring_blocks: DEFAULT_RING_BLOCKS,
            ring_seconds: 0,
            completeness_min: Completeness::BloomExcluded,
            window_blocks: 256,
            batch_pools: 64,
            batches_max: 4,
            lag_blocks_max: 3,
            whitelist_age_max: Duration::from_secs(600),
            samples: 2,
            sample_seed: 0,
        }
    }

    pub(crate) fn arena_config(&self) -> ArenaConfig {
        ArenaConfig {
            ring_blocks: self.ring_blocks,
            ring_seconds: self.ring_seconds,
            discovery: self.discovery.clone(),
            ..ArenaConfig::new(self.chain_id)
        }
    }
}
