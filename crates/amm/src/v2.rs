//! Constant product: `UniswapV2Library` and the checks of `UniswapV2Pair`.

use crate::{
    Direction, QuoteError, SwapKind, V2Fee,
    wide::{div_256_by_128, div_rem},
};
use alloy_primitives::U256;

/// The most a reserve can hold: `type(uint112).max`.
pub const MAX_RESERVE: u128 = (1 << 112) - 1;

/// The balances that define a constant-product price, each at most [`MAX_RESERVE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reserves {
    /// Of token0.
    pub reserve0: u128,
    /// Of token1.
    pub reserve1: u128,
}

impl Reserves {
    /// What the swap takes and gives: `(amount_in, amount_out)`.
    ///
    /// Equal to `getAmountOut` and `getAmountIn`, but refuses what the pair would revert: reserves that do not fit in
    /// `uint112` afterwards, and output equal to the whole reserve.
    pub fn quote(
        &self,
        fee: V2Fee,
        direction: Direction,
        kind: SwapKind,
    ) -> Result<(U256, U256), QuoteError> {
        let (reserve_in, reserve_out) = self.oriented(direction);
        let amount = kind.amount();
        if amount.is_zero() {
            return Err(QuoteError::AmountZero);
        }
        if reserve_in == 0 || reserve_out == 0 {
            return Err(QuoteError::InsufficientLiquidity { amount, available: U256::ZERO });
        }
        let amount = u128::try_from(amount)
            .ok()
            .filter(|amount| *amount <= MAX_RESERVE)
            .ok_or(QuoteError::AmountTooLarge { amount })?;
        let (amount_in, amount_out) = match kind {
            SwapKind::ExactIn(_) => (amount, amount_out(reserve_in, reserve_out, amount, fee)?),
            SwapKind::ExactOut(_) => (amount_in(reserve_in, reserve_out, amount, fee)?, amount),
        };
        if reserve_in + amount_in > MAX_RESERVE {
            return Err(QuoteError::AmountTooLarge { amount: U256::from(amount_in) });
        }
        Ok((U256::from(amount_in), U256::from(amount_out)))
    }

    /// The reserves as `(in, out)`.
    pub const fn oriented(&self, direction: Direction) -> (u128, u128) {
        match direction {
            Direction::ZeroForOne => (self.reserve0, self.reserve1),
            Direction::OneForZero => (self.reserve1, self.reserve0),
        }
    }
}

/// `in * num * R_out / (R_in * den + in * num)`, rounded down. All inputs fit in 112 bits, the fraction in 20.
#[inline]
fn amount_out(
    reserve_in: u128,
    reserve_out: u128,
    amount: u128,
    fee: V2Fee,
) -> Result<u128, QuoteError> {
    let with_fee = mul_112_by_32(amount, fee.numerator());
    let numerator = mul_144_by_112(with_fee, reserve_out);
    let denominator = add(mul_112_by_32(reserve_in, fee.denominator()), with_fee);
    let out = quotient(numerator, denominator)
        .expect("below the reserve, and the divisor is not zero as a reserve is not");
    if out == 0 {
        // The pair reverts with INSUFFICIENT_OUTPUT_AMOUNT.
        return Err(QuoteError::InsufficientLiquidity {
            amount: U256::from(amount),
            available: U256::ZERO,
        });
    }
    Ok(out)
}

/// `R_in * out * den / ((R_out - out) * num) + 1`.
#[inline]
fn amount_in(
    reserve_in: u128,
    reserve_out: u128,
    amount: u128,
    fee: V2Fee,
) -> Result<u128, QuoteError> {
    if amount >= reserve_out {
        let (amount, available) = (U256::from(amount), U256::from(reserve_out.saturating_sub(1)));
        return Err(QuoteError::InsufficientLiquidity { amount, available });
    }
    let numerator = mul_144_by_112(mul_112_by_32(amount, fee.denominator()), reserve_in);
    let denominator = mul_112_by_32(reserve_out - amount, fee.numerator());
    // More than 128 bits of input fit in no reserve.
    let error = QuoteError::AmountTooLarge { amount: U256::MAX };
    let amount_in = quotient(numerator, denominator).ok_or(error)?.saturating_add(1);
    if amount_in > MAX_RESERVE {
        return Err(QuoteError::AmountTooLarge { amount: U256::from(amount_in) });
    }
    Ok(amount_in)
}

/// The quotient, if it fits in 128 bits. Real divisors have 65 to 128 bits.
#[inline]
fn quotient(numerator: [u64; 4], [d0, d1, d2]: [u64; 3]) -> Option<u128> {
    let divisor = u128::from(d0) | (u128::from(d1) << 64);
    if d2 == 0
        && let Some(quotient) = div_256_by_128(numerator, divisor)
    {
        return Some(quotient);
    }
    unusual_quotient(numerator, [d0, d1, d2])
}

/// The quotient by a divisor of one limb or three.
#[cold]
#[inline(never)]
fn unusual_quotient(numerator: [u64; 4], divisor: [u64; 3]) -> Option<u128> {
    let (quotient, _) = div_rem(numerator, divisor)?;
    u128::try_from(quotient).ok()
}

#[inline]
fn mul_112_by_32(value: u128, factor: u32) -> [u64; 3] {
    let low = u128::from(value as u64) * u128::from(factor);
    let high = (value >> 64) * u128::from(factor) + (low >> 64);
    [low as u64, high as u64, (high >> 64) as u64]
}

