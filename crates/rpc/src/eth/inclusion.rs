//! Waiting for transactions to be sealed, or to end otherwise.

use super::FilterStore;
use crate::backend::{ChainBackend, StatusReceiver};
use alloy_primitives::{B256, map::HashMap};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{Notify, broadcast::error::RecvError, oneshot};
use weir_primitives::{ChainUpdate, StatusUpdate};
use weir_runtime::Shutdown;

/// A caller's place among those who wait; given up when dropped, also by a client that hangs up.
#[derive(Debug)]
pub(crate) struct Inclusion<'a> {
    watch: &'a InclusionWatch,
    hash: B256,
    told: oneshot::Receiver<()>,
}

impl Inclusion<'_> {
    /// Resolves once the transaction is sealed, or has left the pool.
    pub(crate) async fn over(&mut self) {
        if (&mut self.told).await.is_err() {
            // The sender is dropped only by telling; without it there is nothing to wait for.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Inclusion<'_> {
    fn drop(&mut self) {
        self.told.close();
        let mut waiting = self.watch.waiting.lock();
        if let Some(waiters) = waiting.get_mut(&self.hash) {
            waiters.retain(|waiter| !waiter.is_closed());
            if waiters.is_empty() {
                waiting.remove(&self.hash);
            }
        }
    }
}

/// Callers waiting for a hash. One task looks at each sealed block, and at each status while somebody waits, once, however
/// many wait.
#[derive(Debug, Default)]
pub(crate) struct InclusionWatch {
    waiting: Mutex<HashMap<B256, Vec<oneshot::Sender<()>>>>,
    begun: Notify,
}

impl InclusionWatch {
    /// Waits for a block with the transaction, from now on.
    pub(crate) fn wait_for(&self, hash: B256) -> Inclusion<'_> {
        let (tell, told) = oneshot::channel();
        self.waiting.lock().entry(hash).or_default().push(tell);
        self.begun.notify_one();
        Inclusion { watch: self, hash, told }
    }

    fn tell(&self, hash: &B256) {
        for waiter in self.waiting.lock().remove(hash).unwrap_or_default() {
            // A waiter that timed out is gone.
            let _ = waiter.send(());
        }
    }

    fn apply(&self, chain: &dyn ChainBackend, update: &ChainUpdate) {
        if self.is_idle() {
            return;
        }
        let blocks = update.new().into_iter().flat_map(|segment| segment.blocks());
        for transaction in blocks.flat_map(|block| block.block.transactions()) {
            self.tell(transaction.tx_hash());
        }
        self.tell_ended(chain);
    }

    /// Asks the chain which transactions ended otherwise.
    fn tell_ended(&self, chain: &dyn ChainBackend) {
        self.tell_of(|hash| {
            chain.transaction_status(hash).is_ok_and(|status| status.is_some_and(|s| s.is_final()))
        });
    }

    /// Takes note of transactions that ended without a block.
    fn apply_statuses(&self, update: &StatusUpdate) {
        for event in update.events.iter().filter(|event| event.status.is_final()) {
            self.tell(&event.hash);
        }
    }

    fn is_idle(&self) -> bool {
        self.waiting.lock().is_empty()
    }

    fn tell_of(&self, is_over: impl Fn(&B256) -> bool) {
        let hashes: Vec<B256> = self.waiting.lock().keys().copied().collect();
        hashes.iter().filter(|hash| is_over(hash)).for_each(|hash| self.tell(hash));
    }

    /// After a gap in the updates: asks the chain about everything that is waited for.
    fn catch_up(&self, chain: &dyn ChainBackend) {
        self.tell_of(|hash| chain.transaction(hash).is_ok_and(|found| found.is_some()));
    }

    /// Follows the chain until shutdown or until the chain ends; abandoned filters go once an update. Statuses are followed
    /// only while somebody waits: making them costs the node something.
    pub(crate) async fn run(
        &self,
        chain: Arc<dyn ChainBackend>,
        filters: &FilterStore,
        shutdown: Shutdown,
    ) {
        let mut updates = chain.subscribe_updates();
        let mut statuses: Option<StatusReceiver> = None;
        loop {
            if self.is_idle() {
                statuses = None;
            } else if statuses.is_none() {
                statuses = Some(chain.subscribe_statuses());
                // What ended between the beginning of the wait and this.
                self.tell_ended(&*chain);
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.begun.notified(), if statuses.is_none() => {}
                update = next_status(&mut statuses) => match update {
                    Ok(update) => self.apply_statuses(&update),
                    Err(RecvError::Lagged(_)) => self.tell_ended(&*chain),
                    Err(RecvError::Closed) => return,
                },
                update = updates.recv() => {
                    match update {
                        Ok(update) => self.apply(&*chain, &update),
                        Err(RecvError::Lagged(_)) => self.catch_up(&*chain),
                        Err(RecvError::Closed) => return,
                    }
                    filters.sweep();
                }
            }
        }
    }
}

async fn next_status(
    statuses: &mut Option<StatusReceiver>,
) -> Result<Arc<StatusUpdate>, RecvError> {
    match statuses {
        Some(statuses) => statuses.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_that_gives_up_leaves_nothing_behind() {
        let watch = InclusionWatch::default();
        let hash = B256::repeat_byte(1);
        let one = watch.wait_for(hash);
        let two = watch.wait_for(hash);
        drop(one);
        assert_eq!(watch.waiting.lock()[&hash].len(), 1);
        drop(two);
        assert!(watch.waiting.lock().is_empty());
    }
}
