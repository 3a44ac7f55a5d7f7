//! The reader of a whitelist, which connects for ever.

use super::{WhitelistOptions, WhitelistStatus, session::Session, subjects::Subjects};
use crate::whitelist::{WhitelistApplied, WhitelistAssembler, WhitelistUpdate};
use std::time::Duration;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    watch,
};
use weir_runtime::Shutdown;

/// The consumer's end of a [`WhitelistSource`].
#[derive(Debug)]
pub struct WhitelistHandle {
    updates: mpsc::Receiver<WhitelistUpdate>,
    applied: mpsc::Sender<WhitelistApplied>,
    status: watch::Receiver<WhitelistStatus>,
}

impl WhitelistHandle {
    /// The next update; `None` when the source has stopped. Cancel-safe.
    pub async fn next(&mut self) -> Option<WhitelistUpdate> {
        self.updates.recv().await
    }

    /// An update that is there already.
    pub fn try_next(&mut self) -> Option<WhitelistUpdate> {
        self.updates.try_recv().ok()
    }

    /// Publishes an acknowledgement, without waiting. Whether there was room for it: while the server is away only as
    /// many are kept as the options say.
    pub fn acknowledge(&self, applied: WhitelistApplied) -> bool {
        match self.applied.try_send(applied) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => false,
        }
    }

    /// The status as it is now and as it changes.
    pub fn status(&self) -> watch::Receiver<WhitelistStatus> {
        self.status.clone()
    }
}

/// Reads a whitelist from core NATS into a bounded channel.
///
/// It never blocks the engine and never gives up: a lost connection is made again, after ever longer waits, and a full
/// list is asked for each time. When the engine does not take updates the reader stops reading; messages that the client
/// drops meanwhile are made up for by a full list.
#[derive(Debug)]
pub struct WhitelistSource {
    pub(super) options: WhitelistOptions,
    pub(super) subjects: Subjects,
    pub(super) assembler: WhitelistAssembler,
    pub(super) updates: mpsc::Sender<WhitelistUpdate>,
    pub(super) applied: mpsc::Receiver<WhitelistApplied>,
    pub(super) status: watch::Sender<WhitelistStatus>,
}

impl WhitelistSource {
    /// A source and the end from which the engine reads. Nothing happens until it runs.
    pub fn new(options: WhitelistOptions) -> (Self, WhitelistHandle) {
        let (updates, updates_end) = mpsc::channel(options.updates_max.max(1));
        let (applied_end, applied) = mpsc::channel(options.applied_max.max(1));
        let (status, status_end) = watch::channel(WhitelistStatus::default());
        let subjects = Subjects::new(&options.url, options.chain_id);
        let assembler = WhitelistAssembler::default();
        let handle =
            WhitelistHandle { updates: updates_end, applied: applied_end, status: status_end };
        (Self { options, subjects, assembler, updates, applied, status }, handle)
    }

    /// Reads until the shutdown, or until the handle is gone.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut attempts = Attempts::new(&self.options);
        loop {
            let mut is_over = tokio::select! {
                biased;
                () = shutdown.cancelled() => true,
                () = self.updates.closed() => true,
                () = attempts.wait() => false,
            };
            if !is_over {
                is_over = tokio::select! {
                    biased;
                    () = shutdown.cancelled() => true,
                    is_over = self.attend(&mut attempts) => is_over,
                };
            }
            if is_over {
                self.leave();
                return;
            }
        }
    }

    /// One connection, until it is lost. Whether nobody reads any more.
    async fn attend(&mut self, attempts: &mut Attempts) -> bool {
        let session = Session::open(self).await;
        let mut session = match session {
            Ok(session) => session,
            Err(error) => {
                let url = &self.options.url;
                tracing::warn!(%error, %url, "whitelist server cannot be reached");
                return false;
            }
        };
        attempts.succeed();
        let is_over = session.read().await;
        drop(session);
        if !is_over {
            tracing::warn!(url = %self.options.url, "whitelist server is lost");
            metrics::counter!("weir_whitelist_reconnects_total").increment(1);
            self.status.send_modify(|status| status.reconnects += 1);
        }
        self.leave();
        is_over
    }

    fn leave(&mut self) {
        self.assembler.clear();
        metrics::gauge!("weir_whitelist_connected").set(0.0);
        self.status.send_modify(|status| status.connected = false);
    }
}

/// When to connect: at once the first time and after a connection that held, then after waits that double.
#[derive(Debug)]
pub(super) struct Attempts {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Attempts {
    pub(super) const fn new(options: &WhitelistOptions) -> Self {
        Self { base: options.backoff_base, max: options.backoff_max, failures: 0 }
    }

    /// Waits for the next attempt, which counts as failed until it succeeds.
    pub(super) async fn wait(&mut self) {
        // The upper half is random, so that consumers of one server do not march in step.
        tokio::time::sleep(self.next_wait(rand::random_range(0.5..=1.0))).await;
    }

    /// Counts a success. The wait after it is the shortest: a server that accepts and closes must not be hammered.
    pub(super) const fn succeed(&mut self) {
        self.failures = 1;
    }

    fn next_wait(&mut self, share: f64) -> Duration {
        let doublings = self.failures.checked_sub(1);
        self.failures = self.failures.saturating_add(1);
        let wait = doublings.map_or(Duration::ZERO, |doublings| {
            self.base.saturating_mul(2u32.saturating_pow(doublings))
        });
        wait.min(self.max).mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum_and_start_again_after_a_success() {
        let (base, max) = (Duration::from_millis(100), Duration::from_millis(350));
        let mut attempts = Attempts { base, max, failures: 0 };
        let waits: Vec<_> = (0..5).map(|_| attempts.next_wait(1.0).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 350, 350]);
        attempts.succeed();
        assert_eq!(attempts.next_wait(0.5), Duration::from_millis(50));
        attempts.failures = u32::MAX;
        assert_eq!(attempts.next_wait(1.0), max);
    }
}
