//! What must hold for a transaction to be executed (ERC-7796).

use crate::{PoolCondition, PoolId, PriceMiss, StateError, StateProvider};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256};

/// What a sender expects of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownAccount {
    /// The root of its storage trie.
    StorageRoot(B256),
    /// Parts of it.
    Parts(KnownParts),
}

/// Parts of an account that a sender expects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownParts {
    /// Its balance in wei.
    pub balance: Option<U256>,
    /// Its nonce.
    pub nonce: Option<u64>,
    /// Its code; empty if it has none.
    pub code: Option<Bytes>,
    /// Slots with their values, by slot.
    pub slots: Vec<(U256, U256)>,
}

/// Conditions that a transaction is sent with. They are no part of it: nobody signs them, and no block shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Accounts as they must be just before the transaction, by address.
    pub known_accounts: Vec<(Address, KnownAccount)>,
    /// Lowest number of the block.
    pub block_number_min: Option<u64>,
    /// Highest number of the block.
    pub block_number_max: Option<u64>,
    /// Lowest timestamp of the block, Unix time in seconds.
    pub timestamp_min: Option<u64>,
    /// Highest timestamp of the block, Unix time in seconds.
    pub timestamp_max: Option<u64>,
    /// Unix time in milliseconds until which it may be executed. Weir's own.
    pub deadline_ms: Option<u64>,
    /// Wei that the block's beneficiary must gain by it, tips and payments together.
    pub pays_coinbase: Option<U256>,
    /// Prices of pools as they must be just before the transaction. Weir's own.
    pub pools: Vec<PoolCondition>,
}

/// Where a transaction is about to be executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Number of the block.
    pub block_number: u64,
    /// Timestamp of the block, Unix time in seconds.
    pub timestamp: u64,
    /// Unix time in milliseconds.
    pub now_ms: u64,
}

/// A condition that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionFailure {
    /// The block is too early.
    #[error("block number too low: number={number} min={min}")]
    BlockNumberTooLow {
        /// Number of the block.
        number: u64,
        /// Lowest number.
        min: u64,
    },
    /// The block is too late.
    #[error("block number too high: number={number} max={max}")]
    BlockNumberTooHigh {
        /// Number of the block.
        number: u64,
        /// Highest number.
        max: u64,
    },
    /// The block's timestamp is too low.
    #[error("timestamp too low: timestamp={timestamp} min={min}")]
    TimestampTooLow {
        /// Timestamp of the block in seconds.
        timestamp: u64,
        /// Lowest timestamp.
        min: u64,
    },
    /// The block's timestamp is too high.
    #[error("timestamp too high: timestamp={timestamp} max={max}")]
    TimestampTooHigh {
        /// Timestamp of the block in seconds.
        timestamp: u64,
        /// Highest timestamp.
        max: u64,
    },
    /// The deadline has passed.
    #[error("deadline has passed: now_ms={now_ms} deadline_ms={deadline_ms}")]
    DeadlinePassed {
        /// Unix time in milliseconds.
        now_ms: u64,
        /// The deadline.
        deadline_ms: u64,
    },
    /// The storage of an account has another root.
    #[error("storage root differs: address={address} root={root}")]
    StorageRoot {
        /// The account.
        address: Address,
        /// The root that it has.
        root: B256,
    },
    /// The root of an account's storage is not computed: the block has changed too much of it.
    #[error(
        "storage root is not known within this block, which changed many slots: address={address}"
    )]
    StorageRootUnknown {
        /// The account.
        address: Address,
    },
    /// A slot has another value.
    #[error("slot differs: address={address} slot={slot:#x} value={value:#x}")]
    Slot {
        /// The account.
        address: Address,
        /// The slot.
        slot: U256,
        /// The value that it has.
        value: U256,
    },
    /// An account has another balance.
    #[error("balance differs: address={address} balance={balance}")]
    Balance {
        /// The account.
        address: Address,
        /// The balance that it has, in wei.
        balance: U256,
    },
    /// An account has another nonce.
    #[error("nonce differs: address={address} nonce={nonce}")]
    Nonce {
        /// The account.
        address: Address,
        /// The nonce that it has.
        nonce: u64,
    },
    /// An account has other code.
    #[error("code differs: address={address}")]
    Code {
        /// The account.
        address: Address,
    },
    /// A pool has another price.
    #[error(transparent)]
    PoolPrice(#[from] Box<PriceMiss>),
    /// A pool has no price: it is empty, or its creation left the chain.
    #[error("pool has no price: pool={pool}")]
    PoolWithoutPrice {
        /// The pool.
        pool: PoolId,
    },
    /// The beneficiary would gain too little.
    #[error("pays too little: paid={paid} required={required}")]
    PaysTooLittle {
        /// Wei that it would gain.
        paid: U256,
        /// Wei that it must gain.
        required: U256,
    },
}

