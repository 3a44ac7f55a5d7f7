//! The conditions of transactions that a reorg may bring back.

use alloy_primitives::{B256, map::B256Map};
use std::{collections::VecDeque, sync::Arc};
use weir_primitives::Conditions;
use weir_txpool::PoolTransaction;

/// No block shows conditions, so whoever may execute a transaction again has to remember them. Those of the blocks that can
/// still be taken off are kept, by the process: after a restart there are none.
#[derive(Debug, Default)]
pub(super) struct KeptConditions {
    /// With the number of the newest block that used them up.
    by_hash: B256Map<(u64, Arc<Conditions>)>,
    /// The transactions of each block, oldest first.
    blocks: VecDeque<(u64, Vec<B256>)>,
}

impl KeptConditions {
    /// Keeps the conditions of what block `number` used up, and forgets those of blocks more than `depth` below it.
    pub(super) fn keep(&mut self, number: u64, passed: &[Arc<PoolTransaction>], depth: usize) {
        let conditional = passed.iter().filter_map(|transaction| {
            let conditions = Arc::clone(transaction.conditions.as_ref()?);
            Some((transaction.hash, conditions))
        });
        let mut hashes = Vec::new();
        for (hash, conditions) in conditional {
            self.by_hash.insert(hash, (number, conditions));
            hashes.push(hash);
        }
        if !hashes.is_empty() {
            self.blocks.push_back((number, hashes));
        }
        let depth = u64::try_from(depth).unwrap_or(u64::MAX);
        while self.blocks.front().is_some_and(|(oldest, _)| oldest.saturating_add(depth) < number) {
            let (oldest, forgotten) = self.blocks.pop_front().expect("the front was looked at");
            for hash in forgotten {
                // A reorg may have put it into a later block, too.
                if self.by_hash.get(&hash).is_some_and(|(newest, _)| *newest <= oldest) {
                    self.by_hash.remove(&hash);
                }
            }
        }
    }

    /// The conditions that a transaction was sent with.
    pub(super) fn get(&self, hash: &B256) -> Option<Arc<Conditions>> {
        self.by_hash.get(hash).map(|(_, conditions)| Arc::clone(conditions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559};
    use alloy_primitives::{Address, Signature, U256};

    fn passed(nonce: u64, conditions: Option<Conditions>) -> Arc<PoolTransaction> {
        let transaction = TxEip1559 { nonce, ..TxEip1559::default() };
        let signature = Signature::new(U256::ONE, U256::ONE, false);
        let transaction = Arc::new(transaction.into_signed(signature).into());
        let pooled = PoolTransaction::new(transaction, Address::ZERO, nonce);
        Arc::new(pooled.under(conditions.map(Arc::new)))
    }

    #[test]
    fn conditions_are_kept_as_long_as_their_block_can_be_taken_off() {
        let conditions = Conditions { block_number_max: Some(9), ..Conditions::default() };
        let (plain, conditional) = (passed(0, None), passed(1, Some(conditions.clone())));
        let mut kept = KeptConditions::default();
        kept.keep(1, &[plain.clone(), conditional.clone()], 2);
        assert_eq!(kept.get(&plain.hash), None);
        assert_eq!(kept.get(&conditional.hash).as_deref(), Some(&conditions));
        // A reorg put it into a later block.
        kept.keep(2, std::slice::from_ref(&conditional), 2);
        kept.keep(4, &[], 2);
        assert_eq!(kept.get(&conditional.hash).as_deref(), Some(&conditions));
        kept.keep(5, &[], 2);
        assert_eq!(kept.get(&conditional.hash), None);
        assert!(kept.blocks.is_empty());
    }
}
