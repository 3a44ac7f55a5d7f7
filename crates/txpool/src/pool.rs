//! The pool: what it holds, and how transactions come in and go out other than by a block.

use crate::{
    PoolConfig, PoolError, PoolStatus, PoolTransaction, SenderCode, SenderState,
    eviction::{EvictKey, Excess},
    ready::{HeadKey, ReadyIndex},
    sender::{Indexed, SenderChain},
};
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, AddressSet, B256Map},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Where an added transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// No nonce is missing before it.
    Pending,
    /// It waits for a transaction of the same sender.
    Queued {
        /// The lowest nonce that is missing.
        missing_nonce: u64,
    },
}

/// What adding a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The transaction with the same nonce that it replaced.
    pub replaced: Option<B256>,
    /// The transactions that left to make room.
    pub evicted: Vec<B256>,
    /// Where it stands now.
    pub placement: Placement,
}

/// Pending transactions of all senders.
///
/// A plain value without clock or lock: the caller serialises access. Every operation takes O(log n) in the number of
/// transactions held, times the number of transactions it changes.
#[derive(Debug)]
pub struct TxPool {
    pub(crate) config: PoolConfig,
    pub(crate) senders: AddressMap<SenderChain>,
    pub(crate) by_hash: B256Map<Arc<PoolTransaction>>,
    /// Every transaction in the order of arrival, which is that of age.
    pub(crate) by_arrival: BTreeMap<u64, B256>,
    pub(crate) ready: ReadyIndex,
    /// The last transaction of every sender, the cheapest first.
    pub(crate) tails: BTreeSet<EvictKey>,
    /// Senders set aside until the open block ends.
    pub(crate) deferred: Vec<Address>,
    /// Senders with transactions in flight.
    pub(crate) in_flight: AddressSet,
    /// Senders without transactions, with the seal count at which the last one left, oldest first.
    pub(crate) idle: VecDeque<(u64, Address)>,
    /// Number of blocks sealed so far.
    pub(crate) seals: u64,
    pub(crate) totals: PoolStatus,
}

impl TxPool {
    /// An empty pool; `base_fee` is that of the next block, in wei per gas.
    pub fn new(config: PoolConfig, base_fee: u64) -> Self {
        Self {
            config,
            senders: AddressMap::default(),
            by_hash: B256Map::default(),
            by_arrival: BTreeMap::new(),
            ready: ReadyIndex::new(config.ordering, base_fee),
            tails: BTreeSet::new(),
            deferred: Vec::new(),
            in_flight: AddressSet::default(),
            idle: VecDeque::new(),
            seals: 0,
            totals: PoolStatus::default(),
        }
    }

    /// Adds a transaction that passed [`admission::validate`](crate::admission::validate).
    ///
    /// `state` is the sender's account after the last sealed block. It is used only if the pool does not know the
    /// sender: of those it knows, [`Self::on_sealed`] keeps the account, and a reader's view may be older than that.
    ///
    /// # Errors
    /// The pool is unchanged by a refused transaction.
    pub fn add(
        &mut self,
        transaction: PoolTransaction,
        state: &SenderState,
    ) -> Result<Added, PoolError> {
        if self.by_hash.contains_key(&transaction.hash) {
            return Err(PoolError::AlreadyKnown { hash: transaction.hash });
        }
        if transaction.nonce == u64::MAX {
            return Err(PoolError::NonceMax { address: transaction.sender });
        }
        let sender = transaction.sender;
        let unknown = SenderChain::new(*state);
        let chain = self.senders.get(&sender).unwrap_or(&unknown);
        let replaced = self.check_against_chain(&transaction, chain)?;
        let is_pending = transaction.nonce <= chain.contiguous_end();
        let excess = self.excess(&transaction, replaced, is_pending);
        let evicted = self.plan_eviction(&transaction, is_pending, excess)?;
        for victim in &evicted {
            self.detach(victim.sender, victim.nonce);
            self.refresh(victim.sender);
        }
        let replaced = self.attach(Arc::new(transaction), state);
        let missing_nonce = self.refresh(sender);
        Ok(Added {
            replaced: replaced.map(|replaced| replaced.hash),
            evicted: evicted.iter().map(|victim| victim.hash).collect(),
            placement: if is_pending {
                Placement::Pending
            } else {
                Placement::Queued { missing_nonce }
            },
        })
    }

