//! How sealed blocks are checked.

use std::path::PathBuf;

/// Blocks whose witnesses are kept unless a setting says otherwise.
pub(crate) const WITNESS_BLOCKS: u64 = 64;

/// Whether sealed blocks are checked before they are published, and what is kept of that.
#[derive(Debug, Clone)]
pub struct SelfCheckOptions {
    /// Every block is executed again from its own witness before it is stored. Off for experiments only.
    pub is_on: bool,
    /// Newest blocks whose witnesses are kept in the store; 0 keeps none.
    pub witness_blocks: u64,
    /// Folder for blocks that did not pass; `None` keeps none.
    pub evidence: Option<PathBuf>,
}

impl Default for SelfCheckOptions {
    fn default() -> Self {
        Self { is_on: true, witness_blocks: WITNESS_BLOCKS, evidence: None }
    }
}

impl SelfCheckOptions {
    /// Whether witnesses are made at all.
    pub(crate) const fn needs_witness(&self) -> bool {
        self.is_on || 0 < self.witness_blocks
    }
}
