//! The index of transactions that can be executed now: at most one a sender, its next.

use crate::{OrderingPolicy, PoolTransaction};
use alloy_primitives::Address;
use std::collections::{BTreeMap, BTreeSet};

/// What the order depends on, of one sender's next transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadKey {
    sender: Address,
    arrival: u64,
    fee_cap: u128,
    tip_cap: u128,
}

impl HeadKey {
    pub(crate) const fn new(transaction: &PoolTransaction) -> Self {
        Self {
            sender: transaction.sender,
            arrival: transaction.arrival,
            fee_cap: transaction.max_fee_per_gas,
            tip_cap: transaction.max_priority_fee_per_gas,
        }
    }
}

/// Position in an order: the lowest comes first. The address makes it unique.
type Position = (u128, u64, Address);

/// Every sender's next transaction, best first at the current base fee.
///
/// The effective tip depends on the base fee, which changes with every block, but in only two ways: while the fee cap
/// leaves room for the whole tip cap, it is the tip cap; beyond that *threshold* it is the fee cap minus the base fee.
/// Each of the two orders alone does not depend on the base fee. So there are two sets, and a change of the base fee
/// moves only the transactions whose threshold it passes.
#[derive(Debug)]
pub(crate) struct ReadyIndex {
    policy: OrderingPolicy,
    base_fee: u64,
    /// `Fifo`: those that can pay the base fee, by arrival. `PriorityFee`: those that pay their whole tip cap, by tip cap.
    full: BTreeSet<Position>,
    /// `Fifo`: those that cannot pay the base fee. `PriorityFee`: those that cannot pay their whole tip cap. By fee cap.
    limited: BTreeSet<Position>,
    /// All of them by the highest base fee at which they belong to `full`.
    thresholds: BTreeMap<(u128, Address), HeadKey>,
}

impl ReadyIndex {
    pub(crate) const fn new(policy: OrderingPolicy, base_fee: u64) -> Self {
        Self {
            policy,
            base_fee,
            full: BTreeSet::new(),
            limited: BTreeSet::new(),
            thresholds: BTreeMap::new(),
        }
    }

    pub(crate) const fn base_fee(&self) -> u64 {
        self.base_fee
    }

    pub(crate) fn len(&self) -> usize {
        self.thresholds.len()
    }

    pub(crate) fn insert(&mut self, key: HeadKey) {
        let threshold = self.threshold(&key);
        if u128::from(self.base_fee) <= threshold {
            self.full.insert(self.full_position(&key));
        } else {
            self.limited.insert(limited_position(&key));
        }
        self.thresholds.insert((threshold, key.sender), key);
    }

    pub(crate) fn remove(&mut self, key: &HeadKey) {
        let threshold = self.threshold(key);
        let was_there = if u128::from(self.base_fee) <= threshold {
            self.full.remove(&self.full_position(key))
        } else {
            self.limited.remove(&limited_position(key))
        };
        debug_assert!(was_there, "a key that a sender remembers is in the index");
        self.thresholds.remove(&(threshold, key.sender));
    }

    /// The sender of the best transaction that can pay the base fee.
    pub(crate) fn best(&self) -> Option<Address> {
        let full = self.full.first();
        match self.policy {
            OrderingPolicy::Fifo => full.map(|position| position.2),
            OrderingPolicy::PriorityFee => {
                let base_fee = u128::from(self.base_fee);
                let limited = self.limited.first().and_then(|&(rank, arrival, sender)| {
                    let tip = (u128::MAX - rank).checked_sub(base_fee)?;
                    Some((u128::MAX - tip, arrival, sender))
                });
                full.copied().into_iter().chain(limited).min().map(|position| position.2)
            }
        }
    }

    /// Moves those whose threshold lies between the old and the new base fee. Answers the senders whose next transaction can
    /// pay the one and not the other.
    pub(crate) fn set_base_fee(&mut self, base_fee: u64) -> Vec<Address> {
        let (old, new) = (u128::from(self.base_fee), u128::from(base_fee));
        let mut crossed = self.limited_between(new, old);
        let passed = (old.min(new), Address::ZERO)..(old.max(new), Address::ZERO);
        for key in self.thresholds.range(passed).map(|(_, key)| key) {
            let full = full_position(self.policy, key);
            let limited = limited_position(key);
            if new > old {
                self.full.remove(&full);
                self.limited.insert(limited);
            } else {
                self.limited.remove(&limited);
                self.full.insert(full);
            }
        }
        self.base_fee = base_fee;
        crossed.extend(self.limited_between(old, new));
        crossed
    }

    /// The senders among the limited whose fee cap is at least `low` and below `high`.
    fn limited_between(&self, low: u128, high: u128) -> Vec<Address> {
        if low >= high {
            return Vec::new();
        }
        // Positions are by falling fee cap.
        let (first, end) = (u128::MAX - (high - 1), u128::MAX - low);
        let from = (first, 0, Address::ZERO);
        let within = self.limited.range(from..).take_while(|position| position.0 <= end);
        within.map(|position| position.2).collect()
    }

    const fn threshold(&self, key: &HeadKey) -> u128 {
        match self.policy {
            OrderingPolicy::Fifo => key.fee_cap,
            OrderingPolicy::PriorityFee => key.fee_cap.saturating_sub(key.tip_cap),
        }
    }

    const fn full_position(&self, key: &HeadKey) -> Position {
        full_position(self.policy, key)
    }
}

const fn full_position(policy: OrderingPolicy, key: &HeadKey) -> Position {
    match policy {
        OrderingPolicy::Fifo => (0, key.arrival, key.sender),
        OrderingPolicy::PriorityFee => (u128::MAX - key.tip_cap, key.arrival, key.sender),
    }
}

const fn limited_position(key: &HeadKey) -> Position {
    (u128::MAX - key.fee_cap, key.arrival, key.sender)
}
