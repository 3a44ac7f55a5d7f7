//! A bounded memory of how things ended.

use crate::StatusRetention;
use alloy_primitives::{B256, map::B256Map};
use std::collections::{HashSet, VecDeque};

/// How something ended, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept<T> {
    pub(crate) hash: B256,
    /// Unix time in seconds at which it did.
    pub(crate) at: u64,
    pub(crate) end: T,
}

/// Ends by hash; the oldest are forgotten by time and by number.
#[derive(Debug)]
pub(crate) struct Remembered<T> {
    retention: StatusRetention,
    /// With the number of the entry in `order` that is the hash's own.
    ends: B256Map<(u64, Kept<T>)>,
    /// Oldest first; entries of what was forgotten, or has ended again, are stale.
    order: VecDeque<(u64, B256)>,
    next: u64,
}

impl<T> Remembered<T> {
    pub(crate) fn new(retention: StatusRetention) -> Self {
        Self { retention, ends: B256Map::default(), order: VecDeque::new(), next: 0 }
    }

    /// Remembers an end at the time `now`, in Unix seconds.
    pub(crate) fn insert(&mut self, kept: Kept<T>, now: u64) {
        let number = self.next;
        self.next += 1;
        self.order.push_back((number, kept.hash));
        self.ends.insert(kept.hash, (number, kept));
        self.trim(now);
    }

    /// Forgets how something ended that has not.
    pub(crate) fn forget(&mut self, hash: &B256) {
        self.ends.remove(hash);
    }

    /// How it ended, if it did and that is still remembered.
    pub(crate) fn get(&mut self, hash: &B256, now: u64) -> Option<&T> {
        self.trim(now);
        self.ends.get(hash).map(|(_, kept)| &kept.end)
    }

    /// Everything remembered, oldest first.
    pub(crate) fn all(&mut self, now: u64) -> Vec<&Kept<T>> {
        self.trim(now);
        let order = self.order.iter();
        order.filter_map(|(number, hash)| self.current(*number, hash)).collect()
    }

    /// Entries that take memory, stale ones among them.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> usize {
        self.order.len()
    }

    fn current(&self, number: u64, hash: &B256) -> Option<&Kept<T>> {
        self.ends.get(hash).filter(|(current, _)| *current == number).map(|(_, kept)| kept)
    }

    /// Forgets what is too old or too much.
    fn trim(&mut self, now: u64) {
        let StatusRetention { time, transactions_max } = self.retention;
        let oldest = now.saturating_sub(time.as_secs());
        while let Some((number, hash)) = self.order.front().copied() {
            let is_over = self.ends.len() > transactions_max;
            match self.current(number, &hash) {
                Some(kept) if kept.at >= oldest && !is_over => break,
                Some(_) => drop(self.ends.remove(&hash)),
                None => {}
            }
            self.order.pop_front();
        }
        if self.order.len() > 2 * transactions_max.max(1) {
            let live: HashSet<u64> = self.ends.values().map(|(number, _)| *number).collect();
            self.order.retain(|(number, _)| live.contains(number));
        }
    }
}
