//! How transactions ended that no block includes.

use crate::{
    metrics,
    remembered::{Kept, Remembered},
};
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};
use weir_primitives::{DropCode, Fate};
use weir_runtime::{Clock, SystemClock};

/// How long fates are remembered unless told otherwise.
pub const DEFAULT_STATUS_RETENTION: Duration = Duration::from_hours(24);
/// Fates remembered at most unless told otherwise (about 200 bytes each, in memory and in the journal).
pub const DEFAULT_STATUS_MAX: usize = 100_000;

/// Transactions remembered that must not come again; the oldest is forgotten first.
const QUARANTINED_MAX: usize = 4_096;

/// Why a transaction must not come again.
const QUARANTINED: &str = "quarantined: with it the block did not pass the check before publishing";

/// How long the node answers for transactions that no block includes. Those of the chain are answered as long as the
/// chain is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRetention {
    /// From when the transaction left the pool; counted in whole seconds.
    pub time: Duration,
    /// Transactions at most; beyond it the oldest is forgotten early.
    pub transactions_max: usize,
}

impl Default for StatusRetention {
    fn default() -> Self {
        Self { time: DEFAULT_STATUS_RETENTION, transactions_max: DEFAULT_STATUS_MAX }
    }
}

/// A fate as it is kept.
pub(crate) type KeptFate = Kept<Fate>;

/// A bounded memory of how transactions ended, so that "what became of it" has an answer. [`Ingress`](crate::Ingress)
/// keeps it in the journal.
pub struct DropLog {
    retention: StatusRetention,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

impl Default for DropLog {
    fn default() -> Self {
        Self::new(StatusRetention::default(), Arc::new(SystemClock))
    }
}

impl fmt::Debug for DropLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DropLog").field("retention", &self.retention).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Inner {
    fates: Remembered<Fate>,
    quarantined: VecDeque<B256>,
}

impl DropLog {
    /// An empty memory.
    pub fn new(retention: StatusRetention, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { fates: Remembered::new(retention), quarantined: VecDeque::new() };
        Self { retention, clock, inner: Mutex::new(inner) }
    }

    /// The clock by which fates are dated.
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// How long fates are remembered.
    pub(crate) const fn retention(&self) -> StatusRetention {
        self.retention
    }

    /// Remembers how a transaction ended. `keep` is called with it before anybody can take the next snapshot.
    pub(crate) fn record_with(&self, hash: B256, fate: Fate, keep: impl FnOnce(&KeptFate)) {
        metrics::dropped();
        let now = self.clock.unix_seconds();
        let kept = KeptFate { hash, at: now, end: fate };
        let mut inner = self.inner.lock();
        keep(&kept);
        inner.fates.insert(kept, now);
    }

    /// Takes back what was remembered before a restart.
    pub(crate) fn restore(&self, fates: impl IntoIterator<Item = KeptFate>) {
        let now = self.clock.unix_seconds();
        let mut inner = self.inner.lock();
        for kept in fates {
            if matches!(kept.end, Fate::Dropped { code: DropCode::Quarantined, .. }) {
                inner.quarantine(kept.hash);
            }
            inner.fates.insert(kept, now);
        }
    }

    /// Hands everything remembered, oldest first, to `keep`; nothing is recorded meanwhile.
    pub(crate) fn with_all<T>(&self, keep: impl FnOnce(Vec<&KeptFate>) -> T) -> T {
        keep(self.inner.lock().fates.all(self.clock.unix_seconds()))
    }

    /// Remembers that a transaction must not come again, and answers its fate.
    pub(crate) fn quarantine(&self, hash: B256) -> Fate {
        self.inner.lock().quarantine(hash);
        Fate::dropped(DropCode::Quarantined, QUARANTINED)
    }

    /// Whether a transaction must not come again.
    pub fn is_quarantined(&self, hash: &B256) -> bool {
        self.inner.lock().quarantined.contains(hash)
    }

    /// Forgets a transaction that was accepted after all.
    pub fn forget(&self, hash: &B256) {
        self.inner.lock().fates.forget(hash);
    }

    /// How the transaction ended, if it did and that is still remembered.
    pub fn fate(&self, hash: &B256) -> Option<Fate> {
        self.inner.lock().fates.get(hash, self.clock.unix_seconds()).cloned()
    }
}

impl Inner {
    fn quarantine(&mut self, hash: B256) {
        self.quarantined.push_back(hash);
        while self.quarantined.len() > QUARANTINED_MAX {
            self.quarantined.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug, Default)]
    struct Turned(AtomicU64);

    impl Clock for Turned {
        fn now(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }
    }

    fn hash(index: u64) -> B256 {
        B256::left_padding_from(&index.to_be_bytes())
    }

    fn log(seconds: u64, transactions_max: usize) -> (DropLog, Arc<Turned>) {
        let clock = Arc::new(Turned::default());
        let retention = StatusRetention { time: Duration::from_secs(seconds), transactions_max };
        (DropLog::new(retention, clock.clone()), clock)
    }

    fn record(log: &DropLog, index: u64) {
        log.record_with(hash(index), Fate::Replaced { by: hash(index + 1) }, |_| {});
    }

    #[test]
    fn fates_are_forgotten_by_time_and_by_number_oldest_first() {
        let (log, clock) = log(10, 3);
        (0..4).for_each(|index| record(&log, index));
        assert_eq!(log.fate(&hash(0)), None, "a fourth drives out the first");
        assert_eq!(log.fate(&hash(1)), Some(Fate::Replaced { by: hash(2) }));
        clock.0.store(5, Ordering::SeqCst);
        record(&log, 9);
        clock.0.store(11, Ordering::SeqCst);
        assert_eq!(log.with_all(|kept| kept.len()), 1);
        assert!(log.fate(&hash(9)).is_some());
        clock.0.store(16, Ordering::SeqCst);
        assert_eq!(log.fate(&hash(9)), None);
    }

    #[test]
    fn a_transaction_that_leaves_again_and_again_takes_one_place() {
        let (log, _) = log(10, 4);
        for _ in 0..100 {
            record(&log, 1);
            log.forget(&hash(1));
        }
        record(&log, 1);
        record(&log, 2);
        assert_eq!(
            log.with_all(|kept| kept.iter().map(|kept| kept.hash).collect::<Vec<_>>()),
            [hash(1), hash(2)]
        );
        assert!(log.inner.lock().fates.entries() <= 8);
    }

    #[test]
    fn a_quarantine_holds_over_a_restart() {
        let (log, _) = log(10, 4);
        let fate = log.quarantine(hash(1));
        log.record_with(hash(1), fate, |_| {});
        let kept = log.with_all(|kept| kept.into_iter().cloned().collect::<Vec<_>>());
        let (again, _) = self::log(10, 4);
        again.restore(kept);
        assert!(again.is_quarantined(&hash(1)));
        assert!(!again.is_quarantined(&hash(2)));
    }
}
