//! Ommers of proof-of-work blocks (yellow paper 11.1).

use crate::{BlockError, ChainSpec, SealedHeader, header_rules};
use alloc::{vec, vec::Vec};
use alloy_consensus::Sealable;
use alloy_primitives::B256;
use weir_primitives::{Block, Header, RecoveredBlock};

/// Most ommers of a block.
const OMMERS_MAX: usize = 2;
/// Most generations between an ommer and the block that names it.
const DEPTH_MAX: u64 = 6;

/// Why the ommers of a block are not allowed. The block is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OmmerError {
    /// More than two.
    #[error("too many ommers: count={count}")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// Named twice, an ancestor, or already named by an ancestor.
    #[error("ommer is not new: ommer={hash}")]
    NotNew {
        /// Hash of the ommer.
        hash: B256,
    },
    /// Its parent is not an ancestor within six generations, or is the block's own parent.
    #[error("ommer has no parent among the recent ancestors: ommer={hash}")]
    NotRelated {
        /// Hash of the ommer.
        hash: B256,
    },
    /// Its header breaks the rules.
    #[error("header of the ommer is invalid: ommer={hash}")]
    Header {
        /// Hash of the ommer.
        hash: B256,
        /// Which rule.
        #[source]
        error: header_rules::HeaderError,
    },
}

/// Checks the ommers of `block`; `ancestors` are its parent, the parent's parent and so on.
pub(crate) fn check(
    spec: &ChainSpec,
    block: &RecoveredBlock,
    ancestors: &[&Block],
) -> Result<(), BlockError> {
    let ommers = &block.block().body.ommers;
    if ommers.is_empty() {
        return Ok(());
    }
    if OMMERS_MAX < ommers.len() {
        return Err(OmmerError::TooMany { count: ommers.len() }.into());
    }
    let recent = &ancestors[..ancestors.len().min(DEPTH_MAX as usize + 1)];
    let mut known: Vec<B256> = vec![block.hash()];
    known.extend(recent.iter().map(|ancestor| ancestor.header.hash_slow()));
    known.extend(recent.iter().flat_map(|ancestor| &ancestor.body.ommers).map(Header::hash_slow));
    for ommer in ommers {
        let hash = ommer.hash_slow();
        if known.contains(&hash) {
            return Err(OmmerError::NotNew { hash }.into());
        }
        known.push(hash);
        check_one(spec, (ommer, hash), block.header(), recent)?;
    }
    Ok(())
}

fn check_one(
    spec: &ChainSpec,
    (ommer, hash): (&Header, B256),
    header: &Header,
    recent: &[&Block],
) -> Result<(), OmmerError> {
    let depth = header.number.saturating_sub(ommer.number);
    if !(1..=DEPTH_MAX).contains(&depth) || ommer.parent_hash == header.parent_hash {
        return Err(OmmerError::NotRelated { hash });
    }
    let parent: SealedHeader = recent
        .iter()
        .map(|ancestor| ancestor.header.clone().seal_slow())
        .find(|ancestor| ancestor.hash() == ommer.parent_hash)
        .ok_or(OmmerError::NotRelated { hash })?;
    header_rules::check(spec, ommer, &parent).map_err(|error| OmmerError::Header { hash, error })
}