/// The product fits in 256 bits.
#[inline]
fn mul_144_by_112(a: [u64; 3], b: u128) -> [u64; 4] {
    let [a0, a1, a2] = a.map(u128::from);
    let (b0, b1) = (u128::from(b as u64), b >> 64);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let other = a0 * b1 + u128::from(middle as u64);
    let high = a2 * b0 + (middle >> 64) + (other >> 64);
    let last = a1 * b1 + u128::from(high as u64);
    let top = a2 * b1 + (high >> 64) + (last >> 64);
    [low as u64, other as u64, last as u64, top as u64]
}

#[inline]
fn add(a: [u64; 3], b: [u64; 3]) -> [u64; 3] {
    let low = u128::from(a[0]) + u128::from(b[0]);
    let middle = u128::from(a[1]) + u128::from(b[1]) + (low >> 64);
    [low as u64, middle as u64, a[2] + b[2] + (middle >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeePips;
    use alloy_primitives::{U512, uint};
    use proptest::prelude::*;

    fn oracle_out(r_in: u128, r_out: u128, amount: u128, fee: V2Fee) -> U512 {
        let with_fee = U512::from(amount) * U512::from(fee.numerator());
        with_fee * U512::from(r_out) / (U512::from(r_in) * U512::from(fee.denominator()) + with_fee)
    }

    fn oracle_in(r_in: u128, r_out: u128, amount: u128, fee: V2Fee) -> U512 {
        let numerator = U512::from(r_in) * U512::from(amount) * U512::from(fee.denominator());
        numerator / (U512::from(r_out - amount) * U512::from(fee.numerator())) + U512::ONE
    }

    fn reserve() -> impl Strategy<Value = u128> {
        (any::<u128>(), 16..112u32).prop_map(|(value, shift)| (value >> shift).max(1))
    }

    #[test]
    fn the_vectors_of_the_pair_hold() {
        // `UniswapV2Pair.spec.ts`: [swap amount, reserve0, reserve1, expected output] in ether.
        let ether = 1_000_000_000_000_000_000u128;
        let cases = [
            (1, 5, 10, uint!(1662497915624478906_U256)),
            (1, 10, 5, uint!(453305446940074565_U256)),
            (2, 5, 10, uint!(2851015155847869602_U256)),
            (2, 10, 5, uint!(831248957812239453_U256)),
            (1, 10, 10, uint!(906610893880149131_U256)),
            (1, 100, 100, uint!(987158034397061298_U256)),
            (1, 1000, 1000, uint!(996006981039903216_U256)),
        ];
        for (amount, reserve0, reserve1, expected) in cases {
            let reserves = Reserves { reserve0: reserve0 * ether, reserve1: reserve1 * ether };
            let kind = SwapKind::ExactIn(U256::from(amount * ether));
            let (_, out) = reserves.quote(V2Fee::UNISWAP, Direction::ZeroForOne, kind).unwrap();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn what_the_pair_reverts_is_refused() {
        let reserves = Reserves { reserve0: 1000, reserve1: 1000 };
        let quote = |kind| reserves.quote(V2Fee::UNISWAP, Direction::ZeroForOne, kind);
        assert_eq!(quote(SwapKind::ExactIn(U256::ZERO)), Err(QuoteError::AmountZero));
        assert!(matches!(
            quote(SwapKind::ExactOut(U256::from(1000))),
            Err(QuoteError::InsufficientLiquidity { .. })
        ));
        assert!(matches!(
            quote(SwapKind::ExactIn(U256::ONE)),
            Err(QuoteError::InsufficientLiquidity { .. })
        ));
        assert!(matches!(
            quote(SwapKind::ExactIn(U256::from(MAX_RESERVE))),
            Err(QuoteError::AmountTooLarge { .. })
        ));
        assert!(quote(SwapKind::ExactIn(U256::from(MAX_RESERVE - 1000))).is_ok());
        let empty = Reserves::default().quote(
            V2Fee::UNISWAP,
            Direction::OneForZero,
            SwapKind::ExactIn(U256::ONE),
        );
        assert!(matches!(empty, Err(QuoteError::InsufficientLiquidity { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn quotes_equal_the_library(r_in in reserve(), r_out in reserve(), amount in reserve(), fee_pips in 0..100_000u32) {
            let fee = V2Fee::from_pips(FeePips::new(fee_pips).unwrap());
            let reserves = Reserves { reserve0: r_in, reserve1: r_out };
            let exact_in = reserves.quote(fee, Direction::ZeroForOne, SwapKind::ExactIn(U256::from(amount)));
            if let Ok((_, out)) = exact_in {
                prop_assert_eq!(U512::from(out), oracle_out(r_in, r_out, amount, fee));
            } else {
                prop_assert!(r_in + amount > MAX_RESERVE || oracle_out(r_in, r_out, amount, fee).is_zero());
            }
            let exact_out = reserves.quote(fee, Direction::ZeroForOne, SwapKind::ExactOut(U256::from(amount)));
            if let Ok((amount_in, _)) = exact_out {
                prop_assert_eq!(U512::from(amount_in), oracle_in(r_in, r_out, amount, fee));
                let back = reserves.quote(fee, Direction::ZeroForOne, SwapKind::ExactIn(amount_in));
                prop_assert!(back.unwrap().1 >= U256::from(amount));
            } else {
                prop_assert!(amount >= r_out || oracle_in(r_in, r_out, amount, fee) > U512::from(MAX_RESERVE - r_in));
            }
        }
    }
}