impl ConditionFailure {
    /// Whether the condition may hold in a later block without anything else happening.
    pub const fn is_early(&self) -> bool {
        matches!(
            self,
            Self::BlockNumberTooLow { .. }
                | Self::TimestampTooLow { .. }
                | Self::StorageRootUnknown { .. }
        )
    }
}

/// The root of an account's storage trie; `None` if it would cost too much to compute it.
pub type StorageRootOf<'a> = dyn Fn(&Address) -> Result<Option<B256>, StateError> + 'a;

impl Conditions {
    /// What checking them costs: one for each root, each part of an account and each pool.
    pub fn cost(&self) -> usize {
        let cost = |account: &KnownAccount| match account {
            KnownAccount::StorageRoot(_) => 1,
            KnownAccount::Parts(parts) => {
                let fields = [parts.balance.is_some(), parts.nonce.is_some(), parts.code.is_some()];
                parts.slots.len() + fields.into_iter().filter(|is_there| *is_there).count()
            }
        };
        let accounts: usize =
            self.known_accounts.iter().map(|(_, account)| cost(account).max(1)).sum();
        accounts + self.pools.len()
    }

    /// Checks everything but [`Self::pays_coinbase`], which only execution shows; what costs nothing first.
    ///
    /// # Errors
    /// If the state cannot be read. The inner error is the first condition that does not hold.
    pub fn check(
        &self,
        at: Moment,
        state: &dyn StateProvider,
        storage_root: &StorageRootOf<'_>,
    ) -> Result<Result<(), ConditionFailure>, StateError> {
        if let Err(failure) = self.check_moment(at) {
            return Ok(Err(failure));
        }
        for (address, known) in &self.known_accounts {
            let failure = match known {
                KnownAccount::StorageRoot(known) => {
                    let address = *address;
                    match storage_root(&address)? {
                        Some(root) if root == *known => None,
                        Some(root) => Some(ConditionFailure::StorageRoot { address, root }),
                        None => Some(ConditionFailure::StorageRootUnknown { address }),
                    }
                }
                KnownAccount::Parts(parts) => parts.failure(*address, state)?,
            };
            if let Some(failure) = failure {
                return Ok(Err(failure));
            }
        }
        for pool in &self.pools {
            if let Err(failure) = pool.check(state)? {
                return Ok(Err(failure));
            }
        }
        Ok(Ok(()))
    }

    /// Checks the block and the time.
    pub fn check_moment(&self, at: Moment) -> Result<(), ConditionFailure> {
        let Moment { block_number: number, timestamp, now_ms } = at;
        if let Some(max) = self.block_number_max.filter(|max| number > *max) {
            return Err(ConditionFailure::BlockNumberTooHigh { number, max });
        }
        if let Some(max) = self.timestamp_max.filter(|max| timestamp > *max) {
            return Err(ConditionFailure::TimestampTooHigh { timestamp, max });
        }
        if let Some(deadline_ms) = self.deadline_ms.filter(|deadline| now_ms > *deadline) {
            return Err(ConditionFailure::DeadlinePassed { now_ms, deadline_ms });
        }
        if let Some(min) = self.block_number_min.filter(|min| number < *min) {
            return Err(ConditionFailure::BlockNumberTooLow { number, min });
        }
        if let Some(min) = self.timestamp_min.filter(|min| timestamp < *min) {
            return Err(ConditionFailure::TimestampTooLow { timestamp, min });
        }
        Ok(())
    }
}

