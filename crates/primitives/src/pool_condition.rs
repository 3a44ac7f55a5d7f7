//! What must hold of a pool's price for a transaction to be executed.

use crate::{
    ConditionFailure, PoolId, PoolPrice, PriceBound, PriceForm, StateError, StateProvider,
};
use alloc::boxed::Box;
use alloy_primitives::{Address, U256};
use core::cmp::Ordering;

/// Where the chain's state holds a pool's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PriceSlot {
    /// The contract whose storage it is.
    pub contract: Address,
    /// The slot.
    pub slot: U256,
    /// How to read it.
    pub form: PriceForm,
}

impl PriceSlot {
    /// The price in a state; `None` if there is none.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn read(&self, state: &dyn StateProvider) -> Result<Option<PoolPrice>, StateError> {
        Ok(PoolPrice::read(self.form, state.storage(&self.contract, &self.slot)?))
    }
}

/// Bounds of a pool's price. They are compared with what the state holds at that very place of the block, so nothing lies
/// between what is checked and what the transaction meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolCondition {
    /// The pool.
    pub pool: PoolId,
    /// Where its price is.
    pub at: PriceSlot,
    /// The lowest price at which the condition holds.
    pub at_least: Option<PriceBound>,
    /// The highest price at which the condition holds.
    pub at_most: Option<PriceBound>,
}

impl PoolCondition {
    /// Checks the price in a state.
    ///
    /// # Errors
    /// If the state cannot be read. The inner error says that the condition does not hold.
    pub fn check(
        &self,
        state: &dyn StateProvider,
    ) -> Result<Result<(), ConditionFailure>, StateError> {
        let pool = self.pool;
        let Some(price) = self.at.read(state)? else {
            return Ok(Err(ConditionFailure::PoolWithoutPrice { pool }));
        };
        let is_beyond = |bound: &PriceBound, side| price.compare(bound) == side;
        let miss = if let Some(min) = self.at_least.filter(|min| is_beyond(min, Ordering::Less)) {
            PriceMiss::TooLow { pool, price, min }
        } else if let Some(max) = self.at_most.filter(|max| is_beyond(max, Ordering::Greater)) {
            PriceMiss::TooHigh { pool, price, max }
        } else {
            return Ok(Ok(()));
        };
        Ok(Err(Box::new(miss).into()))
    }
}

/// How a pool's price is not what a transaction was sent for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceMiss {
    /// It is below the lowest.
    #[error("pool price too low: pool={pool} price={price} min={min}")]
    TooLow {
        /// The pool.
        pool: PoolId,
        /// The price that it has.
        price: PoolPrice,
        /// The lowest price.
        min: PriceBound,
    },
    /// It is above the highest.
    #[error("pool price too high: pool={pool} price={price} max={max}")]
    TooHigh {
        /// The pool.
        pool: PoolId,
        /// The price that it has.
        price: PoolPrice,
        /// The highest price.
        max: PriceBound,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Account, EmptyState};
    use alloy_primitives::{B256, Bytes};

    /// A state in which every slot has one value.
    struct Everywhere(U256);

    impl StateProvider for Everywhere {
        fn account(&self, _: &Address) -> Result<Option<Account>, StateError> {
            Ok(None)
        }
        fn storage(&self, _: &Address, _: &U256) -> Result<U256, StateError> {
            Ok(self.0)
        }
        fn code(&self, _: &B256) -> Result<Option<Bytes>, StateError> {
            Ok(None)
        }
        fn block_hash(&self, _: u64) -> Result<Option<B256>, StateError> {
            Ok(None)
        }
    }

    fn between(at_least: Option<&str>, at_most: Option<&str>) -> PoolCondition {
        let contract = Address::repeat_byte(1);
        PoolCondition {
            pool: PoolId::Address(contract),
            at: PriceSlot { contract, slot: U256::from(8), form: PriceForm::Reserves },
            at_least: at_least.map(|bound| bound.parse().unwrap()),
            at_most: at_most.map(|bound| bound.parse().unwrap()),
        }
    }

    #[test]
    fn bounds_are_inclusive_and_name_what_they_miss() {
        // Five of token 1 for four of token 0.
        let state = Everywhere(U256::from(4) | (U256::from(5) << 112));
        assert_eq!(between(Some("1.25"), Some("1.25")).check(&state).unwrap(), Ok(()));
        let low = between(Some("1.26"), None).check(&state).unwrap().unwrap_err();
        let words = low.to_string();
        assert!(words.starts_with("pool price too low: pool=0x0101"), "{words}");
        assert!(words.ends_with("price=1.25000000000000000 min=1.26"), "{words}");
        let high = between(None, Some("1.2499")).check(&state).unwrap().unwrap_err();
        assert!(high.to_string().ends_with("max=1.2499"), "{high}");
        assert!(!low.is_early() && !high.is_early(), "nothing says that the price comes back");
    }

    #[test]
    fn a_pool_that_is_not_there_has_no_price() {
        let pool = PoolId::Address(Address::repeat_byte(1));
        let failure = between(Some("0"), None).check(&EmptyState).unwrap().unwrap_err();
        assert_eq!(failure, ConditionFailure::PoolWithoutPrice { pool });
    }
}
