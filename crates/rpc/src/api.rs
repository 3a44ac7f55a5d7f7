//! What every handler works on.

use crate::{
    backend::{Backends, ChainBackend, PendingView},
    block_id::BlockSelector,
    config::ServerConfig,
    error::{INVALID_REQUEST, RpcError},
    eth::{FilterStore, InclusionWatch, TipOracle},
    streams::Streams,
};
use std::sync::Arc;
use weir_evm::{ChainSpec, SealedHeader};
use weir_primitives::{ExecutedBlock, Header, StateProvider};

/// The backends, the settings and the little state the server keeps itself.
pub(crate) struct Api {
    pub(crate) backends: Backends,
    pub(crate) config: ServerConfig,
    pub(crate) filters: FilterStore,
    pub(crate) inclusions: InclusionWatch,
    pub(crate) tips: TipOracle,
    pub(crate) streams: Streams,
}

/// A block found by a selector.
#[derive(Debug, Clone)]
pub(crate) enum Located {
    /// A sealed block of the canonical chain (or a side block asked for by hash).
    Sealed(ExecutedBlock),
    /// The open block.
    Pending(ExecutedBlock),
}

impl Located {
    pub(crate) const fn block(&self) -> &ExecutedBlock {
        match self {
            Self::Sealed(block) | Self::Pending(block) => block,
        }
    }

    pub(crate) const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending(_))
    }
}

/// A state to read or to execute on.
pub(crate) struct StateView {
    /// The block the state is after.
    pub(crate) header: Header,
    /// The state.
    pub(crate) state: Arc<dyn StateProvider>,
}

impl Api {
    pub(crate) fn new(backends: Backends, config: ServerConfig) -> Self {
        let filters = FilterStore::new(config.filters_max, config.filter_timeout);
        Self {
            backends,
            config,
            filters,
            inclusions: InclusionWatch::default(),
            tips: TipOracle::default(),
            streams: Streams::default(),
        }
    }

    /// The chain. Methods that need one are refused before they run where there is none.
    pub(crate) fn chain(&self) -> &dyn ChainBackend {
        self.backends
            .chain
            .as_deref()
            .expect("the dispatcher refuses methods about a chain without one")
    }

    pub(crate) fn spec(&self) -> &ChainSpec {
        self.chain().spec()
    }

    /// The number of the canonical block a selector other than a hash means; `None` means the open block.
    fn number_of(&self, selector: BlockSelector) -> Option<u64> {
        let heads = self.chain().heads();
        match selector {
            BlockSelector::Number(number) => Some(number),
            BlockSelector::Latest => Some(heads.unsafe_head().number),
            BlockSelector::Safe => Some(heads.safe_head().number),
            BlockSelector::Finalized => Some(heads.finalized_head().number),
            BlockSelector::Earliest => Some(0),
            BlockSelector::Pending | BlockSelector::Hash { .. } => None,
        }
    }

    fn pending_or_latest(&self) -> Result<PendingView, RpcError> {
        if let Some(pending) = self.chain().pending() {
            return Ok(pending);
        }
        let number = self.chain().heads().unsafe_head().number;
        let block = self.chain().block_by_number(number)?.ok_or_else(RpcError::header_not_found)?;
        Ok(PendingView { block, state: self.chain().state_at(number)? })
    }

    /// The block a selector means, `None` if there is none.
    pub(crate) fn block(&self, selector: BlockSelector) -> Result<Option<Located>, RpcError> {
        if let BlockSelector::Hash { hash, require_canonical } = selector {
            let Some(block) = self.chain().block_by_hash(&hash)? else { return Ok(None) };
            if require_canonical {
                self.check_canonical(block.reference().number, block.block.hash())?;
            }
            return Ok(Some(Located::Sealed(block)));
        }
        if let Some(number) = self.number_of(selector) {
            return Ok(self.chain().block_by_number(number)?.map(Located::Sealed));
        }
        Ok(Some(match self.chain().pending() {
            Some(pending) => Located::Pending(pending.block),
            None => Located::Sealed(self.pending_or_latest()?.block),
        }))
    }

    /// The header a selector means, with its hash; the open block's for `pending`.
    pub(crate) fn header(&self, selector: BlockSelector) -> Result<Option<SealedHeader>, RpcError> {
        if let BlockSelector::Hash { hash, require_canonical } = selector {
            let Some(header) = self.chain().header_by_hash(&hash)? else { return Ok(None) };
            if require_canonical {
                self.check_canonical(header.number, hash)?;
            }
            return Ok(Some(header));
        }
        if let Some(number) = self.number_of(selector) {
            return Ok(self.chain().header_by_number(number)?);
        }
        let block = self.pending_or_latest()?.block.block;
        Ok(Some(SealedHeader::new_unchecked(block.header().clone(), block.hash())))
    }

    fn check_canonical(&self, number: u64, hash: alloy_primitives::B256) -> Result<(), RpcError> {
        let canonical = self.chain().header_by_number(number)?;
        if canonical.is_some_and(|header| header.hash() == hash) {
            Ok(())
        } else {
            Err(RpcError::server("hash is not currently canonical"))
        }
    }

    /// The state a selector means.
    ///
    /// # Errors
    /// -32000 if the block is unknown, 4444 if its state is no longer kept.
    pub(crate) fn state(&self, selector: BlockSelector) -> Result<StateView, RpcError> {
        if selector == BlockSelector::Pending {
            let view = self.pending_or_latest()?;
            return Ok(StateView { header: view.block.block.header().clone(), state: view.state });
        }
        let header = self.sealed_header(selector)?;
        let state = self.chain().state_at(header.number)?;
        Ok(StateView { header: header.into_inner(), state })
    }

    /// The header of a sealed canonical block: states are kept along the canonical chain only.
    pub(crate) fn sealed_header(&self, selector: BlockSelector) -> Result<SealedHeader, RpcError> {
        let sealed = match selector {
            BlockSelector::Pending => BlockSelector::Latest,
            other => other,
        };
        let header = self.header(sealed)?.ok_or_else(RpcError::header_not_found)?;
        if matches!(sealed, BlockSelector::Hash { .. }) {
            self.check_canonical(header.number, header.hash())?;
        }
        Ok(header)
    }

    /// A request that is too large in itself.
    pub(crate) fn too_large(what: &str, count: usize, limit: usize) -> RpcError {
        RpcError::new(INVALID_REQUEST, format!("{what} too large: count={count} limit={limit}"))
    }
}
