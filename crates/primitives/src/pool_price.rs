//! Prices of pools as the chain's state holds them, and bounds that they are compared with, exactly.

use alloc::{format, string::ToString};
use alloy_primitives::{U256, Uint};
use core::{cmp::Ordering, fmt, str::FromStr};

/// Wide enough for every product that a comparison needs: 320 bits of a squared root times 10^77, and a bound of 256 bits
/// times 2^192.
type Wide = Uint<640, 10>;

/// Digits after the point of a bound at most: 10^77 is the highest power of ten below 2^256.
const DECIMALS_MAX: usize = 77;
/// Bits of a reserve (`UniswapV2Pair`: `uint112`).
const RESERVE_BITS: usize = 112;
/// Bits of the square root of a price (`UniswapV3Pool`, `PoolManager`: `uint160`).
const SQRT_PRICE_BITS: usize = 160;
/// Bits after the point of a squared root in Q64.96.
const SQUARED_FRACTION_BITS: usize = 192;
/// Significant digits of a price in words.
const SHOWN_DIGITS: u64 = 18;

/// How a slot of storage holds a pool's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PriceForm {
    /// `reserve0` in the lowest 112 bits, `reserve1` in the next (Uniswap V2).
    Reserves,
    /// The square root of the price in Q64.96, in the lowest 160 bits (Uniswap V3 and V4, PancakeSwap V3).
    SqrtPrice,
}

/// What a pool asks for one smallest unit of token 0, in smallest units of token 1, without its fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolPrice {
    /// `reserve1 / reserve0`.
    Reserves {
        /// Smallest units of token 0.
        reserve0: U256,
        /// Smallest units of token 1.
        reserve1: U256,
    },
    /// `(root / 2^96)²`.
    SqrtPrice(
        /// The root in Q64.96.
        U256,
    ),
}

impl PoolPrice {
    /// Reads a slot; `None` if the pool has no price: it is not initialized, or it is empty.
    pub fn read(form: PriceForm, value: U256) -> Option<Self> {
        let low = |bits: usize| (U256::ONE << bits) - U256::ONE;
        match form {
            PriceForm::Reserves => {
                let reserve0 = value & low(RESERVE_BITS);
                let reserve1 = (value >> RESERVE_BITS) & low(RESERVE_BITS);
                let has_price = !reserve0.is_zero() && !reserve1.is_zero();
                has_price.then_some(Self::Reserves { reserve0, reserve1 })
            }
            PriceForm::SqrtPrice => {
                let root = value & low(SQRT_PRICE_BITS);
                (!root.is_zero()).then_some(Self::SqrtPrice(root))
            }
        }
    }

    /// Compares with a bound. Nothing is rounded.
    pub fn compare(&self, bound: &PriceBound) -> Ordering {
        let (numerator, denominator) = self.fraction();
        let left = numerator * power_of_ten(bound.decimals);
        left.cmp(&(Wide::from(bound.digits) * denominator))
    }

    /// The price as a fraction; the denominator is not zero.
    fn fraction(&self) -> (Wide, Wide) {
        match self {
            Self::Reserves { reserve0, reserve1 } => (Wide::from(*reserve1), Wide::from(*reserve0)),
            Self::SqrtPrice(root) => {
                let root = Wide::from(*root);
                (root * root, Wide::ONE << SQUARED_FRACTION_BITS)
            }
        }
    }
}

fn power_of_ten(exponent: u8) -> Wide {
    Wide::from(10).pow(Wide::from(exponent))
}

impl fmt::Display for PoolPrice {
    /// The first digits of the price, the rest cut off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (numerator, denominator) = self.fraction();
        let enough = Wide::from(10).pow(Wide::from(SHOWN_DIGITS - 1));
        let scaled = |decimals: u8| numerator * power_of_ten(decimals) / denominator;
        let decimals_max = u8::try_from(DECIMALS_MAX).unwrap_or(u8::MAX);
        let decimals = (0..decimals_max).find(|decimals| scaled(*decimals) >= enough);
        let decimals = decimals.unwrap_or(decimals_max);
        write_decimal(f, &scaled(decimals).to_string(), decimals)
    }
}

/// A number that a price is compared with: a decimal fraction, kept as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PriceBound {
    digits: U256,
    decimals: u8,
}

/// Why a text is no bound of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceBoundError {
    /// Something else than digits and one point between them.
    #[error("price is not a decimal number: expected digits, a point between them if needed")]
    NotDecimal,
    /// More than 77 digits after the point, or more digits than 256 bits hold.
    #[error("price has too many digits: decimals_max={DECIMALS_MAX} bits_max=256")]
    TooLong,
}

impl FromStr for PriceBound {
    type Err = PriceBoundError;

    fn from_str(text: &str) -> Result<Self, PriceBoundError> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(rest) {
            return Err(PriceBoundError::NotDecimal);
        }
        let rest = rest.trim_end_matches('0');
        if rest.len() > DECIMALS_MAX {
            return Err(PriceBoundError::TooLong);
        }
        let decimals = u8::try_from(rest.len()).map_err(|_| PriceBoundError::TooLong)?;
        let digits = U256::from_str_radix(&[whole, rest].concat(), 10);
        Ok(Self { digits: digits.map_err(|_| PriceBoundError::TooLong)?, decimals })
    }
}

impl fmt::Display for PriceBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(f, &self.digits.to_string(), self.decimals)
    }
}

