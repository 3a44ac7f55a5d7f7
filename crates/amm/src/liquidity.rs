//! The invariant of a price range.

use crate::MathError;
use std::fmt;

/// The L of a range: the square root of the product of its virtual reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Liquidity(u128);

impl Liquidity {
    /// None.
    pub const ZERO: Self = Self(0);

    /// Any 128-bit value is a liquidity.
    pub const fn new(liquidity: u128) -> Self {
        Self(liquidity)
    }

    /// The number.
    pub const fn get(self) -> u128 {
        self.0
    }

    /// Whether there is none.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `LiquidityMath.addDelta`: adds, or fails where the contract reverts with "LA" or "LS".
    pub const fn add_delta(self, delta: i128) -> Result<Self, MathError> {
        match self.0.checked_add_signed(delta) {
            Some(sum) => Ok(Self(sum)),
            None => Err(MathError::LiquidityOutOfRange { liquidity: self.0, delta }),
        }
    }
}

impl fmt::Display for Liquidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
