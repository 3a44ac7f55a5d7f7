//! Updates of the chain, kept as hashes: blocks stay where they are stored.

use super::ring::too_old;
use crate::{backend::ChainBackend, error::RpcError};
use alloy_primitives::B256;
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock};

/// Hashes of the blocks of an update, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptUpdate {
    old: Vec<B256>,
    new: Vec<B256>,
}

impl KeptUpdate {
    pub(crate) fn of(update: &ChainUpdate) -> Self {
        let hashes = |segment: Option<&ChainSegment>| {
            let blocks = segment.into_iter().flat_map(|segment| segment.blocks());
            blocks.map(|block| block.block.hash()).collect()
        };
        Self { old: hashes(update.old()), new: hashes(update.new()) }
    }

    /// The update with its blocks.
    ///
    /// # Errors
    /// 4444 if one of them is no longer stored.
    pub(crate) fn restore(&self, chain: &dyn ChainBackend) -> Result<ChainUpdate, RpcError> {
        let old = segment(chain, &self.old)?;
        let new = segment(chain, &self.new)?;
        match (old, new) {
            (None, Some(new)) => Ok(ChainUpdate::Committed(new)),
            (Some(old), Some(new)) => Ok(ChainUpdate::Reorged { old, new }),
            (Some(old), None) => Ok(ChainUpdate::Reverted(old)),
            (None, None) => Err(too_old("its update has no blocks")),
        }
    }
}

fn segment(chain: &dyn ChainBackend, hashes: &[B256]) -> Result<Option<ChainSegment>, RpcError> {
    if hashes.is_empty() {
        return Ok(None);
    }
    let mut blocks = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let gone = || too_old(&format!("block is no longer kept: hash={hash}"));
        blocks.push(chain.block_by_hash(hash)?.ok_or_else(gone)?);
    }
    ChainSegment::new(blocks).map(Some).map_err(|_| too_old("its blocks are no chain"))
}

/// The blocks of an update as a client has to apply them, and whether each is taken back: newest first those that left,
/// then oldest first those that came.
pub(crate) fn removed_then_added(
    update: &ChainUpdate,
) -> impl Iterator<Item = (bool, &ExecutedBlock)> {
    let old = update.old().into_iter().flat_map(|segment| segment.blocks().rev());
    let new = update.new().into_iter().flat_map(|segment| segment.blocks());
    old.map(|block| (true, block)).chain(new.map(|block| (false, block)))
}
