//! One sender: its account as last seen and its chain of nonces.

use crate::{PoolTransaction, eviction::EvictKey, ready::HeadKey};
use alloy_primitives::U256;
use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// What kind of code the sender's account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SenderCode {
    /// None: an ordinary account.
    #[default]
    Empty,
    /// An EIP-7702 delegation: it may send, but its balance can move without its signature.
    Delegated,
    /// A contract: it may not send (EIP-3607).
    Contract,
}

/// The sender's account after the last sealed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SenderState {
    /// Next nonce.
    pub nonce: u64,
    /// Balance in wei.
    pub balance: U256,
    /// Kind of code.
    pub code: SenderCode,
}

/// What the pool's indexes and totals hold of a sender, so that they can be corrected by the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Indexed {
    pub(crate) head: Option<HeadKey>,
    pub(crate) tail: Option<EvictKey>,
    pub(crate) pending: usize,
    pub(crate) queued: usize,
    pub(crate) in_flight: usize,
}

/// A sender's transactions by nonce. Nonces fall into four runs:
/// `state.nonce .. next` are in flight, `next .. contiguous_end` executable, `contiguous_end` is missing, the rest queued.
#[derive(Debug)]
pub(crate) struct SenderChain {
    pub(crate) state: SenderState,
    pub(crate) transactions: BTreeMap<u64, Arc<PoolTransaction>>,
    /// First nonce not given out to the open block.
    next: u64,
    /// First nonce from `state.nonce` on that no transaction has.
    contiguous_end: u64,
    /// Sum of all costs.
    total_cost: U256,
    /// Sum of the costs of those in flight.
    in_flight_cost: U256,
    /// Set aside until the open block ends, because its next transaction does not fit in it.
    pub(crate) is_deferred: bool,
    /// The seal count at which the last transaction left.
    pub(crate) idle_since: Option<u64>,
    pub(crate) indexed: Indexed,
}

impl SenderChain {
    pub(crate) const fn new(state: SenderState) -> Self {
        Self {
            state,
            transactions: BTreeMap::new(),
            next: state.nonce,
            contiguous_end: state.nonce,
            total_cost: U256::ZERO,
            in_flight_cost: U256::ZERO,
            is_deferred: false,
            idle_since: None,
            indexed: Indexed { head: None, tail: None, pending: 0, queued: 0, in_flight: 0 },
        }
    }

    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    pub(crate) const fn contiguous_end(&self) -> u64 {
        self.contiguous_end
    }

    pub(crate) const fn total_cost(&self) -> U256 {
        self.total_cost
    }

    /// Nonces given out to the open block.
    pub(crate) const fn in_flight(&self) -> Range<u64> {
        self.state.nonce..self.next
    }

    /// Nonces without a gap before them, in flight or not.
    pub(crate) const fn pending(&self) -> Range<u64> {
        self.state.nonce..self.contiguous_end
    }

    pub(crate) fn pending_len(&self) -> usize {
        // A contiguous run of map entries: its length is that of the range, and fits as the map's does.
        usize::try_from(self.contiguous_end - self.state.nonce).unwrap_or(usize::MAX)
    }

    pub(crate) fn in_flight_len(&self) -> usize {
        // As above.
        usize::try_from(self.next - self.state.nonce).unwrap_or(usize::MAX)
    }

    pub(crate) fn queued_len(&self) -> usize {
        self.transactions.len() - self.pending_len()
    }

    /// The next executable transaction, if the balance covers it on top of those in flight.
    pub(crate) fn head(&self) -> Option<&Arc<PoolTransaction>> {
        if self.is_deferred || self.next == self.contiguous_end {
            return None;
        }
        let head = self.transactions.get(&self.next)?;
        let needed = self.in_flight_cost.checked_add(head.cost)?;
        (needed <= self.state.balance).then_some(head)
    }

    /// The transaction with the highest nonce, unless it is in flight.
    pub(crate) fn tail(&self) -> Option<&Arc<PoolTransaction>> {
        let (nonce, tail) = self.transactions.last_key_value()?;
        (*nonce >= self.next).then_some(tail)
    }

