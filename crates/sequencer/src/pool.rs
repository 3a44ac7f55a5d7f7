//! The transaction pool behind its lock, with a bell for the sequencing loop.

use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use weir_builder::{CandidateSource, Returned};
use weir_txpool::{PoolTransaction, TxPool};

/// The pool that ingress fills and the sequencing loop empties.
///
/// LOCK ORDER: before the fates' lock and those of the status feed, which are held for moments. A journal rotation is
/// queued under the pool's lock and the fates', so that nothing falls between the two; the journal's thread takes neither.
#[derive(Debug)]
pub struct SharedPool {
    pool: Mutex<TxPool>,
    bell: Condvar,
    /// Whether the one who waits for the bell waits for transactions.
    wants_candidates: AtomicBool,
}

/// What the sequencing loop waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Something executable.
    Candidate,
    /// The journal: what comes into the pool meanwhile goes into one step.
    Journal,
}

impl SharedPool {
    /// Puts a pool behind a lock.
    pub const fn new(pool: TxPool) -> Self {
        Self {
            pool: Mutex::new(pool),
            bell: Condvar::new(),
            wants_candidates: AtomicBool::new(true),
        }
    }

    /// Locks the pool; hold it for microseconds.
    pub fn lock(&self) -> MutexGuard<'_, TxPool> {
        self.pool.lock()
    }

    /// Wakes the sequencing loop.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Wakes the sequencing loop if it waits for something executable, which has come.
    pub(crate) fn ring_for_candidate(&self) {
        if self.wants_candidates.load(Ordering::SeqCst) {
            self.bell.notify_one();
        }
    }

    /// Waits for the bell, or for `timeout`. A bell that rang just before is missed, so the timeout is short.
    pub(crate) fn wait(&self, awaited: Awaited, timeout: Duration) {
        let mut pool = self.pool.lock();
        self.wants_candidates.store(awaited == Awaited::Candidate, Ordering::SeqCst);
        self.bell.wait_for(&mut pool, timeout);
    }
}

impl CandidateSource for &SharedPool {
    fn take(&mut self, max: usize, gas_available: u64, out: &mut Vec<Arc<PoolTransaction>>) {
        CandidateSource::take(&mut *self.lock(), max, gas_available, out);
    }

    fn give_back(&mut self, returned: &[Returned]) {
        if !returned.is_empty() {
            self.lock().give_back(returned);
        }
    }
}
