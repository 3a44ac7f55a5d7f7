//! What a sealed block, and time, do to the pool.

use super::{SequencingDriver, SequencingError};
use crate::{
    ingress::{overtaken, sender_state},
    metrics,
};
use alloy_primitives::{Address, map::B256Set};
use std::sync::Arc;
use weir_builder::Step;
use weir_evm::TransactionRejected;
use weir_primitives::{DropCode, ExecutedBlock, Fate, StateError};
use weir_runtime::Clock;
use weir_txpool::{PoolTransaction, SealEffects, SenderState};

/// Transactions that leave the pool for their age after one block at most.
const EXPIRED_PER_BLOCK_MAX: usize = 10_000;

impl<C: Clock> SequencingDriver<C> {
    /// Notes whose account the pool takes to be other than it is: a transaction that it held for executable was not.
    pub(super) fn note_mistaken(&mut self, step: &Step) {
        let mistaken = step.deferred.iter().filter(|left_out| is_about_account(&left_out.reason));
        self.mistaken.extend(mistaken.map(|left_out| left_out.sender));
    }

    /// Removes what has waited in the pool for too long.
    pub(super) fn expire(&self) {
        let before = self.clock.unix_seconds().saturating_sub(self.config.pool_lifetime.as_secs());
        let expired = self.pool.lock().expire(before, EXPIRED_PER_BLOCK_MAX);
        for transaction in expired {
            let reason = format!(
                "waited longer than the pool keeps transactions: lifetime_s={}",
                self.config.pool_lifetime.as_secs()
            );
            self.ingress.ended(transaction.hash, Fate::dropped(DropCode::Expired, reason));
        }
    }

    /// Tells the pool what a sealed block did.
    pub(super) fn update_pool(&mut self, block: &ExecutedBlock) -> Result<(), SequencingError> {
        let changes = self.changed_accounts(block)?;
        let next_base_fee = self.chain.spec().next_base_fee(block.block.header()).unwrap_or(0);
        let mut pool = self.pool.lock();
        let effects = pool.on_sealed(changes, next_base_fee);
        let status = pool.status();
        drop(pool);
        self.record_overtaken(block, &effects.passed);
        self.settle_unfunded(&effects);
        if self.reorgs.is_some() {
            let number = block.reference().number;
            self.kept.keep(number, &effects.passed, self.chain.reorg_blocks());
        }
        metrics::pool(status);
        metrics::journal(self.ingress.journal_bytes(), self.ingress.journal_waiting());
        Ok(())
    }

    /// The accounts that a block changed, and those that the pool was mistaken about, as the pool must know them.
    fn changed_accounts(
        &mut self,
        block: &ExecutedBlock,
    ) -> Result<Vec<(Address, SenderState)>, StateError> {
        let view = self.chain.view();
        let snapshot = &**view.snapshot();
        let mut changes = Vec::new();
        for (address, change) in block.diff.iter().flat_map(|diff| &diff.accounts) {
            self.mistaken.remove(address);
            changes.push((*address, sender_state(snapshot, change.after)?));
        }
        for address in std::mem::take(&mut self.mistaken) {
            changes.push((address, sender_state(snapshot, snapshot.account(&address)?)?));
        }
        Ok(changes)
    }

    /// Ends what can no longer pay, and tells of what stands otherwise now.
    pub(super) fn settle_unfunded(&self, effects: &SealEffects) {
        for transaction in &effects.unfunded {
            self.ingress.ended(transaction.hash, unfunded(transaction));
        }
        self.ingress.tell_standing(effects.restood.iter().copied());
    }

    /// Transactions whose nonce is used up although the block does not include them.
    fn record_overtaken(&self, block: &ExecutedBlock, passed: &[Arc<PoolTransaction>]) {
        if passed.len() == block.block.transactions().len() {
            return;
        }
        let included: B256Set = block.block.transactions().iter().map(|tx| *tx.tx_hash()).collect();
        for transaction in passed.iter().filter(|tx| !included.contains(&tx.hash)) {
            self.ingress.ended(transaction.hash, overtaken());
        }
    }
}

/// Whether execution refused for what the sender's account is, which the pool had taken to be otherwise.
const fn is_about_account(reason: &TransactionRejected) -> bool {
    matches!(
        reason,
        TransactionRejected::InsufficientFunds { .. } | TransactionRejected::NonceTooHigh { .. }
    )
}

/// The fate of a transaction that its sender's balance does not cover any more.
fn unfunded(transaction: &PoolTransaction) -> Fate {
    let reason = format!(
        "insufficient funds for gas * price + value: the balance fell below the cost: cost={}",
        transaction.cost
    );
    Fate::dropped(DropCode::Unfunded, reason)
}
