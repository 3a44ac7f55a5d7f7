//! What became of a bundle.

use super::NodeBackend;
use crate::bundles::BundleEnd;
use alloy_primitives::B256;
use weir_primitives::{BlockPlace, Fate};
use weir_rpc::{BackendError, BundleStatus};

impl NodeBackend {
    /// Looks among those that wait, in the open block, and among those that ended.
    pub(super) fn bundle(&self, hash: &B256) -> Result<Option<BundleStatus>, BackendError> {
        let end = {
            let mut bundles = self.ingress.bundles();
            if let Some(bundle) = bundles.pool.get(hash) {
                let is_told = |hash: &B256| self.chain.statuses().open_status(hash).is_some();
                if bundle.is_in(is_told) {
                    let block = self.chain.view().heads().unsafe_head().number + 1;
                    return Ok(Some(BundleStatus::Preconfirmed { block }));
                }
                let blocks = bundle.blocks.clone();
                let failure = bundles.failure(hash).map(str::to_owned);
                return Ok(Some(BundleStatus::Pending { blocks, failure }));
            }
            bundles.ends.get(hash, self.drops.clock().unix_seconds()).cloned()
        };
        match end {
            None => Ok(None),
            Some(BundleEnd::Left(Fate::Replaced { by })) => Ok(Some(BundleStatus::Replaced { by })),
            Some(BundleEnd::Left(Fate::Dropped { code, reason })) => {
                Ok(Some(BundleStatus::Dropped { code, reason }))
            }
            // Without a place, a reorg of a development chain has taken its block off.
            Some(BundleEnd::Landed { transaction }) => self.bundle_place(&transaction),
        }
    }

    fn bundle_place(&self, transaction: &B256) -> Result<Option<BundleStatus>, BackendError> {
        let view = self.chain.view();
        let Some((block, index)) = self.location(&view, transaction)? else { return Ok(None) };
        let header = view.header_by_number(block).map_err(BackendError::store)?;
        let hash = header.map(|header| header.hash()).unwrap_or_default();
        Ok(Some(BundleStatus::Included(BlockPlace { block, hash, index })))
    }
}
