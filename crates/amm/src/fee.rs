//! Fees as the contracts hold them.

use crate::{MathError, wide::SmallDivisor};

/// One hundred per cent in pips: fees are below it, in Uniswap V4 at most equal.
pub const MAX_FEE_PIPS: u32 = 1_000_000;

/// A swap fee in millionths of the input (Uniswap V3 `fee`: 500, 3000, 10000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeePips {
    fee_pips: u32,
    /// What is left of a whole, in millionths, but at least one. A function of the fee, kept for its reciprocal.
    rest: SmallDivisor,
}

impl FeePips {
    /// Checks that the fee is below 100 %.
    pub const fn new(fee_pips: u32) -> Result<Self, MathError> {
        if fee_pips < MAX_FEE_PIPS {
            Ok(Self { fee_pips, rest: SmallDivisor::new(MAX_FEE_PIPS - fee_pips) })
        } else {
            Err(MathError::FeeOutOfRange { fee_pips })
        }
    }

    /// Checks that the fee is at most 100 %, as Uniswap V4 does (`LPFeeLibrary.isValid`).
    pub const fn at_most_whole(fee_pips: u32) -> Result<Self, MathError> {
        if fee_pips == MAX_FEE_PIPS {
            Ok(Self { fee_pips, rest: SmallDivisor::new(1) })
        } else {
            Self::new(fee_pips)
        }
    }

    /// The fee in millionths.
    pub const fn get(self) -> u32 {
        self.fee_pips
    }

    /// Whether the fee takes all of the input.
    pub const fn is_whole(self) -> bool {
        self.fee_pips == MAX_FEE_PIPS
    }

    /// What the fee leaves, in millionths.
    pub(crate) const fn kept(self) -> u32 {
        MAX_FEE_PIPS - self.fee_pips
    }

    /// What the fee leaves as a divisor; not for a fee of 100 %.
    pub(crate) const fn rest(self) -> SmallDivisor {
        self.rest
    }
}

/// What a constant-product pool keeps of the input, as the fraction that its contract writes.
///
/// Uniswap V2 is `997 / 1000` (`UniswapV2Library.getAmountOut`); forks differ, so it is data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct V2Fee {
    numerator: u32,
    denominator: u32,
}

impl V2Fee {
    /// Uniswap V2: 0.3 %.
    pub const UNISWAP: Self = Self { numerator: 997, denominator: 1000 };

    /// The fraction for a fee in millionths, in lowest terms.
    ///
    /// Quotients of scaled numerator and scaled denominator are equal, so `3000` gives exactly Uniswap's results.
    pub const fn from_pips(fee: FeePips) -> Self {
        let (numerator, denominator) = (MAX_FEE_PIPS - fee.get(), MAX_FEE_PIPS);
        let (mut a, mut b) = (denominator, numerator);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        Self { numerator: numerator / a, denominator: denominator / a }
    }

    /// The share of the input that trades.
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// What the numerator is a share of.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_thousand_pips_are_the_fraction_of_uniswap_v2() {
        let fee = FeePips::new(3000).unwrap();
        assert_eq!(V2Fee::from_pips(fee), V2Fee::UNISWAP);
        assert_eq!(
            V2Fee::from_pips(FeePips::new(2500).unwrap()),
            V2Fee { numerator: 399, denominator: 400 }
        );
        assert_eq!(
            V2Fee::from_pips(FeePips::new(0).unwrap()),
            V2Fee { numerator: 1, denominator: 1 }
        );
    }

    #[test]
    fn a_fee_of_all_is_refused() {
        assert_eq!(FeePips::new(1_000_000), Err(MathError::FeeOutOfRange { fee_pips: 1_000_000 }));
        assert!(FeePips::new(999_999).is_ok());
        let whole = FeePips::at_most_whole(1_000_000).unwrap();
        assert!(whole.is_whole() && whole.kept() == 0);
        assert!(FeePips::at_most_whole(1_000_001).is_err());
    }
}
