//! The open block of before a restart, as it was told.

use super::{SequencingDriver, SequencingError};
use crate::{ingress::Promise, metrics};
use alloy_primitives::B256;
use std::sync::Arc;
use weir_builder::BlockBuilder;
use weir_runtime::Clock;
use weir_txpool::PoolTransaction;

impl<C: Clock> SequencingDriver<C> {
    /// Appends what was promised, in the order in which it was. The state, the attributes and the transactions are those of
    /// the first time, so that the results are; conditions have been met then and are not looked at again.
    ///
    /// If that fails, because the node runs by other rules now, say, the promise is broken from there on, loudly. Answers
    /// whether it is kept.
    pub(super) fn keep_promise(
        &mut self,
        builder: &mut BlockBuilder,
        promise: &Promise,
    ) -> Result<bool, SequencingError> {
        let number = builder.open().header().number;
        let failed = |source| SequencingError::Build { number, source };
        let promised = promise.transactions.len();
        for transaction in self.promised_transactions(promise) {
            let outcome = builder.append(Arc::clone(&transaction.tx), transaction.sender);
            if let Err(reason) = outcome.map_err(failed)? {
                tracing::error!(hash = %transaction.hash, %reason, "promised transaction is refused");
                break;
            }
        }
        let kept = builder.open().transactions().len();
        let missing = promise.transactions.get(kept);
        if let Some(missing) = missing {
            tracing::error!(number, promised, kept, %missing, "promise is broken");
            metrics::promise_broken();
            self.ingress.retract_promise();
            let mut pool = self.pool.lock();
            promise.transactions[kept..].iter().for_each(|hash| pool.put_back(hash));
        } else {
            tracing::info!(number, kept, "open block goes on as it was told before the restart");
        }
        Ok(missing.is_none())
    }

    /// What was promised, from the pool and from bundles, up to the first transaction that neither holds.
    fn promised_transactions(&self, promise: &Promise) -> Vec<Arc<PoolTransaction>> {
        let bundled = self.ingress.bundles().transactions();
        let mut pool = self.pool.lock();
        let find = |hash: &B256| {
            let pooled = pool.take_named(std::slice::from_ref(hash)).pop();
            pooled.or_else(|| bundled.get(hash).cloned())
        };
        promise.transactions.iter().map_while(find).collect()
    }
}
