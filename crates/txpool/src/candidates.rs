//! How a block takes transactions, and what becomes of those it took.

use crate::{PoolTransaction, TxPool};
use alloy_primitives::{Address, B256};
use std::sync::Arc;

/// Senders set aside at most in one call because their next transaction does not fit, so that the end of a full block
/// does not walk through the whole pool.
const MAX_DEFERRED_PER_TAKE: usize = 32;

impl TxPool {
    /// Takes up to `max` executable transactions, best first, into `out`. They are in flight from then on: known, but
    /// neither given out again nor replaced, removed or evicted, until a block seals them or one of [`Self::put_back`],
    /// [`Self::defer`], [`Self::reject`] and [`Self::release_in_flight`] names them.
    ///
    /// A transaction with a gas limit above `gas_available` is not taken, and its sender waits until the open block
    /// ends. Taking none does therefore not mean that nothing is left, only that nothing better was found quickly.
    pub fn take(&mut self, max: usize, gas_available: u64, out: &mut Vec<Arc<PoolTransaction>>) {
        let (mut taken, mut deferred) = (0, 0);
        while taken < max && deferred < MAX_DEFERRED_PER_TAKE {
            let Some(sender) = self.ready.best() else { break };
            let Some(chain) = self.senders.get_mut(&sender) else { break };
            if chain.head().is_some_and(|head| head.gas_limit > gas_available) {
                chain.is_deferred = true;
                self.deferred.push(sender);
                deferred += 1;
            } else {
                out.push(chain.give_out());
                taken += 1;
            }
            self.refresh(sender);
        }
    }

    /// Takes the best executable transaction; see [`Self::take`].
    pub fn take_best(&mut self, gas_available: u64) -> Option<Arc<PoolTransaction>> {
        let mut best = Vec::with_capacity(1);
        self.take(1, gas_available, &mut best);
        best.pop()
    }

    /// Takes these transactions, in this order, up to the first that is not its sender's next executable one; see
    /// [`Self::take`].
    pub fn take_named(&mut self, hashes: &[B256]) -> Vec<Arc<PoolTransaction>> {
        let mut taken = Vec::with_capacity(hashes.len());
        for hash in hashes {
            let Some(sender) = self.by_hash.get(hash).map(|transaction| transaction.sender) else {
                break;
            };
            let Some(chain) = self.senders.get_mut(&sender) else { break };
            if chain.head().is_none_or(|head| head.hash != *hash) {
                break;
            }
            taken.push(chain.give_out());
            self.refresh(sender);
        }
        taken
    }

    /// Returns a transaction in flight that was not executed, and those of the same sender taken after it. They keep
    /// their place in the order.
    pub fn put_back(&mut self, hash: &B256) {
        if let Some((sender, nonce)) = self.in_flight_at(hash) {
            self.give_back(sender, nonce);
        }
    }

    /// Like [`Self::put_back`], and the sender waits until the open block ends.
    pub fn defer(&mut self, hash: &B256) {
        if let Some((sender, nonce)) = self.in_flight_at(hash) {
            if let Some(chain) = self.senders.get_mut(&sender)
                && !chain.is_deferred
            {
                chain.is_deferred = true;
                self.deferred.push(sender);
            }
            self.give_back(sender, nonce);
        }
    }

    /// Drops a transaction in flight that execution refused. Those of the same sender after it stay, queued behind the
    /// gap; if they were in flight, they are so no more. `None` if it is not in flight.
    pub fn reject(&mut self, hash: &B256) -> Option<Arc<PoolTransaction>> {
        let (sender, nonce) = self.in_flight_at(hash)?;
        let removed = self.detach(sender, nonce);
        self.refresh(sender);
        removed
    }

    /// Returns everything in flight, because the open block was dropped, and ends all deferrals.
    pub fn release_in_flight(&mut self) {
        self.end_deferrals();
        for sender in std::mem::take(&mut self.in_flight) {
            self.give_back(sender, 0);
        }
    }

    /// Whether a transaction is in flight.
    pub fn is_in_flight(&self, hash: &B256) -> bool {
        self.in_flight_at(hash).is_some()
    }

    pub(crate) fn end_deferrals(&mut self) {
        for sender in std::mem::take(&mut self.deferred) {
            if let Some(chain) = self.senders.get_mut(&sender) {
                chain.is_deferred = false;
            }
            self.refresh(sender);
        }
    }

    fn give_back(&mut self, sender: Address, nonce: u64) {
        if let Some(chain) = self.senders.get_mut(&sender) {
            chain.give_back(nonce);
            self.refresh(sender);
        }
    }

    fn in_flight_at(&self, hash: &B256) -> Option<(Address, u64)> {
        let transaction = self.by_hash.get(hash)?;
        let chain = self.senders.get(&transaction.sender)?;
        let is_in_flight = chain.in_flight().contains(&transaction.nonce);
        is_in_flight.then_some((transaction.sender, transaction.nonce))
    }
}