    /// Removes a transaction that is not in flight, whatever depends on it stays queued.
    ///
    /// # Errors
    /// [`PoolError::Unknown`], or [`PoolError::InOpenBlock`] if it is in flight.
    pub fn remove(&mut self, hash: B256) -> Result<Arc<PoolTransaction>, PoolError> {
        let transaction = self.by_hash.get(&hash).ok_or(PoolError::Unknown { hash })?;
        let (address, nonce) = (transaction.sender, transaction.nonce);
        if self.senders.get(&address).is_some_and(|chain| chain.in_flight().contains(&nonce)) {
            return Err(PoolError::InOpenBlock { address, nonce, hash });
        }
        let removed = self.detach(address, nonce).ok_or(PoolError::Unknown { hash })?;
        self.refresh(address);
        Ok(removed)
    }

    /// Removes all transactions of a sender that are not in flight, and returns them by nonce.
    pub fn remove_sender(&mut self, sender: Address) -> Vec<Arc<PoolTransaction>> {
        let Some(chain) = self.senders.get(&sender) else { return Vec::new() };
        let nonces: Vec<u64> =
            chain.transactions.range(chain.next()..).map(|(nonce, _)| *nonce).collect();
        let removed = nonces.iter().filter_map(|nonce| self.detach(sender, *nonce)).collect();
        self.refresh(sender);
        removed
    }

