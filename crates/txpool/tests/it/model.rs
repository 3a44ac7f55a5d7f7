//! A pool that is right because it is naive: one unsorted list, every answer found by looking at all of it.

use alloy_primitives::{Address, B256, U256};
use std::{cmp::Reverse, collections::BTreeMap};
use weir_txpool::{
    OrderingPolicy, Placement, PoolConfig, PoolError, PoolTransaction, SenderCode, SenderState,
};

#[derive(Debug, Clone)]
struct Held {
    tx: PoolTransaction,
    is_in_flight: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Model {
    config: PoolConfig,
    base_fee: u64,
    held: Vec<Held>,
    /// Accounts are known from the first transaction on, for ever: the tests give senders that the pool has forgotten
    /// the same account.
    states: BTreeMap<Address, SenderState>,
    deferred: Vec<Address>,
}

impl Model {
    pub(crate) fn new(config: PoolConfig, base_fee: u64) -> Self {
        Self { config, base_fee, held: Vec::new(), states: BTreeMap::new(), deferred: Vec::new() }
    }

    pub(crate) fn hashes(&self) -> Vec<B256> {
        self.held.iter().map(|held| held.tx.hash).collect()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.held.iter().map(|held| held.tx.encoded_length).sum()
    }

    pub(crate) fn in_flight(&self) -> Vec<PoolTransaction> {
        self.held.iter().filter(|held| held.is_in_flight).map(|held| held.tx.clone()).collect()
    }

    pub(crate) fn queued(&self) -> usize {
        self.held.iter().filter(|held| !self.is_pending(&held.tx)).count()
    }

    pub(crate) fn placement(&self, hash: &B256) -> Option<Placement> {
        let tx = &self.held.iter().find(|held| held.tx.hash == *hash)?.tx;
        let missing_nonce = self.missing_nonce(tx.sender);
        Some(if tx.nonce < missing_nonce {
            Placement::Pending
        } else {
            Placement::Queued { missing_nonce }
        })
    }

    /// First nonce from the account's on that nobody has.
    pub(crate) fn missing_nonce(&self, sender: Address) -> u64 {
        let mut nonce = self.states.get(&sender).map_or(0, |state| state.nonce);
        while self.find(sender, nonce).is_some() {
            nonce += 1;
        }
        nonce
    }

    fn find(&self, sender: Address, nonce: u64) -> Option<&Held> {
        self.held.iter().find(|held| held.tx.sender == sender && held.tx.nonce == nonce)
    }

    fn is_pending(&self, tx: &PoolTransaction) -> bool {
        tx.nonce < self.missing_nonce(tx.sender)
    }

    fn cost(&self, sender: Address, filter: impl Fn(&Held) -> bool) -> U256 {
        self.held
            .iter()
            .filter(|held| held.tx.sender == sender && filter(held))
            .fold(U256::ZERO, |sum, held| sum + held.tx.cost)
    }

    /// What adding must answer: the evicted and the replaced, or the refusal.
    pub(crate) fn add(
        &mut self,
        tx: &PoolTransaction,
        state: SenderState,
    ) -> Result<(Option<B256>, Vec<B256>), PoolError> {
        if self.hashes().contains(&tx.hash) {
            return Err(PoolError::AlreadyKnown { hash: tx.hash });
        }
        let is_new_sender = !self.states.contains_key(&tx.sender);
        let state = *self.states.entry(tx.sender).or_insert(state);
        let mut planned = self.clone();
        let result = planned.check(tx, state).and_then(|replaced| planned.make_room(tx, replaced));
        match result {
            Ok((replaced, evicted)) => {
                planned.held.retain(|held| Some(held.tx.hash) != replaced);
                planned.held.push(Held { tx: tx.clone(), is_in_flight: false });
                *self = planned;
                Ok((replaced, evicted))
            }
            Err(error) => {
                if is_new_sender {
                    self.states.remove(&tx.sender);
                }
                Err(error)
            }
        }
    }

