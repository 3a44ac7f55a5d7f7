//! A place on the chain that survives reorgs.

use crate::{backend::ChainBackend, error::RpcError};
use alloy_primitives::B256;
use std::collections::VecDeque;
use weir_evm::SealedHeader;

/// Blocks a cursor remembers, and so the deepest reorg it survives. 40 bytes each.
const TRAIL_BLOCKS: usize = 512;

/// The last blocks a poller was told about. It pins no block: what is new is read from the chain.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Number and hash, oldest first, each the child of the one before; never empty between calls.
    trail: VecDeque<(u64, B256)>,
}

impl Cursor {
    /// Begins behind the head.
    pub(super) fn at_head(chain: &dyn ChainBackend) -> Result<Self, RpcError> {
        let head = chain.heads().unsafe_head();
        let mut cursor = Self { trail: VecDeque::from([(head.number, head.hash)]) };
        let mut parent = head.parent_hash;
        for number in (0..head.number).rev().take(TRAIL_BLOCKS - 1) {
            let header = chain.header_by_number(number)?;
            // Older blocks may be pruned, and the head may be replaced right now.
            let Some(header) = header.filter(|header| header.hash() == parent) else { break };
            cursor.trail.push_front((number, header.hash()));
            parent = header.parent_hash;
        }
        Ok(cursor)
    }

    /// Goes back to the last block that is still canonical; answers those passed, newest first.
    ///
    /// # Errors
    /// -32000 if none of the remembered blocks is canonical any more; the cursor is of no more use.
    pub(super) fn rewind(&mut self, chain: &dyn ChainBackend) -> Result<Vec<B256>, RpcError> {
        let mut left = Vec::new();
        while !self.is_canonical(chain)? {
            let Some((_, hash)) = self.trail.pop_back() else {
                return Err(RpcError::server(format!(
                    "filter fell behind and was removed: remembered={TRAIL_BLOCKS} blocks, install it again"
                )));
            };
            left.push(hash);
        }
        Ok(left)
    }

    /// Whether the last block is canonical.
    pub(super) fn is_canonical(&self, chain: &dyn ChainBackend) -> Result<bool, RpcError> {
        let Some((number, hash)) = self.trail.back() else { return Ok(false) };
        Ok(chain.header_by_number(*number)?.is_some_and(|header| header.hash() == *hash))
    }

    /// Goes to the next block; `None` at the head, or if the chain was reorganized meanwhile.
    pub(super) fn advance(
        &mut self,
        chain: &dyn ChainBackend,
    ) -> Result<Option<SealedHeader>, RpcError> {
        let Some((number, hash)) = self.trail.back().copied() else { return Ok(None) };
        let next = chain.header_by_number(number + 1)?;
        let Some(next) = next.filter(|next| next.parent_hash == hash) else { return Ok(None) };
        if self.trail.len() == TRAIL_BLOCKS {
            self.trail.pop_front();
        }
        self.trail.push_back((number + 1, next.hash()));
        Ok(Some(next))
    }
}
