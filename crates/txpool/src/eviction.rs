//! Who leaves when the pool is full.

use crate::{PoolError, PoolTransaction, TxPool, sender::SenderChain};
use alloy_primitives::Address;
use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

/// Transactions evicted at most to admit one, so that a large one cannot clear the pool.
const MAX_EVICTIONS_PER_ADD: usize = 64;

/// Worth of a sender's last transaction; the lowest is evicted first. Only the last one of a chain is ever evicted, so
/// no eviction makes a gap.
///
/// The fee cap decides, and not the effective tip: it is what a transaction can pay at any base fee to come, and the
/// index need not change with the base fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EvictKey {
    /// Transactions behind a gap go first.
    pub(crate) is_pending: bool,
    fee_cap: u128,
    tip_cap: u128,
    /// Among equals the newest goes first.
    arrival: Reverse<u64>,
    pub(crate) sender: Address,
}

impl EvictKey {
    pub(crate) const fn new(transaction: &PoolTransaction, is_pending: bool) -> Self {
        Self {
            is_pending,
            fee_cap: transaction.max_fee_per_gas,
            tip_cap: transaction.max_priority_fee_per_gas,
            arrival: Reverse(transaction.arrival),
            sender: transaction.sender,
        }
    }

    /// The key of a transaction in its sender's chain.
    pub(crate) const fn in_chain(transaction: &PoolTransaction, chain: &SenderChain) -> Self {
        Self::new(transaction, transaction.nonce < chain.contiguous_end())
    }
}

/// By how much a bound would be exceeded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Excess {
    pub(crate) transactions: usize,
    pub(crate) bytes: usize,
    pub(crate) queued: usize,
}

impl Excess {
    const fn is_none(self) -> bool {
        self.transactions == 0 && self.bytes == 0 && self.queued == 0
    }

    fn relieve(&mut self, leaving: &PoolTransaction, is_pending: bool) {
        self.transactions = self.transactions.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(leaving.encoded_length);
        if !is_pending {
            self.queued = self.queued.saturating_sub(1);
        }
    }
}

impl TxPool {
    /// Chooses the transactions that leave so that `incoming` fits: each worth less than it, from the ends of chains.
    /// Changes nothing.
    pub(crate) fn plan_eviction(
        &self,
        incoming: &PoolTransaction,
        is_pending: bool,
        mut excess: Excess,
    ) -> Result<Vec<Arc<PoolTransaction>>, PoolError> {
        let full = || PoolError::Full { fee_cap: incoming.max_fee_per_gas };
        let incoming_key = EvictKey::new(incoming, is_pending);
        let mut victims = Vec::new();
        let mut ends = self.tails.iter().copied().peekable();
        // The transactions that become the last of their chain by this very plan.
        let mut uncovered: BTreeSet<(EvictKey, u64)> = BTreeSet::new();
        while !excess.is_none() {
            let from_index = match (ends.peek(), uncovered.first()) {
                (Some(end), Some((inner, _))) => end < inner,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => return Err(full()),
            };
            let (key, nonce) = if from_index {
                let key = ends.next().ok_or_else(full)?;
                (key, u64::MAX)
            } else {
                uncovered.pop_first().ok_or_else(full)?
            };
            let chain = self.senders.get(&key.sender).ok_or_else(full)?;
            let victim = if from_index { chain.tail() } else { chain.transactions.get(&nonce) };
            let victim = victim.ok_or_else(full)?;
            let is_own_predecessor =
                key.sender == incoming.sender && victim.nonce <= incoming.nonce;
            if key >= incoming_key || is_own_predecessor || victims.len() == MAX_EVICTIONS_PER_ADD {
                return Err(full());
            }
            excess.relieve(victim, key.is_pending);
            victims.push(Arc::clone(victim));
            if let Some(before) = chain.before(victim.nonce) {
                uncovered.insert((EvictKey::in_chain(before, chain), before.nonce));
            }
        }
        Ok(victims)
    }
}
