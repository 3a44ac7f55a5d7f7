//! Where the transactions of a block come from.

use alloy_primitives::B256;
use std::sync::Arc;
use weir_txpool::{PoolTransaction, TxPool};

/// Why a candidate goes back to its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnReason {
    /// It was not tried; it keeps its place.
    Untried,
    /// It cannot stand in this block but perhaps in a later one; its sender waits until then.
    NotNow,
    /// It can never stand in a block; drop it.
    Invalid,
}

/// A candidate that goes back to its source, and with it those of the same sender that were taken after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// Transaction hash.
    pub hash: B256,
    /// Why.
    pub reason: ReturnReason,
}

/// Gives candidates in the order of some policy, and takes back those that the block did not use.
///
/// [`TxPool`] is one. A driver that shares the pool implements this by locking it in each of the two methods: the
/// block builder calls each once for a few dozen transactions, and executes between the calls.
pub trait CandidateSource {
    /// Appends up to `max` transactions, best first, each sender's in the order of nonces. What is taken is not
    /// given again until it is returned. `gas_available` is what the block has left.
    fn take(&mut self, max: usize, gas_available: u64, out: &mut Vec<Arc<PoolTransaction>>);

    /// Takes candidates back, at most one a sender in a call; those of the same sender taken after it come with it.
    fn give_back(&mut self, returned: &[Returned]);
}

impl CandidateSource for TxPool {
    fn take(&mut self, max: usize, gas_available: u64, out: &mut Vec<Arc<PoolTransaction>>) {
        Self::take(self, max, gas_available, out);
    }

    fn give_back(&mut self, returned: &[Returned]) {
        for Returned { hash, reason } in returned {
            match reason {
                ReturnReason::Untried => self.put_back(hash),
                ReturnReason::NotNow => self.defer(hash),
                ReturnReason::Invalid => {
                    self.reject(hash);
                }
            }
        }
    }
}
