//! Ticks: indices of price points, a factor of 1.0001 apart.

use crate::MathError;
use std::fmt;

/// Index `i` of the price `1.0001^i`; within `[MIN, MAX]` by construction.
///
/// A pool's *stored* tick may also be `MIN - 1`, after a swap that ended on the lowest price: hence it is an `i32`
/// where a pool holds it, and a `Tick` where a price is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tick(i32);

impl Tick {
    /// `TickMath.MIN_TICK`: `-887272`.
    pub const MIN: Self = Self(-887_272);
    /// `TickMath.MAX_TICK`: `887272`.
    pub const MAX: Self = Self(887_272);

    /// Checks the range.
    pub const fn new(tick: i32) -> Result<Self, MathError> {
        if Self::MIN.0 <= tick && tick <= Self::MAX.0 {
            Ok(Self(tick))
        } else {
            Err(MathError::TickOutOfRange { tick })
        }
    }

    /// The nearest tick in range.
    pub const fn clamped(tick: i32) -> Self {
        if tick < Self::MIN.0 {
            Self::MIN
        } else if tick > Self::MAX.0 {
            Self::MAX
        } else {
            Self(tick)
        }
    }

    /// The index.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Distance in ticks between ticks that may hold liquidity, in `1..16384`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TickSpacing(i32);

impl TickSpacing {
    /// Exclusive bound, from `UniswapV3Factory.enableFeeAmount`.
    pub const LIMIT: i32 = 16_384;

    /// Checks the range.
    pub const fn new(spacing: i32) -> Result<Self, MathError> {
        if 0 < spacing && spacing < Self::LIMIT {
            Ok(Self(spacing))
        } else {
            Err(MathError::SpacingOutOfRange { spacing })
        }
    }

    /// The distance.
    pub const fn get(self) -> i32 {
        self.0
    }

    /// `Tick.tickSpacingToMaxLiquidityPerTick`: the most gross liquidity one tick may hold.
    pub const fn max_liquidity_per_tick(self) -> u128 {
        let min = Tick::MIN.0 / self.0;
        let max = Tick::MAX.0 / self.0;
        u128::MAX / (max - min + 1) as u128
    }

    /// Whether a tick may hold liquidity.
    pub const fn is_aligned(self, tick: Tick) -> bool {
        tick.0 % self.0 == 0
    }

    /// Whether the tick is the lowest of a word of the bitmap.
    pub const fn is_word_border(self, tick: Tick) -> bool {
        tick.0 % (256 * self.0) == 0
    }

    /// The tick divided by the spacing, rounded to negative infinity: its position in the bitmap.
    pub const fn compress(self, tick: i32) -> i32 {
        tick.div_euclid(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_liquidity_equals_the_solidity_tests() {
        // Values of `Tick.spec.ts` in v3-core.
        let max = |spacing| TickSpacing::new(spacing).unwrap().max_liquidity_per_tick();
        assert_eq!(max(10), 1_917_569_901_783_203_986_719_870_431_555_990);
        assert_eq!(max(60), 11_505_743_598_341_114_571_880_798_222_544_994);
        assert_eq!(max(200), 38_350_317_471_085_141_830_651_933_667_504_588);
    }

    #[test]
    fn bounds_are_enforced() {
        assert!(Tick::new(887_273).is_err() && Tick::new(-887_273).is_err());
        assert_eq!(Tick::clamped(i32::MAX), Tick::MAX);
        assert!(TickSpacing::new(0).is_err() && TickSpacing::new(16_384).is_err());
        assert_eq!(TickSpacing::new(60).unwrap().compress(-1), -1);
        assert_eq!(TickSpacing::new(60).unwrap().compress(-60), -1);
    }
}
