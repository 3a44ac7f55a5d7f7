//! Which way a trade goes, and which side of it is fixed.

use alloy_primitives::U256;

/// Which token goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// token0 in, token1 out; the price falls.
    ZeroForOne,
    /// token1 in, token0 out; the price rises.
    OneForZero,
}

impl Direction {
    /// Whether token0 goes in.
    pub const fn is_zero_for_one(self) -> bool {
        matches!(self, Self::ZeroForOne)
    }

    /// The other direction.
    pub const fn opposite(self) -> Self {
        match self {
            Self::ZeroForOne => Self::OneForZero,
            Self::OneForZero => Self::ZeroForOne,
        }
    }
}

/// Which amount is fixed, in the smallest unit of its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwapKind {
    /// Give exactly this much (fee included), take what comes out.
    ExactIn(U256),
    /// Take exactly this much, give what it costs (fee included).
    ExactOut(U256),
}

impl SwapKind {
    /// The fixed amount.
    pub const fn amount(self) -> U256 {
        match self {
            Self::ExactIn(amount) | Self::ExactOut(amount) => amount,
        }
    }
}
