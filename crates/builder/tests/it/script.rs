//! Candidates in a given order, good and bad, without the checks of the pool.

use alloy_primitives::B256;
use std::{collections::VecDeque, sync::Arc};
use weir_builder::{CandidateSource, ReturnReason, Returned};
use weir_txpool::PoolTransaction;

/// Gives a list from front to back.
#[derive(Debug, Default)]
pub(crate) struct Script {
    waiting: VecDeque<Arc<PoolTransaction>>,
    /// Given out, and not heard of again.
    pub(crate) taken: Vec<Arc<PoolTransaction>>,
    pub(crate) dropped: Vec<B256>,
    pub(crate) deferred: Vec<B256>,
    /// Most that are given out in one call.
    chunk: usize,
}

impl Script {
    pub(crate) fn new(candidates: impl IntoIterator<Item = PoolTransaction>, chunk: usize) -> Self {
        let waiting = candidates.into_iter().map(Arc::new).collect();
        Self { waiting, chunk, ..Self::default() }
    }
}

impl CandidateSource for Script {
    fn take(&mut self, max: usize, _gas_available: u64, out: &mut Vec<Arc<PoolTransaction>>) {
        for _ in 0..max.min(self.chunk) {
            let Some(next) = self.waiting.pop_front() else { break };
            self.taken.push(Arc::clone(&next));
            out.push(next);
        }
    }

    fn give_back(&mut self, returned: &[Returned]) {
        let mut again = Vec::new();
        for Returned { hash, reason } in returned {
            let at = self.taken.iter().position(|tx| tx.hash == *hash).expect("it was taken");
            let sender = self.taken[at].sender;
            let tail = self.taken.split_off(at);
            let (mut back, keep): (Vec<_>, Vec<_>) =
                tail.into_iter().partition(|tx| tx.sender == sender);
            self.taken.extend(keep);
            match reason {
                ReturnReason::Untried => {}
                ReturnReason::NotNow => self.deferred.push(back.remove(0).hash),
                ReturnReason::Invalid => self.dropped.push(back.remove(0).hash),
            }
            again.extend(back);
        }
        // The arrival number is the position in the script.
        again.sort_by_key(|tx| tx.arrival);
        for tx in again.into_iter().rev() {
            self.waiting.push_front(tx);
        }
    }
}