    /// The transaction before `nonce`, unless it is in flight.
    pub(crate) fn before(&self, nonce: u64) -> Option<&Arc<PoolTransaction>> {
        if nonce <= self.next {
            return None;
        }
        self.transactions.range(self.next..nonce).next_back().map(|(_, transaction)| transaction)
    }

    /// Inserts at a nonce not below `next` and returns what was there.
    pub(crate) fn insert(
        &mut self,
        transaction: Arc<PoolTransaction>,
    ) -> Option<Arc<PoolTransaction>> {
        debug_assert!(transaction.nonce >= self.next, "in flight is not replaced");
        let nonce = transaction.nonce;
        let cost = transaction.cost;
        let replaced = self.transactions.insert(nonce, transaction);
        let freed = replaced.as_ref().map_or(U256::ZERO, |replaced| replaced.cost);
        self.total_cost = self.total_cost.saturating_sub(freed).saturating_add(cost);
        if nonce == self.contiguous_end {
            self.extend_contiguous();
        }
        replaced
    }

    /// Removes a transaction; those in flight from it on are in flight no more.
    pub(crate) fn remove(&mut self, nonce: u64) -> Option<Arc<PoolTransaction>> {
        self.give_back(nonce);
        let removed = self.transactions.remove(&nonce)?;
        self.total_cost = self.total_cost.saturating_sub(removed.cost);
        if nonce < self.contiguous_end {
            self.contiguous_end = nonce;
        }
        Some(removed)
    }

    /// Marks the next executable transaction as in flight.
    pub(crate) fn give_out(&mut self) -> Arc<PoolTransaction> {
        let transaction = Arc::clone(&self.transactions[&self.next]);
        self.in_flight_cost = self.in_flight_cost.saturating_add(transaction.cost);
        self.next += 1;
        transaction
    }

    /// Marks all in flight from `nonce` on as not in flight.
    pub(crate) fn give_back(&mut self, nonce: u64) {
        let from = nonce.max(self.state.nonce);
        if from < self.next {
            let returned = self.cost_of(from..self.next);
            self.in_flight_cost = self.in_flight_cost.saturating_sub(returned);
            self.next = from;
        }
    }

    /// Takes over a new account state and returns the transactions whose nonce it has passed.
    pub(crate) fn set_state(&mut self, state: SenderState) -> Vec<Arc<PoolTransaction>> {
        let mut passed = Vec::new();
        while let Some(entry) = self.transactions.first_entry()
            && *entry.key() < state.nonce
        {
            let transaction = entry.remove();
            self.total_cost = self.total_cost.saturating_sub(transaction.cost);
            passed.push(transaction);
        }
        let is_run_kept = self.state.nonce <= state.nonce && state.nonce <= self.contiguous_end;
        self.state = state;
        if !is_run_kept {
            self.contiguous_end = state.nonce;
            self.extend_contiguous();
        }
        self.next = self.next.clamp(state.nonce, self.contiguous_end);
        self.in_flight_cost = self.cost_of(state.nonce..self.next);
        passed
    }

    /// Removes the transactions not in flight that the balance does not cover even alone, and returns them by nonce.
    pub(crate) fn remove_unfunded(&mut self) -> Vec<Arc<PoolTransaction>> {
        if self.total_cost <= self.state.balance {
            return Vec::new();
        }
        let waiting = self.transactions.range(self.next..);
        let is_unfunded = |transaction: &PoolTransaction| transaction.cost > self.state.balance;
        let nonces: Vec<u64> = waiting
            .filter(|(_, transaction)| is_unfunded(transaction))
            .map(|(nonce, _)| *nonce)
            .collect();
        nonces.into_iter().filter_map(|nonce| self.remove(nonce)).collect()
    }

    fn extend_contiguous(&mut self) {
        for nonce in self.transactions.range(self.contiguous_end..).map(|(nonce, _)| *nonce) {
            if nonce != self.contiguous_end {
                break;
            }
            // Nonces end at 2^64 - 2 (EIP-2681), so the successor exists.
            self.contiguous_end = nonce + 1;
        }
    }

    fn cost_of(&self, nonces: Range<u64>) -> U256 {
        self.transactions
            .range(nonces)
            .fold(U256::ZERO, |sum, (_, transaction)| sum.saturating_add(transaction.cost))
    }
}
