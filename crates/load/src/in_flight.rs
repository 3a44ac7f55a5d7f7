//! Transactions that the node has been offered and that no block holds yet.

use std::{
    collections::hash_map::Entry,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Instant,
};

use alloy_primitives::{B256, map::B256HashMap};
use parking_lot::Mutex;

/// Parts of the map, each with its own lock, so that connections rarely wait for each other.
const SHARDS: usize = 16;

/// Shared by the lanes, which add, and the tracker, which removes.
#[derive(Debug)]
pub(crate) struct InFlight {
    shards: [Mutex<B256HashMap<Pending>>; SHARDS],
    waiting: AtomicU64,
    /// Included transactions of each account.
    included: Vec<AtomicU32>,
}

/// A transaction that waits for a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    /// Index of its sender.
    pub(crate) account: usize,
    /// When it was due to be sent.
    pub(crate) due: Instant,
}

impl InFlight {
    /// Nothing in flight, for this many accounts.
    pub(crate) fn new(accounts: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            waiting: AtomicU64::new(0),
            included: (0..accounts).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// Adds a transaction, before it is sent: a block may be seen before the answer. Adding it again keeps the first
    /// due time.
    pub(crate) fn add(&self, hash: B256, pending: Pending) {
        if let Entry::Vacant(place) = self.shard(&hash).lock().entry(hash) {
            place.insert(pending);
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Takes out a transaction that the node refused.
    pub(crate) fn refuse(&self, hash: &B256) {
        self.take(hash);
    }

    /// Takes out a transaction that a block holds, if it is one of ours.
    pub(crate) fn include(&self, hash: &B256) -> Option<Pending> {
        let pending = self.take(hash)?;
        self.included[pending.account].fetch_add(1, Ordering::Relaxed);
        Some(pending)
    }

    /// Transactions that wait for a block.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Included transactions of an account.
    pub(crate) fn included(&self, account: usize) -> u32 {
        self.included[account].load(Ordering::Relaxed)
    }

    fn take(&self, hash: &B256) -> Option<Pending> {
        let pending = self.shard(hash).lock().remove(hash)?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Some(pending)
    }

    fn shard(&self, hash: &B256) -> &Mutex<B256HashMap<Pending>> {
        &self.shards[usize::from(hash[0]) % SHARDS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_added_is_counted_and_only_once() {
        let in_flight = InFlight::new(2);
        let pending = Pending { account: 1, due: Instant::now() };
        let (ours, theirs) = (B256::repeat_byte(1), B256::repeat_byte(2));
        in_flight.add(ours, pending);
        in_flight.add(ours, Pending { account: 0, due: Instant::now() });
        assert_eq!(in_flight.waiting(), 1);
        assert!(in_flight.include(&theirs).is_none());
        assert_eq!(in_flight.include(&ours).unwrap().account, 1);
        assert!(in_flight.include(&ours).is_none());
        assert_eq!((in_flight.waiting(), in_flight.included(0), in_flight.included(1)), (0, 0, 1));
    }
}
