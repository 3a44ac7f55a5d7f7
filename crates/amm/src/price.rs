//! Square roots of prices.

use crate::MathError;
use alloy_primitives::U256;
use std::fmt;

/// The square root of token1 per token0 in Q64.96, at most 160 bits wide; zero in a pool without a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SqrtPriceX96(U256);

impl SqrtPriceX96 {
    /// A pool without a price.
    pub const ZERO: Self = Self(U256::ZERO);
    /// `TickMath.MIN_SQRT_RATIO`: the ratio at the lowest tick, `4295128739`.
    pub const MIN: Self = Self(U256::from_limbs([4_295_128_739, 0, 0, 0]));
    /// `TickMath.MAX_SQRT_RATIO`: the ratio at the highest tick, which no price reaches.
    pub const MAX: Self =
        Self(U256::from_limbs([0x5d95_1d52_6398_8d26, 0xefd1_fc6a_5064_8849, 0xfffd_8963, 0]));

    /// Takes a value of at most 160 bits.
    pub fn new(value: U256) -> Result<Self, MathError> {
        let price = Self(value);
        if value.bit_len() <= 160 {
            Ok(price)
        } else {
            Err(MathError::SqrtPriceOutOfRange { sqrt_price: price })
        }
    }

    /// Whether the value is a price: at least [`Self::MIN`] and below [`Self::MAX`].
    pub fn is_valid(self) -> bool {
        Self::MIN <= self && self < Self::MAX
    }

    /// Whether the pool has no price.
    pub const fn is_zero(self) -> bool {
        self.0.const_is_zero()
    }

    /// The Q64.96 number.
    pub const fn get(self) -> U256 {
        self.0
    }

    pub(crate) const fn from_raw(value: U256) -> Self {
        Self(value)
    }

    pub(crate) const fn limbs(&self) -> &[u64; 4] {
        self.0.as_limbs()
    }
}

impl fmt::Display for SqrtPriceX96 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
