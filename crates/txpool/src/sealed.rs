//! What a sealed block does to the pool.

use crate::{PoolTransaction, SenderState, TxPool, sender::SenderChain};
use alloy_primitives::{Address, B256};
use std::sync::Arc;

/// Sealed blocks for which the account of a sender without transactions is remembered, so that an admission which
/// read the account before the block cannot bring back the older nonce.
const IDLE_SENDER_BLOCKS: u64 = 8;

/// What a sealed block did to the pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SealEffects {
    /// Transactions whose nonces are used up, in the order of the changes: those that the block includes, and stale ones that
    /// another transaction or an EIP-7702 authorization overtook. They left the pool.
    pub passed: Vec<Arc<PoolTransaction>>,
    /// Transactions that cost more than their sender still has. They left the pool; those behind them wait for their nonces.
    pub unfunded: Vec<Arc<PoolTransaction>>,
    /// Transactions that are in the pool and may stand otherwise than before: behind a gap that was made, or first of their
    /// sender on another side of the base fee. Others of a sender are told of once they are the first.
    pub restood: Vec<B256>,
}

impl TxPool {
    /// Takes over the accounts that a sealed block (or a change of the canonical chain) has left, and the base fee of
    /// the next block. `changes` must hold every account that the block changed, with its new state: those of unknown
    /// senders are ignored.
    ///
    /// What is in flight with a higher nonce stays so.
    pub fn on_sealed(
        &mut self,
        changes: impl IntoIterator<Item = (Address, SenderState)>,
        next_base_fee: u64,
    ) -> SealEffects {
        self.seals += 1;
        let crossed = self.ready.set_base_fee(next_base_fee);
        let mut effects = SealEffects::default();
        for (sender, state) in changes {
            self.take_over(sender, state, &mut effects);
        }
        self.end_deferrals();
        let heads = crossed.iter().filter_map(|sender| self.senders.get(sender)?.head());
        effects.restood.extend(heads.map(|head| head.hash));
        self.forget_idle(self.seals.saturating_sub(IDLE_SENDER_BLOCKS));
        effects
    }

    /// Takes over one account.
    fn take_over(&mut self, sender: Address, state: SenderState, effects: &mut SealEffects) {
        let Some(chain) = self.senders.get_mut(&sender) else { return };
        let used = chain.set_state(state);
        let unfunded = chain.remove_unfunded();
        if let Some(lowest) = unfunded.first() {
            let behind = chain.transactions.range(lowest.nonce..);
            effects.restood.extend(behind.map(|(_, transaction)| transaction.hash));
        }
        used.iter().chain(&unfunded).for_each(|transaction| self.forget(transaction));
        self.refresh(sender);
        let base_fee = u128::from(self.base_fee());
        let head = self.senders.get(&sender).and_then(SenderChain::head);
        let parked = head.filter(|head| head.max_fee_per_gas < base_fee);
        effects.restood.extend(parked.map(|head| head.hash));
        effects.passed.extend(used);
        effects.unfunded.extend(unfunded);
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
    ) -> SealEffects {
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