    fn check(&self, tx: &PoolTransaction, state: SenderState) -> Result<Option<B256>, PoolError> {
        let (address, nonce) = (tx.sender, tx.nonce);
        if nonce < state.nonce {
            return Err(PoolError::NonceTooLow { address, nonce, state: state.nonce });
        }
        if state.code == SenderCode::Contract {
            return Err(PoolError::SenderNotEoa { address });
        }
        let old = self.find(address, nonce);
        if let Some(old) = old {
            if old.is_in_flight {
                return Err(PoolError::InOpenBlock { address, nonce, hash: old.tx.hash });
            }
            let bumped = |fee: u128| (fee * 110).div_ceil(100).max(fee + 1);
            let fee_cap_needed = bumped(old.tx.max_fee_per_gas);
            let tip_cap_needed = bumped(old.tx.max_priority_fee_per_gas);
            if tx.max_fee_per_gas < fee_cap_needed || tx.max_priority_fee_per_gas < tip_cap_needed {
                return Err(PoolError::ReplacementUnderpriced { fee_cap_needed, tip_cap_needed });
            }
        } else {
            self.check_limits(tx, state)?;
        }
        if tx.cost > state.balance {
            return Err(PoolError::InsufficientFunds { balance: state.balance, cost: tx.cost });
        }
        let queued = self.cost(address, |held| held.tx.nonce != nonce);
        if queued + tx.cost > state.balance {
            let (balance, cost) = (state.balance, tx.cost);
            return Err(PoolError::InsufficientFundsQueued { balance, queued, cost });
        }
        Ok(old.map(|old| old.tx.hash))
    }

    fn check_limits(&self, tx: &PoolTransaction, state: SenderState) -> Result<(), PoolError> {
        let address = tx.sender;
        let own: Vec<_> = self.held.iter().filter(|held| held.tx.sender == address).collect();
        let limit = self.config.max_per_delegated_sender;
        if state.code == SenderCode::Delegated && own.len() >= limit {
            return Err(PoolError::DelegatedLimit { address, limit });
        }
        let limit = self.config.max_per_sender;
        if own.len() >= limit {
            return Err(PoolError::AccountLimit { address, limit });
        }
        let limit = self.config.max_queued_per_sender;
        let missing_nonce = self.missing_nonce(address);
        let queued = own.iter().filter(|held| held.tx.nonce > missing_nonce).count();
        if tx.nonce > missing_nonce && queued >= limit {
            return Err(PoolError::QueuedLimit { address, limit, missing_nonce });
        }
        Ok(())
    }

    /// Evicts the worst end of a chain until nothing exceeds its bound.
    fn make_room(
        &mut self,
        tx: &PoolTransaction,
        replaced: Option<B256>,
    ) -> Result<(Option<B256>, Vec<B256>), PoolError> {
        let is_pending = tx.nonce <= self.missing_nonce(tx.sender);
        let freed = replaced.and_then(|hash| self.held.iter().find(|held| held.tx.hash == hash));
        let freed_bytes = freed.map_or(0, |held| held.tx.encoded_length);
        let grows = usize::from(replaced.is_none());
        let mut evicted = Vec::new();
        loop {
            let too_many = self.held.len() + grows > self.config.max_transactions;
            let too_large = self.bytes() - freed_bytes + tx.encoded_length > self.config.max_bytes;
            // Those whose place in the queue an eviction changed do not count here: only ends are evicted.
            let too_gapped =
                grows == 1 && !is_pending && self.queued() + 1 > self.config.max_queued;
            if !(too_many || too_large || too_gapped) {
                return Ok((replaced, evicted));
            }
            let full = PoolError::Full { fee_cap: tx.max_fee_per_gas };
            let ends = self.held.iter().filter(|held| {
                let is_end = !self.held.iter().any(|other| {
                    other.tx.sender == held.tx.sender && other.tx.nonce > held.tx.nonce
                });
                is_end && !held.is_in_flight
            });
            let worst = ends.min_by_key(|held| worth(&held.tx, self.is_pending(&held.tx)));
            let Some(worst) = worst.map(|held| held.tx.clone()) else { return Err(full) };
            let is_own_predecessor = worst.sender == tx.sender && worst.nonce <= tx.nonce;
            let is_as_good = worth(&worst, self.is_pending(&worst)) >= worth(tx, is_pending);
            if is_own_predecessor || is_as_good {
                return Err(full);
            }
            self.held.retain(|held| held.tx.hash != worst.hash);
            evicted.push(worst.hash);
        }
    }

