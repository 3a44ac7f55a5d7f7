//! What the pool holds.

use crate::{
    Placement, PoolConfig, PoolTransaction, SenderState, TxPool,
    sender::{Indexed, SenderChain},
};
use alloy_primitives::{Address, B256};
use std::sync::Arc;

/// Numbers of transactions in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStatus {
    /// Without a missing nonce before them, those in flight included.
    pub pending: usize,
    /// Behind a missing nonce.
    pub queued: usize,
    /// Given out to the open block.
    pub in_flight: usize,
    /// Encoded length of all, in bytes.
    pub bytes: usize,
}

impl PoolStatus {
    pub(crate) const fn replace(&mut self, old: &Indexed, new: &Indexed) {
        self.pending = self.pending - old.pending + new.pending;
        self.queued = self.queued - old.queued + new.queued;
        self.in_flight = self.in_flight - old.in_flight + new.in_flight;
    }
}

/// One sender's transactions.
#[derive(Debug, Clone, Copy)]
pub struct SenderView<'pool> {
    /// The sender.
    pub address: Address,
    chain: &'pool SenderChain,
}

impl<'pool> SenderView<'pool> {
    /// The account after the last sealed block.
    pub const fn state(&self) -> SenderState {
        self.chain.state
    }

    /// Transactions without a missing nonce before them, by nonce, those in flight included.
    pub fn pending(&self) -> impl Iterator<Item = &'pool Arc<PoolTransaction>> + use<'pool> {
        let run = self.chain.pending();
        self.chain.transactions.range(run).map(|(_, transaction)| transaction)
    }

    /// Transactions behind a missing nonce, by nonce.
    pub fn queued(&self) -> impl Iterator<Item = &'pool Arc<PoolTransaction>> + use<'pool> {
        let rest = self.chain.contiguous_end()..;
        self.chain.transactions.range(rest).map(|(_, transaction)| transaction)
    }
}

impl TxPool {
    /// The configuration.
    pub const fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// Number of transactions held.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether no transaction is held.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Number of senders whose next transaction could be executed now, whether it can pay the base fee or not.
    pub fn ready_senders(&self) -> usize {
        self.ready.len()
    }

    /// Numbers of transactions (`txpool_status`).
    pub const fn status(&self) -> PoolStatus {
        self.totals
    }

    /// Whether the transaction is in the pool.
    pub fn contains(&self, hash: &B256) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// The transaction with this hash.
    pub fn get(&self, hash: &B256) -> Option<&Arc<PoolTransaction>> {
        self.by_hash.get(hash)
    }

    /// The sender's transaction with this nonce.
    pub fn get_by_nonce(&self, sender: &Address, nonce: u64) -> Option<&Arc<PoolTransaction>> {
        self.senders.get(sender)?.transactions.get(&nonce)
    }

    /// Where the transaction with this hash stands; those in flight are pending.
    pub fn placement(&self, hash: &B256) -> Option<Placement> {
        let transaction = self.by_hash.get(hash)?;
        let missing_nonce = self.senders.get(&transaction.sender)?.contiguous_end();
        Some(if transaction.nonce < missing_nonce {
            Placement::Pending
        } else {
            Placement::Queued { missing_nonce }
        })
    }

    /// The nonce that the sender's next transaction should have (`eth_getTransactionCount` with `pending`):
    /// beyond `state_nonce` and every transaction that follows it without a gap.
    pub fn pending_nonce(&self, sender: &Address, state_nonce: u64) -> u64 {
        let Some(chain) = self.senders.get(sender) else { return state_nonce };
        if state_nonce <= chain.contiguous_end() {
            return chain.contiguous_end();
        }
        // The caller's state is ahead of the pool's, whose run ends below it.
        let mut nonce = state_nonce;
        for used in chain.transactions.range(state_nonce..).map(|(used, _)| *used) {
            if used != nonce {
                break;
            }
            nonce += 1;
        }
        nonce
    }

    /// One sender's transactions, if it has any (`txpool_contentFrom`).
    pub fn sender(&self, address: &Address) -> Option<SenderView<'_>> {
        let (address, chain) = self.senders.get_key_value(address)?;
        (!chain.transactions.is_empty()).then_some(SenderView { address: *address, chain })
    }

    /// All senders with transactions, in no particular order (`txpool_content`, `txpool_inspect`).
    pub fn senders(&self) -> impl Iterator<Item = SenderView<'_>> {
        self.senders
            .iter()
            .filter(|(_, chain)| !chain.transactions.is_empty())
            .map(|(address, chain)| SenderView { address: *address, chain })
    }

    /// All transactions, in no particular order.
    pub fn transactions(&self) -> impl Iterator<Item = &Arc<PoolTransaction>> {
        self.by_hash.values()
    }
}
