//! The loop that posts.

use super::{
    BatchConfig, BatchError, BatchHandle, BatchStatus, ClosedChannel, Collector, Outbox,
    config::millis,
};
use crate::{ReorgLock, describe::describe};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use tokio::sync::watch;
use weir_follower::{Backoff, ChainClient, InclusionTracker, TransactionSender};
use weir_keys::Signer;
use weir_primitives::BlockRef;
use weir_runtime::{Clock, Halts, Scope, Shutdown};
use weir_storage::Store;

/// Payloads that are not included at most; beyond it blocks wait in the store.
const UNINCLUDED_MAX: usize = 64;
/// Wait after the first failure of L1.
const BACKOFF_BASE: Duration = Duration::from_millis(250);
/// Longest wait between attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(15);

/// Posts every sealed block to L1, in order, once.
pub struct BatchDriver<C> {
    pub(super) config: BatchConfig,
    pub(super) client: ChainClient,
    /// The key that is to sign.
    signers: watch::Receiver<Arc<Signer>>,
    pub(super) sender: Option<TransactionSender>,
    /// Absent only while a worker thread has it.
    pub(super) outbox: Option<Outbox>,
    /// Absent only while a worker thread has it.
    collector: Option<Collector>,
    pub(super) trackers: BTreeMap<u64, InclusionTracker>,
    store: Arc<dyn Store>,
    head: watch::Receiver<BlockRef>,
    pub(super) clock: C,
    handle: BatchHandle,
    statuses: watch::Sender<Arc<Vec<BatchStatus>>>,
    last_error: Option<String>,
    halts: Arc<Halts>,
}