impl KnownParts {
    fn failure(
        &self,
        address: Address,
        state: &dyn StateProvider,
    ) -> Result<Option<ConditionFailure>, StateError> {
        let account = state.account(&address)?.unwrap_or_default();
        if self.balance.is_some_and(|balance| balance != account.balance) {
            return Ok(Some(ConditionFailure::Balance { address, balance: account.balance }));
        }
        if self.nonce.is_some_and(|nonce| nonce != account.nonce) {
            return Ok(Some(ConditionFailure::Nonce { address, nonce: account.nonce }));
        }
        if let Some(code) = &self.code {
            let is_same = if account.has_code() {
                state.code(&account.code_hash)?.is_some_and(|own| own == *code)
            } else {
                code.is_empty()
            };
            if !is_same {
                return Ok(Some(ConditionFailure::Code { address }));
            }
        }
        for (slot, expected) in &self.slots {
            let value = state.storage(&address, slot)?;
            if value != *expected {
                return Ok(Some(ConditionFailure::Slot { address, slot: *slot, value }));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmptyState;

    const AT: Moment = Moment { block_number: 10, timestamp: 1_000, now_ms: 999_500 };

    fn failure(conditions: &Conditions) -> Option<ConditionFailure> {
        let root = |_: &Address| Ok(None);
        conditions.check(AT, &EmptyState, &root).unwrap().err()
    }

    #[test]
    fn bounds_are_inclusive() {
        let bounds = Conditions {
            block_number_min: Some(10),
            block_number_max: Some(10),
            timestamp_min: Some(1_000),
            timestamp_max: Some(1_000),
            deadline_ms: Some(999_500),
            ..Conditions::default()
        };
        assert_eq!(failure(&bounds), None);
        let early = [
            Conditions { block_number_min: Some(11), ..bounds.clone() },
            Conditions { timestamp_min: Some(1_001), ..bounds.clone() },
        ];
        let late = [
            Conditions { block_number_max: Some(9), ..bounds.clone() },
            Conditions { timestamp_max: Some(999), ..bounds.clone() },
            Conditions { deadline_ms: Some(999_499), ..bounds },
        ];
        assert!(early.iter().all(|conditions| failure(conditions).unwrap().is_early()));
        assert!(late.iter().all(|conditions| !failure(conditions).unwrap().is_early()));
    }

    #[test]
    fn an_absent_account_is_empty() {
        let address = Address::repeat_byte(1);
        let known = |parts| Conditions {
            known_accounts: vec![(address, KnownAccount::Parts(parts))],
            ..Conditions::default()
        };
        let empty = known(KnownParts {
            balance: Some(U256::ZERO),
            nonce: Some(0),
            code: Some(Bytes::new()),
            slots: vec![(U256::ONE, U256::ZERO)],
        });
        assert_eq!((failure(&empty), empty.cost()), (None, 4));
        let code = known(KnownParts { code: Some(Bytes::from_static(&[0])), ..Default::default() });
        assert_eq!(failure(&code), Some(ConditionFailure::Code { address }));
        let slots = vec![(U256::ONE, U256::ONE)];
        let slot = known(KnownParts { slots, ..Default::default() });
        let value = U256::ZERO;
        assert_eq!(
            failure(&slot),
            Some(ConditionFailure::Slot { address, slot: U256::ONE, value })
        );
    }

    #[test]
    fn a_root_that_is_not_known_waits_for_the_next_block() {
        let address = Address::repeat_byte(1);
        let known_accounts = vec![(address, KnownAccount::StorageRoot(B256::ZERO))];
        let conditions = Conditions { known_accounts, ..Conditions::default() };
        let unknown = failure(&conditions).unwrap();
        assert_eq!(unknown, ConditionFailure::StorageRootUnknown { address });
        assert!(unknown.is_early());
        let root = B256::repeat_byte(1);
        let other = conditions.check(AT, &EmptyState, &|_: &Address| Ok(Some(root))).unwrap();
        assert_eq!(other, Err(ConditionFailure::StorageRoot { address, root }));
        let zero = |_: &Address| Ok(Some(B256::ZERO));
        assert_eq!(conditions.check(AT, &EmptyState, &zero).unwrap(), Ok(()));
    }
}
