//! What the pool holds, as statuses.

use super::Ingress;
use alloy_primitives::{Address, B256};
use weir_primitives::TransactionStatus;
use weir_txpool::{Added, Placement, TxPool};

/// Marks a transaction as not yet durable until it is dropped.
pub(super) struct Writing<'a> {
    ingress: &'a Ingress,
    hash: B256,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.ingress.being_written.lock().remove(&self.hash);
    }
}

impl Ingress {
    pub(super) fn begin_writing(&self, hash: B256) -> Writing<'_> {
        self.being_written.lock().insert(hash);
        Writing { ingress: self, hash }
    }

    /// The status of a transaction that the pool holds.
    pub(crate) fn pooled_status(&self, pool: &TxPool, hash: &B256) -> Option<TransactionStatus> {
        let status = match pool.placement(hash)? {
            _ if self.being_written.lock().contains(hash) => TransactionStatus::Received,
            Placement::Queued { missing_nonce } => TransactionStatus::Queued { missing_nonce },
            Placement::Pending => {
                let base_fee = pool.base_fee();
                let fee_cap = pool.get(hash).map(|transaction| transaction.max_fee_per_gas);
                match fee_cap {
                    Some(fee_cap) if fee_cap < u128::from(base_fee) => {
                        TransactionStatus::Parked { base_fee }
                    }
                    _ => TransactionStatus::Pending,
                }
            }
        };
        Some(status)
    }

    /// Tells of a transaction that was added, and of those for which it closed a gap.
    pub(super) fn tell_added(
        &self,
        pool: &TxPool,
        (sender, nonce): (Address, u64),
        hash: B256,
        added: &Added,
    ) {
        let statuses = self.chain.statuses();
        if !statuses.is_followed() {
            return;
        }
        let mut events = Vec::new();
        if self.journal.is_some() {
            events.push((hash, TransactionStatus::Received));
        }
        let has_closed_gap = added.replaced.is_none() && added.placement == Placement::Pending;
        if let Some(view) = pool.sender(&sender).filter(|_| has_closed_gap) {
            let behind = view.pending().filter(|behind| behind.nonce > nonce);
            events.extend(
                behind.filter_map(|behind| {
                    Some((behind.hash, self.pooled_status(pool, &behind.hash)?))
                }),
            );
        }
        statuses.tell(events);
    }

    /// Tells how transactions stand that wait in the pool; of others, nothing.
    pub(crate) fn tell_standing(&self, hashes: impl IntoIterator<Item = B256>) {
        let statuses = self.chain.statuses();
        if !statuses.is_followed() {
            return;
        }
        let pool = self.pool.lock();
        let standing = |hash: B256| {
            // What is in flight may be in the open block, which tells of it first.
            let status = self.pooled_status(&pool, &hash).filter(|_| !pool.is_in_flight(&hash))?;
            Some((hash, status))
        };
        statuses.tell(hashes.into_iter().filter_map(standing));
    }
}
