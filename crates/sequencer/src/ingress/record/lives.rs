//! What began and what ended, read in the order in which it did.

use crate::remembered::Kept;
use alloy_primitives::{
    B256,
    map::{B256Map, Entry},
};

/// Things by hash: those that began and did not end afterwards, and the ends of the others, each in order.
#[derive(Debug)]
pub(super) struct Lives<A, E> {
    alive: Vec<Option<A>>,
    newest: B256Map<usize>,
    ends: Vec<Option<Kept<E>>>,
    ended: B256Map<usize>,
}

impl<A, E> Lives<A, E> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            alive: Vec::with_capacity(capacity),
            newest: B256Map::default(),
            ends: Vec::new(),
            ended: B256Map::default(),
        }
    }

    /// Something began. If it is alive already, it stays as it is.
    pub(super) fn begin(&mut self, hash: B256, what: A) {
        if let Some(index) = self.ended.remove(&hash) {
            self.ends[index] = None;
        }
        if let Entry::Vacant(entry) = self.newest.entry(hash) {
            entry.insert(self.alive.len());
            self.alive.push(Some(what));
        }
    }

    /// Something is gone, and nobody says how it ended.
    pub(super) fn leave(&mut self, hash: B256) {
        if let Some(index) = self.newest.remove(&hash) {
            self.alive[index] = None;
        }
    }

    /// Something ended.
    pub(super) fn end(&mut self, kept: Kept<E>) {
        self.leave(kept.hash);
        if let Some(before) = self.ended.insert(kept.hash, self.ends.len()) {
            self.ends[before] = None;
        }
        self.ends.push(Some(kept));
    }

    /// What is alive, and the ends.
    pub(super) fn into_parts(self) -> (Vec<A>, Vec<Kept<E>>) {
        (self.alive.into_iter().flatten().collect(), self.ends.into_iter().flatten().collect())
    }
}
