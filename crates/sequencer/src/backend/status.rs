//! What became of a transaction.

use super::NodeBackend;
use crate::{ChainView, batching::Settlement};
use alloy_primitives::B256;
use weir_primitives::{BlockPlace, TransactionStatus};
use weir_rpc::BackendError;

impl NodeBackend {
    /// Looks on the chain, in the open block, in the pool, and among those that ended.
    pub(super) fn status(&self, hash: &B256) -> Result<Option<TransactionStatus>, BackendError> {
        if let Some(status) = self.sealed_status(&self.chain.view(), hash)? {
            return Ok(Some(status));
        }
        if let Some(status) = self.chain.statuses().open_status(hash) {
            return Ok(Some(status));
        }
        let pooled = self.ingress.pooled_status(&self.pool.lock(), hash);
        if pooled.is_some() {
            return Ok(pooled);
        }
        if let Some(fate) = self.drops.fate(hash) {
            return Ok(Some(fate.into()));
        }
        // It may have been sealed meanwhile.
        self.sealed_status(&self.chain.view(), hash)
    }

    fn sealed_status(
        &self,
        view: &ChainView,
        hash: &B256,
    ) -> Result<Option<TransactionStatus>, BackendError> {
        let Some((block, index)) = self.location(view, hash)? else { return Ok(None) };
        let header = view.header_by_number(block).map_err(BackendError::store)?;
        let hash = header.map(|header| header.hash()).unwrap_or_default();
        let place = BlockPlace { block, hash, index };
        let heads = view.heads();
        // Genesis is final and holds no transaction: a node that does not derive its chain has its heads there.
        if block <= heads.finalized_head().number {
            return Ok(Some(TransactionStatus::Finalized { place, l1_transaction: None }));
        }
        if block <= heads.safe_head().number {
            return Ok(Some(TransactionStatus::Safe { place, l1_transaction: None }));
        }
        let settlement = self.batches.as_ref().map(|batches| batches.settlement(block));
        Ok(Some(settlement.unwrap_or(Settlement::Unposted).status(place)))
    }
}
