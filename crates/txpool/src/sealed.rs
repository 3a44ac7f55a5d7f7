//! What a sealed block does to the pool.

use crate::{PoolTransaction, SenderState, TxPool, sender::SenderChain};
use alloy_primitives::Address;
use std::sync::Arc;

/// Sealed blocks for which the account of a sender without transactions is remembered, so that an admission which
/// read the account before the block cannot bring back the older nonce.
const IDLE_SENDER_BLOCKS: u64 = 8;

impl TxPool {
    /// Takes over the accounts that a sealed block (or a change of the canonical chain) has left, and the base fee of
    /// the next block. `changes` must hold every account that the block changed, with its new state: those of unknown
    /// senders are ignored.
    ///
    /// Returns the transactions whose nonces are used up, in the order of the changes: those that the block includes,
    /// and stale ones that another transaction or an EIP-7702 authorization overtook. What is in flight with a higher nonce stays so.
    pub fn on_sealed(
        &mut self,
        changes: impl IntoIterator<Item = (Address, SenderState)>,
        next_base_fee: u64,
    ) -> Vec<Arc<PoolTransaction>> {
        self.seals += 1;
        self.ready.set_base_fee(next_base_fee);
        let mut passed = Vec::new();
        for (sender, state) in changes {
            let Some(chain) = self.senders.get_mut(&sender) else { continue };
            let used = chain.set_state(state);
            used.iter().for_each(|transaction| self.forget(transaction));
            self.refresh(sender);
            passed.extend(used);
        }
        self.end_deferrals();
        self.forget_idle(self.seals.saturating_sub(IDLE_SENDER_BLOCKS));
        passed
    }

    /// Takes over the accounts after blocks left the canonical chain, as [`Self::on_sealed`] does; nonces may go down.
    /// `changes` must hold every account that the blocks changed which left or joined. The caller adds the transactions
    /// again that no block includes any more.
    ///
    /// Senders that the pool did not know are remembered for some blocks, so that an admission which read the account
    /// before the reorg cannot bring back the higher nonce.
    pub fn on_reorged(
        &mut self,
        changes: impl IntoIterator<Item = (Address, SenderState)>,
        next_base_fee: u64,
    ) -> Vec<Arc<PoolTransaction>> {
        let changes: Vec<(Address, SenderState)> = changes.into_iter().collect();
        for (sender, state) in &changes {
            self.senders.entry(*sender).or_insert_with(|| SenderChain::new(*state));
        }
        self.on_sealed(changes, next_base_fee)
    }

    /// Base fee of the next block in wei per gas, as last told.
    pub const fn base_fee(&self) -> u64 {
        self.ready.base_fee()
    }

    pub(crate) fn remember_idle(&mut self, sender: Address) {
        self.idle.push_back((self.seals, sender));
        while self.idle.len() > self.config.max_transactions.max(1) {
            self.forget_oldest_idle();
        }
    }

    /// Forgets the senders that have had no transaction since `seal` or longer.
    fn forget_idle(&mut self, seal: u64) {
        while self.idle.front().is_some_and(|(since, _)| *since < seal) {
            self.forget_oldest_idle();
        }
    }

    fn forget_oldest_idle(&mut self) {
        let Some((since, sender)) = self.idle.pop_front() else { return };
        let is_idle =
            |chain: &SenderChain| chain.transactions.is_empty() && chain.idle_since == Some(since);
        if self.senders.get(&sender).is_some_and(is_idle) {
            self.senders.remove(&sender);
        }
    }
}
