//! What a trade costs besides its amounts.

use alloy_primitives::{I256, U256};
use weir_amm::mul_div;

/// Gas of the parts of a trade, in units. Estimates: what a router contract adds is the operator's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GasSchedule {
    /// The transaction itself, with its calldata and the entry of the contract that trades.
    pub transaction: u64,
    /// A swap in a constant-product pool.
    pub constant_hop: u64,
    /// A swap in a pool with ticks.
    pub concentrated_hop: u64,
    /// Wrapping or unwrapping the native coin.
    pub conversion: u64,
}

impl Default for GasSchedule {
    /// Orders of magnitude on Ethereum: two token transfers and the pool's own slots a hop.
    fn default() -> Self {
        Self {
            transaction: 40_000,
            constant_hop: 70_000,
            concentrated_hop: 110_000,
            conversion: 30_000,
        }
    }
}

/// What a unit of gas costs, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GasTerms {
    /// Base fee of the block in which the trade is to be.
    pub base_fee: u64,
    /// What is paid on top.
    pub priority_fee: u64,
}

impl GasTerms {
    /// What so much gas costs, in wei.
    pub fn cost(&self, gas: u64) -> U256 {
        U256::from(gas) * (U256::from(self.base_fee) + U256::from(self.priority_fee))
    }
}

/// What a token is worth: `wei` for every `per` of its smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPrice {
    /// Worth in wei.
    pub wei: U256,
    /// Of so many units; not zero.
    pub per: U256,
}

impl TokenPrice {
    /// The native coin and its wrapped token.
    pub const NATIVE: Self = Self { wei: U256::ONE, per: U256::ONE };

    /// Worth of an amount in wei, rounded down; `None` if `per` is zero or the worth has more than 255 bits.
    pub fn value(&self, amount: U256) -> Option<I256> {
        I256::try_from(mul_div(amount, self.wei, self.per).ok()?).ok()
    }

    /// `value - cost`, in wei.
    pub(crate) fn net(&self, amount: U256, terms: GasTerms, gas: u64) -> Option<I256> {
        self.value(amount)?.checked_sub(I256::try_from(terms.cost(gas)).ok()?)
    }
}