    /// The next transaction that may be given out, and marks it.
    pub(crate) fn take(&mut self, gas_available: u64) -> Option<B256> {
        for _ in 0..32 {
            let best = self
                .held
                .iter()
                .enumerate()
                .filter(|(_, held)| self.is_executable(held))
                .min_by_key(|(_, held)| match self.config.ordering {
                    OrderingPolicy::Fifo => (0, held.tx.arrival),
                    OrderingPolicy::PriorityFee => {
                        let tip = held.tx.effective_tip(self.base_fee).unwrap();
                        (u128::MAX - tip, held.tx.arrival)
                    }
                })
                .map(|(index, _)| index)?;
            if self.held[best].tx.gas_limit <= gas_available {
                self.held[best].is_in_flight = true;
                return Some(self.held[best].tx.hash);
            }
            self.deferred.push(self.held[best].tx.sender);
        }
        None
    }

    fn is_executable(&self, held: &Held) -> bool {
        let sender = held.tx.sender;
        let state = self.states[&sender];
        let is_next = (state.nonce..held.tx.nonce)
            .all(|nonce| self.find(sender, nonce).is_some_and(|before| before.is_in_flight));
        let spent = self.cost(sender, |held| held.is_in_flight);
        is_next
            && !held.is_in_flight
            && !self.deferred.contains(&sender)
            && u128::from(self.base_fee) <= held.tx.max_fee_per_gas
            && spent + held.tx.cost <= state.balance
    }

    fn flying(&self, hash: &B256) -> Option<PoolTransaction> {
        let held = self.held.iter().find(|held| held.tx.hash == *hash)?;
        held.is_in_flight.then(|| held.tx.clone())
    }

    pub(crate) fn put_back(&mut self, hash: &B256) {
        if let Some(tx) = self.flying(hash) {
            self.land(|held| held.tx.sender == tx.sender && held.tx.nonce >= tx.nonce);
        }
    }

    pub(crate) fn defer(&mut self, hash: &B256) {
        if let Some(tx) = self.flying(hash) {
            self.put_back(hash);
            self.deferred.push(tx.sender);
        }
    }

    pub(crate) fn reject(&mut self, hash: &B256) -> Option<B256> {
        let tx = self.flying(hash)?;
        self.put_back(hash);
        self.held.retain(|held| held.tx.hash != tx.hash);
        Some(tx.hash)
    }

    pub(crate) fn release(&mut self) {
        self.land(|_| true);
        self.deferred.clear();
    }

    pub(crate) fn remove(&mut self, hash: &B256) -> bool {
        let before = self.held.len();
        self.held.retain(|held| held.is_in_flight || held.tx.hash != *hash);
        self.held.len() < before
    }

    pub(crate) fn remove_sender(&mut self, sender: Address) -> usize {
        let before = self.held.len();
        self.held.retain(|held| held.is_in_flight || held.tx.sender != sender);
        before - self.held.len()
    }

    pub(crate) fn expire(&mut self, seconds: u64, max: usize) -> Vec<B256> {
        let is_old = |held: &&Held| held.tx.received_at < seconds && !held.is_in_flight;
        let mut old: Vec<_> = self.held.iter().filter(is_old).map(|held| &held.tx).collect();
        old.sort_unstable_by_key(|tx| tx.arrival);
        let old: Vec<B256> = old.into_iter().map(|tx| tx.hash).take(max).collect();
        self.held.retain(|held| !old.contains(&held.tx.hash));
        old
    }

    /// How many nonces are used up, and what can no longer pay, by hash.
    pub(crate) fn on_sealed(
        &mut self,
        changes: &[(Address, SenderState)],
        base_fee: u64,
    ) -> (usize, Vec<B256>) {
        let before = self.held.len();
        for (sender, state) in changes {
            self.states.insert(*sender, *state);
            self.held.retain(|held| held.tx.sender != *sender || held.tx.nonce >= state.nonce);
        }
        let passed = before - self.held.len();
        let mut unfunded = Vec::new();
        for (sender, state) in changes {
            self.held.retain(|held| {
                let is_poor =
                    held.tx.sender == *sender && !held.is_in_flight && held.tx.cost > state.balance;
                if is_poor {
                    unfunded.push(held.tx.hash);
                }
                !is_poor
            });
        }
        unfunded.sort_unstable();
        self.deferred.clear();
        self.base_fee = base_fee;
        (passed, unfunded)
    }

    fn land(&mut self, filter: impl Fn(&Held) -> bool) {
        for held in self.held.iter_mut().filter(|held| filter(held)) {
            held.is_in_flight = false;
        }
    }
}

type Worth = (bool, u128, u128, Reverse<u64>);

fn worth(tx: &PoolTransaction, is_pending: bool) -> Worth {
    (is_pending, tx.max_fee_per_gas, tx.max_priority_fee_per_gas, Reverse(tx.arrival))
}