    /// The rules that depend on the sender; returns the transaction it would replace.
    fn check_against_chain<'chain>(
        &self,
        transaction: &PoolTransaction,
        chain: &'chain SenderChain,
    ) -> Result<Option<&'chain PoolTransaction>, PoolError> {
        let (address, nonce) = (transaction.sender, transaction.nonce);
        if nonce < chain.state.nonce {
            return Err(PoolError::NonceTooLow { address, nonce, state: chain.state.nonce });
        }
        if chain.state.code == SenderCode::Contract {
            return Err(PoolError::SenderNotEoa { address });
        }
        let same_nonce = chain.transactions.get(&nonce).map(|same| &**same);
        if let Some(same) = same_nonce {
            if chain.in_flight().contains(&nonce) {
                return Err(PoolError::InOpenBlock { address, nonce, hash: same.hash });
            }
            self.check_replacement(transaction, same)?;
        } else {
            self.check_sender_limits(transaction, chain)?;
        }
        check_balance(transaction, chain, same_nonce)?;
        Ok(same_nonce)
    }

    /// Both fees must exceed those of the old transaction by the bump, rounded up, and by at least one wei.
    fn check_replacement(
        &self,
        new: &PoolTransaction,
        old: &PoolTransaction,
    ) -> Result<(), PoolError> {
        let percent = self.config.price_bump_percent;
        let fee_cap_needed = bumped(old.max_fee_per_gas, percent);
        let tip_cap_needed = bumped(old.max_priority_fee_per_gas, percent);
        if new.max_fee_per_gas >= fee_cap_needed && new.max_priority_fee_per_gas >= tip_cap_needed {
            Ok(())
        } else {
            Err(PoolError::ReplacementUnderpriced { fee_cap_needed, tip_cap_needed })
        }
    }

    fn check_sender_limits(
        &self,
        transaction: &PoolTransaction,
        chain: &SenderChain,
    ) -> Result<(), PoolError> {
        let address = transaction.sender;
        let held = chain.transactions.len();
        let delegated_limit = self.config.max_per_delegated_sender;
        if chain.state.code == SenderCode::Delegated && held >= delegated_limit {
            return Err(PoolError::DelegatedLimit { address, limit: delegated_limit });
        }
        if held >= self.config.max_per_sender {
            return Err(PoolError::AccountLimit { address, limit: self.config.max_per_sender });
        }
        let limit = self.config.max_queued_per_sender;
        let missing_nonce = chain.contiguous_end();
        if transaction.nonce > missing_nonce && chain.queued_len() >= limit {
            return Err(PoolError::QueuedLimit { address, limit, missing_nonce });
        }
        Ok(())
    }

    fn excess(
        &self,
        incoming: &PoolTransaction,
        replaced: Option<&PoolTransaction>,
        is_pending: bool,
    ) -> Excess {
        let freed_bytes = replaced.map_or(0, |replaced| replaced.encoded_length);
        let bytes = self.totals.bytes - freed_bytes + incoming.encoded_length;
        let grows = usize::from(replaced.is_none());
        let grows_queued = usize::from(replaced.is_none() && !is_pending);
        let queued = (self.totals.queued + grows_queued).saturating_sub(self.config.max_queued);
        Excess {
            transactions: (self.by_hash.len() + grows).saturating_sub(self.config.max_transactions),
            bytes: bytes.saturating_sub(self.config.max_bytes),
            queued: if grows_queued == 0 { 0 } else { queued },
        }
    }

    fn attach(
        &mut self,
        transaction: Arc<PoolTransaction>,
        state: &SenderState,
    ) -> Option<Arc<PoolTransaction>> {
        self.totals.bytes += transaction.encoded_length;
        self.by_arrival.insert(transaction.arrival, transaction.hash);
        self.by_hash.insert(transaction.hash, Arc::clone(&transaction));
        let chain =
            self.senders.entry(transaction.sender).or_insert_with(|| SenderChain::new(*state));
        let replaced = chain.insert(transaction);
        if let Some(replaced) = &replaced {
            self.forget(replaced);
        }
        replaced
    }

    /// Takes a transaction out of its chain; the caller refreshes the sender.
    pub(crate) fn detach(&mut self, sender: Address, nonce: u64) -> Option<Arc<PoolTransaction>> {
        let removed = self.senders.get_mut(&sender)?.remove(nonce)?;
        self.forget(&removed);
        Some(removed)
    }

    /// Removes what is not in its chain any more from the hash index and the totals.
    pub(crate) fn forget(&mut self, transaction: &PoolTransaction) {
        self.by_arrival.remove(&transaction.arrival);
        self.by_hash.remove(&transaction.hash);
        self.totals.bytes -= transaction.encoded_length;
    }

    /// Brings the indexes and totals up to date with a sender's chain, and returns its first missing nonce.
    pub(crate) fn refresh(&mut self, sender: Address) -> u64 {
        let Some(chain) = self.senders.get_mut(&sender) else { return 0 };
        let new = Indexed {
            head: chain.head().map(|head| HeadKey::new(head)),
            tail: chain.tail().map(|tail| EvictKey::in_chain(tail, chain)),
            pending: chain.pending_len(),
            queued: chain.queued_len(),
            in_flight: chain.in_flight_len(),
        };
        let old = std::mem::replace(&mut chain.indexed, new);
        let missing_nonce = chain.contiguous_end();
        let is_newly_idle = chain.transactions.is_empty() && chain.idle_since != Some(self.seals);
        if is_newly_idle {
            chain.idle_since = Some(self.seals);
        }
        if old.head != new.head {
            old.head.iter().for_each(|key| self.ready.remove(key));
            new.head.into_iter().for_each(|key| self.ready.insert(key));
        }
        if old.tail != new.tail {
            if let Some(key) = &old.tail {
                self.tails.remove(key);
            }
            self.tails.extend(new.tail);
        }
        if old.in_flight == 0 && new.in_flight > 0 {
            self.in_flight.insert(sender);
        } else if old.in_flight > 0 && new.in_flight == 0 {
            self.in_flight.remove(&sender);
        }
        self.totals.replace(&old, &new);
        if is_newly_idle {
            self.remember_idle(sender);
        }
        missing_nonce
    }
}

/// The sender's balance must cover the transaction alone and together with all its others.
fn check_balance(
    transaction: &PoolTransaction,
    chain: &SenderChain,
    replaced: Option<&PoolTransaction>,
) -> Result<(), PoolError> {
    let (balance, cost) = (chain.state.balance, transaction.cost);
    if cost > balance {
        return Err(PoolError::InsufficientFunds { balance, cost });
    }
    let freed = replaced.map_or(U256::ZERO, |replaced| replaced.cost);
    let queued = chain.total_cost().saturating_sub(freed);
    if queued.checked_add(cost).is_none_or(|needed| needed > balance) {
        return Err(PoolError::InsufficientFundsQueued { balance, queued, cost });
    }
    Ok(())
}

/// The least fee that replaces `old`: up by `percent`, rounded up, and by at least one wei.
fn bumped(old: u128, percent: u64) -> u128 {
    let percent = u128::from(percent);
    let whole = (old / 100).saturating_mul(percent);
    let rest = (old % 100).saturating_mul(percent).div_ceil(100);
    old.saturating_add(whole.saturating_add(rest).max(1))
}
