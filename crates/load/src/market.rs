//! Price and ranges of a pool with concentrated liquidity.

use alloy_primitives::{U160, U256};

use crate::Token;

/// Lowest and highest tick of a pool (`TickMath.MAX_TICK`, the same in V3 and V4).
const TICK_MAX: i32 = 887_272;
/// ln(1.0001): ticks per unit of the logarithm of a price.
const LN_TICK_BASE: f64 = 0.000_099_995_000_333_308_33;

/// Value in each pool on either side over the full range, in units.
const POOL_UNITS: u128 = 50;
/// Further liquidity: spacings below and above the initial price, and multiple of `POOL_UNITS`.
const RANGES: [(i32, i32, u128); 3] = [(-10, 10, 2), (-50, 50, 2), (5, 40, 1)];

/// Two tokens and where their liquidity may change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Market {
    pub(crate) token0: Token,
    pub(crate) token1: Token,
    /// Ticks between two places where liquidity may change.
    pub(crate) tick_spacing: i32,
}

impl Market {
    /// The price that the pool is initialised with, as the square root of token1 per token0 in Q64.96.
    pub(crate) fn initial_sqrt_price(&self) -> U160 {
        // Q80 before the root: the ratio of two amounts below 2^76 times 2^160 fits 256 bits.
        let ratio: U256 =
            (U256::from(self.token1.per_unit) << 160) / U256::from(self.token0.per_unit);
        U160::saturating_from(ratio.root(2) << 16)
    }

    /// The tick of the initial price, give or take one: it only decides where liquidity is placed.
    pub(crate) fn initial_tick(&self) -> i32 {
        let price = self.token1.per_unit as f64 / self.token0.per_unit as f64;
        (price.ln() / LN_TICK_BASE).floor() as i32
    }

    /// Liquidity that holds `units` of value on either side of the initial price over the full range.
    pub(crate) fn liquidity(&self, units: u128) -> u128 {
        let amount0 = U256::from(self.token0.per_unit * units);
        let amount1 = U256::from(self.token1.per_unit * units);
        (amount0 * amount1).root(2).saturating_to()
    }

    /// A range of usable ticks, `below` and `above` spacings away from the initial price.
    pub(crate) fn range(&self, below: i32, above: i32) -> (i32, i32) {
        let centre = self.initial_tick().div_euclid(self.tick_spacing) * self.tick_spacing;
        let (lowest, highest) = self.full_range();
        let lower = (centre + below * self.tick_spacing).max(lowest);
        let upper = (centre + above * self.tick_spacing).min(highest);
        (lower, upper)
    }

    /// All usable ticks.
    pub(crate) const fn full_range(&self) -> (i32, i32) {
        let highest = TICK_MAX / self.tick_spacing * self.tick_spacing;
        (-highest, highest)
    }

    /// Liquidity and ranges that a deployment puts into the pool.
    pub(crate) fn deployed_ranges(&self) -> Vec<((i32, i32), u128)> {
        let liquidity = self.liquidity(POOL_UNITS);
        let full = (self.full_range(), liquidity);
        let some =
            RANGES.map(|(below, above, times)| (self.range(below, above), liquidity * times));
        std::iter::once(full).chain(some).collect()
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;
    use crate::{Deployment, Wallet};

    #[test]
    fn initial_price_and_tick_agree() {
        let deployment = Deployment::of(&Wallet::test_account(), B256::ZERO);
        let v3 = deployment.pools.iter().map(crate::V3Pool::market);
        for market in v3.chain(deployment.v4.pools.iter().map(crate::V4Pool::market)) {
            let sqrt: f64 = market.initial_sqrt_price().to_string().parse().unwrap();
            let tick = 2.0 * (sqrt / 2f64.powi(96)).ln() / LN_TICK_BASE;
            assert!((tick - f64::from(market.initial_tick())).abs() < 2.0, "{tick} {market:?}");
            let (lower, upper) = market.range(-10, 10);
            assert!(lower % market.tick_spacing == 0 && upper % market.tick_spacing == 0);
            assert!(lower <= market.initial_tick() && market.initial_tick() < upper);
        }
    }
}