/// Writes digits with a point before the last `decimals` of them.
fn write_decimal(f: &mut fmt::Formatter<'_>, digits: &str, decimals: u8) -> fmt::Result {
    let decimals = usize::from(decimals);
    if decimals == 0 {
        return f.write_str(digits);
    }
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, rest) = padded.split_at(padded.len() - decimals);
    write!(f, "{whole}.{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bound(text: &str) -> PriceBound {
        text.parse().unwrap()
    }

    fn reserves(reserve0: u128, reserve1: u128) -> PoolPrice {
        PoolPrice::Reserves { reserve0: U256::from(reserve0), reserve1: U256::from(reserve1) }
    }

    #[test]
    fn slots_are_read_as_the_contracts_write_them() {
        // UniswapV2Pair packs reserve0, reserve1 and blockTimestampLast from the right.
        let slot = U256::from(7) | (U256::from(9) << 112) | (U256::from(0x6666_6666) << 224);
        assert_eq!(PoolPrice::read(PriceForm::Reserves, slot), Some(reserves(7, 9)));
        assert_eq!(PoolPrice::read(PriceForm::Reserves, U256::from(7)), None);
        assert_eq!(PoolPrice::read(PriceForm::Reserves, U256::from(9) << 112), None);
        // Slot0 has the tick and flags above the root.
        let root = U256::ONE << 96;
        let slot = root | (U256::from(0xabcdef) << 160) | (U256::ONE << 240);
        assert_eq!(PoolPrice::read(PriceForm::SqrtPrice, slot), Some(PoolPrice::SqrtPrice(root)));
        assert_eq!(PoolPrice::read(PriceForm::SqrtPrice, U256::ONE << 240), None);
    }

    #[test]
    fn comparisons_are_exact() {
        let third = reserves(3, 1);
        assert_eq!(third.compare(&bound("0.333333333333333333333333333333")), Ordering::Greater);
        assert_eq!(third.compare(&bound("0.333333333333333333333333333334")), Ordering::Less);
        assert_eq!(reserves(8, 1).compare(&bound("0.125")), Ordering::Equal);
        // The root of one and a half has no end; that of 2.25 has.
        let root = PoolPrice::SqrtPrice((U256::from(3) << 96) >> 1);
        assert_eq!(root.compare(&bound("2.25")), Ordering::Equal);
        assert_eq!(root.compare(&bound("2.2500000000000000000000001")), Ordering::Less);
        let above = PoolPrice::SqrtPrice(((U256::from(3) << 96) >> 1) + U256::ONE);
        assert_eq!(above.compare(&bound("2.25")), Ordering::Greater);
    }

    #[test]
    fn the_widest_values_fit() {
        let most = U256::MAX.to_string();
        let root = PoolPrice::SqrtPrice((U256::ONE << 160) - U256::ONE);
        assert_eq!(root.compare(&bound(&most)), Ordering::Less);
        let least = format!("0.{}1", "0".repeat(DECIMALS_MAX - 1));
        assert_eq!(root.compare(&bound(&least)), Ordering::Greater);
        assert_eq!(PoolPrice::SqrtPrice(U256::ONE).compare(&bound(&least)), Ordering::Greater);
        let u112 = (1_u128 << 112) - 1;
        assert_eq!(reserves(1, u112).compare(&bound(&u112.to_string())), Ordering::Equal);
        assert_eq!(reserves(u112, 1).compare(&bound(&least)), Ordering::Greater);
    }

    #[test]
    fn bounds_are_decimal_numbers() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e3", "0x1", "1.2.3", "1,5", " 1", "½"] {
            assert_eq!(text.parse::<PriceBound>(), Err(PriceBoundError::NotDecimal), "{text}");
        }
        for text in [&"9".repeat(78), &format!("0.{}", "1".repeat(78))] {
            assert_eq!(text.parse::<PriceBound>(), Err(PriceBoundError::TooLong), "{text}");
        }
        assert_eq!(bound("2.50").to_string(), "2.5");
        assert_eq!(bound("0.0012").to_string(), "0.0012");
        assert_eq!(bound("007").to_string(), "7");
    }

    #[test]
    fn prices_are_shown_by_their_first_digits() {
        assert_eq!(reserves(3, 1).to_string(), "0.333333333333333333");
        assert_eq!(reserves(1, 5).to_string(), "5.00000000000000000");
        let least = PoolPrice::SqrtPrice(U256::ONE).to_string();
        assert!(least.starts_with("0.00000") && least.ends_with("159309191113245227"), "{least}");
    }

    proptest! {
        #[test]
        fn reserves_compare_as_fractions(
            reserve0 in 1u64.., reserve1 in 1u64.., digits in 0u64.., decimals in 0usize..20,
        ) {
            let text = format!("{digits:0>25}");
            let (whole, rest) = text.split_at(text.len() - decimals);
            let rest = if rest.is_empty() { "0" } else { rest };
            let bound: PriceBound = format!("{whole}.{rest}").parse().unwrap();
            // By cross-multiplication in another width.
            type Other = Uint<512, 8>;
            let left = Other::from(reserve1) * Other::from(10).pow(Other::from(decimals));
            let right = Other::from(digits) * Other::from(reserve0);
            let price = reserves(u128::from(reserve0), u128::from(reserve1));
            prop_assert_eq!(price.compare(&bound), left.cmp(&right));
        }

        #[test]
        fn a_bound_reads_back(whole in "[0-9]{1,30}", rest in "[0-9]{1,40}") {
            let bound: PriceBound = format!("{whole}.{rest}").parse().unwrap();
            prop_assert_eq!(bound.to_string().parse::<PriceBound>().unwrap(), bound);
        }

        #[test]
        fn any_text_is_a_bound_or_an_error(text in "\\PC{0,40}") {
            let _ = text.parse::<PriceBound>();
        }
    }
}