impl<C> fmt::Debug for BatchDriver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchDriver").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<C: Clock> BatchDriver<C> {
    /// Reads the outbox. L1 is not asked anything yet. `signers` shows the key that is to sign, which may be changed at any time:
    /// what another key has signed is followed, and signed again by the present one if it does not get into a block.
    ///
    /// # Errors
    /// [`BatchError::Storage`], [`BatchError::Record`], or [`BatchError::Encode`] for a setting out of range.
    pub fn new(
        config: BatchConfig,
        store: Arc<dyn Store>,
        client: ChainClient,
        signers: watch::Receiver<Arc<Signer>>,
        head: watch::Receiver<BlockRef>,
        clock: C,
    ) -> Result<Self, BatchError> {
        let outbox = Outbox::load(Arc::clone(&store))?;
        let next = (outbox.next_block(), outbox.last_hash());
        let collector = Collector::new(Arc::clone(&store), &config, next.0, next.1)?;
        let (statuses, handle) = BatchHandle::channel();
        let driver = Self {
            config,
            client,
            signers,
            sender: None,
            outbox: Some(outbox),
            collector: Some(collector),
            trackers: BTreeMap::new(),
            store,
            head,
            clock,
            handle,
            statuses,
            last_error: None,
            halts: Arc::default(),
        };
        driver.publish();
        Ok(driver)
    }

    /// Shares the lock of a chain whose blocks may be taken off ([`Chain::reorg_lock`](crate::Chain::reorg_lock)), so
    /// that those in a batch stay.
    #[must_use]
    pub fn guarded_by(mut self, lock: Arc<ReorgLock>) -> Self {
        if let Some(outbox) = &mut self.outbox {
            outbox.guard(lock);
        }
        self
    }

    /// A view for others, kept up to date while the driver runs.
    pub fn handle(&self) -> BatchHandle {
        self.handle.clone()
    }

    /// Posts until shutdown. What is not posted then is posted by the next run.
    ///
    /// # Errors
    /// Any [`BatchError`] but [`BatchError::L1`] and [`BatchError::Signing`], which are tried again.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), BatchError> {
        let mut backoff = Backoff::new(BACKOFF_BASE, BACKOFF_MAX);
        loop {
            let result = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                result = self.round() => result,
            };
            let (wait, is_woken_by_head) = self.next_wait(result, &mut backoff)?;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                changed = self.head.changed(), if is_woken_by_head => {
                    if changed.is_err() {
                        // The chain has stopped; what is in the outbox is still followed until shutdown.
                        tokio::select! {
                            () = shutdown.cancelled() => return Ok(()),
                            () = tokio::time::sleep(wait) => {}
                        }
                    }
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn next_wait(
        &mut self,
        result: Result<(), BatchError>,
        backoff: &mut Backoff,
    ) -> Result<(Duration, bool), BatchError> {
        let error = match result {
            Ok(()) => {
                backoff.reset();
                self.note_error(None);
                return Ok((self.until_due(), true));
            }
            Err(BatchError::L1(error)) => describe(&error),
            Err(error @ BatchError::Signing(_)) => describe(&error),
            Err(error) => return Err(error),
        };
        let wait = backoff.next_wait();
        tracing::warn!(error, wait_ms = millis(wait), "batch is not posted; trying again");
        metrics::counter!("weir_batch_l1_failures_total").increment(1);
        self.note_error(Some(error));
        Ok((wait, false))
    }

    /// Until the open channel is due by age, at most until L1 is to be looked at again.
    fn until_due(&self) -> Duration {
        let due = self.collector.as_ref().and_then(Collector::due_at_ms);
        let until = due.map(|due| Duration::from_millis(due.saturating_sub(self.now_ms())));
        until.unwrap_or(self.config.poll_interval).min(self.config.poll_interval)
    }

    fn note_error(&mut self, error: Option<String>) {
        if self.last_error != error {
            self.last_error = error;
            self.publish();
        }
    }

    /// Posts nothing while batching is halted. What was sent before is still followed.
    #[must_use]
    pub fn halted_by(mut self, halts: Arc<Halts>) -> Self {
        self.halts = halts;
        self
    }

    /// One round of all the steps. Each leaves the outbox consistent, so the process may die between any two.
    async fn round(&mut self) -> Result<(), BatchError> {
        self.connect().await?;
        if !self.halts.is_halted(Scope::Batching) {
            self.collect().await?;
            self.sign().await?;
            self.send().await?;
        }
        self.track().await?;
        self.observe_lag();
        Ok(())
    }

    /// Closes the channels that are due, and writes the intents to post them.
    pub(super) async fn collect(&mut self) -> Result<(), BatchError> {
        loop {
            let waiting = self.outbox().entries().iter().filter(|entry| entry.inclusion.is_none());
            if waiting.count() >= UNINCLUDED_MAX {
                return Ok(());
            }
            let now_ms = self.now_ms();
            let mut collector = self.collector.take().ok_or(BatchError::Panicked)?;
            let (collector, collected) = blocking(move || {
                let collected = collector.collect(now_ms);
                (collector, collected)
            })
            .await?;
            self.collector = Some(collector);
            let Some(closed) = collected? else { return Ok(()) };
            let ClosedChannel { channel, payloads } = closed;
            tracing::debug!(
                channel = %channel.id(), first = channel.first_block(), last = channel.last_block(),
                payloads = payloads.len(), "batch closed"
            );
            if !self.with_outbox(move |outbox| outbox.push(&channel, payloads)).await? {
                tracing::info!("blocks of the batch have left the chain: it is collected anew");
                self.restart_collector()?;
            }
        }
    }

    /// Begins to collect anew after the last block in the outbox.
    pub(super) fn restart_collector(&mut self) -> Result<(), BatchError> {
        let (next, posted) = (self.outbox().next_block(), self.outbox().last_hash());
        self.collector = Some(Collector::new(Arc::clone(&self.store), &self.config, next, posted)?);
        Ok(())
    }

    /// The key that is to sign now.
    pub(super) fn present_signer(&mut self) -> Arc<Signer> {
        Arc::clone(&self.signers.borrow_and_update())
    }

    /// Whether another key is to sign since it was last asked for. Whoever could change it may have gone.
    pub(super) fn is_signer_changed(&self) -> bool {
        self.signers.has_changed().unwrap_or(false)
    }

    pub(super) fn outbox(&self) -> &Outbox {
        self.outbox.as_ref().expect("it is put back before a step returns, or the driver ends")
    }

    pub(super) fn now_ms(&self) -> u64 {
        millis(self.clock.now())
    }

    pub(super) fn publish(&self) {
        let error = self.last_error.as_deref();
        let entries = self.outbox().entries().iter();
        let statuses = entries.map(|entry| BatchStatus::new(entry, error)).collect();
        self.statuses.send_replace(Arc::new(statuses));
    }

    fn observe_lag(&self) {
        let included = self.outbox().entries().iter().take_while(|entry| entry.inclusion.is_some());
        let included = included.last().map_or(0, |entry| entry.last_block);
        let head = self.head.borrow().number;
        metrics::gauge!("weir_batch_unposted_blocks").set(head.saturating_sub(included) as f64);
    }
}

/// Runs work that blocks on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, BatchError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| BatchError::Panicked)
}
