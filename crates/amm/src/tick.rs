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

/// Distance in ticks between ticks that may hold liquidity, with its contract's rule for how much one tick may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TickSpacing {
    spacing: i32,
    rule: TickRule,
}

/// How a contract counts the usable ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum TickRule {
    /// Both ends are rounded to zero (`Tick.tickSpacingToMaxLiquidityPerTick` of v3-core).
    V3,
    /// The lower end is rounded to negative infinity (`Pool.tickSpacingToMaxLiquidityPerTick` of v4-core).
    V4,
}

impl TickSpacing {
    /// Exclusive bound in V3, from `UniswapV3Factory.enableFeeAmount`.
    pub const LIMIT: i32 = 16_384;
    /// Largest spacing in V4 (`TickMath.MAX_TICK_SPACING`).
    pub const MAX_V4: i32 = 32_767;

    /// A spacing of V3: checks that it is in `1..16384`.
    pub const fn new(spacing: i32) -> Result<Self, MathError> {
        if 0 < spacing && spacing < Self::LIMIT {
            Ok(Self { spacing, rule: TickRule::V3 })
        } else {
            Err(MathError::SpacingOutOfRange { spacing })
        }
    }

    /// A spacing of V4: checks that it is in `1..=32767`.
    pub const fn v4(spacing: i32) -> Result<Self, MathError> {
        if 0 < spacing && spacing <= Self::MAX_V4 {
            Ok(Self { spacing, rule: TickRule::V4 })
        } else {
            Err(MathError::SpacingOutOfRange { spacing })
        }
    }

    /// The distance.
    pub const fn get(self) -> i32 {
        self.spacing
    }

    /// `tickSpacingToMaxLiquidityPerTick`: the most gross liquidity one tick may hold.
    pub const fn max_liquidity_per_tick(self) -> u128 {
        let min = match self.rule {
            TickRule::V3 => Tick::MIN.0 / self.spacing,
            TickRule::V4 => Tick::MIN.0.div_euclid(self.spacing),
        };
        let max = Tick::MAX.0 / self.spacing;
        u128::MAX / (max - min + 1) as u128
    }

    /// Whether a tick may hold liquidity.
    pub const fn is_aligned(self, tick: Tick) -> bool {
        tick.0 % self.spacing == 0
    }

    /// Whether the tick is the lowest of a word of the bitmap.
    pub const fn is_word_border(self, tick: Tick) -> bool {
        tick.0 % (256 * self.spacing) == 0
    }

    /// The tick divided by the spacing, rounded to negative infinity: its position in the bitmap.
    pub const fn compress(self, tick: i32) -> i32 {
        tick.div_euclid(self.spacing)
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
    fn v4_counts_one_more_tick_unless_the_spacing_divides_the_lowest() {
        let max = |spacing| TickSpacing::v4(spacing).unwrap().max_liquidity_per_tick();
        // `Pool.t.sol` of v4-core recomputes it as here: 2 * 887272 / 60, rounded outwards below, and zero.
        assert_eq!(max(60), u128::MAX / (14_787 + 14_788 + 1));
        assert_eq!(max(1), TickSpacing::new(1).unwrap().max_liquidity_per_tick());
        assert_eq!(max(32_767), u128::MAX / (27 + 28 + 1));
        assert!(TickSpacing::v4(32_768).is_err() && TickSpacing::v4(0).is_err());
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
