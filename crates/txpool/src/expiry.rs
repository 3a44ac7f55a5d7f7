//! Transactions that have waited for too long.

use crate::{PoolTransaction, TxPool};
use alloy_primitives::Address;
use std::sync::Arc;

impl TxPool {
    /// Removes transactions that came in before `seconds`, the oldest first and at most `max` of them, and returns them.
    /// What is in flight stays. Those of the same sender behind them are queued then.
    pub fn expire(&mut self, seconds: u64, max: usize) -> Vec<Arc<PoolTransaction>> {
        let old = self.by_arrival.values().filter_map(|hash| self.by_hash.get(hash));
        let old = old.take_while(|transaction| transaction.received_at < seconds);
        let places: Vec<(Address, u64)> = old
            .filter(|transaction| !self.is_in_flight(&transaction.hash))
            .map(|transaction| (transaction.sender, transaction.nonce))
            .take(max)
            .collect();
        let mut expired = Vec::with_capacity(places.len());
        for (sender, nonce) in places {
            expired.extend(self.detach(sender, nonce));
            self.refresh(sender);
        }
        expired
    }
}
