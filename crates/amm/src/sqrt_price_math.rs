//! `SqrtPriceMath`: amounts between two prices, and the price after an amount.

use crate::{
    Direction, Liquidity, MathError, SqrtPriceX96, Tick, V3Slot,
    wide::{Fraction, div_rem, mul_limbs, mul_liquidity, shl_96, shr_96},
};
use alloy_primitives::U256;

/// Amount of token0 between two prices: `L * 2^96 * (high - low) / (high * low)`.
///
/// The contract divides by one price and then by the other, rounding both quotients the same way, which equals one
/// division by the product. Rounding up gives what a swap takes, rounding down what it gives. The prices may come in
/// either order; the lower must not be zero.
#[inline]
pub fn amount0_delta(
    a: SqrtPriceX96,
    b: SqrtPriceX96,
    liquidity: Liquidity,
    is_rounded_up: bool,
) -> Result<U256, MathError> {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    if low.is_zero() {
        return Err(MathError::SqrtPriceOutOfRange { sqrt_price: low });
    }
    let Fraction { numerator, divisor } = amount0_fraction(low, high, liquidity);
    let (quotient, is_exact) =
        div_rem(numerator, divisor).expect("below 2^224, as the width is at most the higher price");
    Ok(quotient + U256::from(is_rounded_up && !is_exact))
}

/// The amount of token0 between two prices as a fraction; the lower must not be zero.
#[inline]
pub(crate) fn amount0_fraction(
    low: SqrtPriceX96,
    high: SqrtPriceX96,
    liquidity: Liquidity,
) -> Fraction {
    let width = high.get() - low.get();
    let [n0, n1, n2, n3, n4, n5, n6] = shl_96(mul_liquidity(liquidity.get(), width));
    let [d0, d1, d2, d3, d4, ..] = mul_limbs(low.limbs(), high.limbs());
    Fraction { numerator: [n0, n1, n2, n3, n4, n5, n6, 0], divisor: [d0, d1, d2, d3, d4] }
}

/// Amount of token1 between two prices: `L * (high - low) / 2^96`.
#[inline]
pub fn amount1_delta(
    a: SqrtPriceX96,
    b: SqrtPriceX96,
    liquidity: Liquidity,
    is_rounded_up: bool,
) -> U256 {
    let width = if a <= b { b.get() - a.get() } else { a.get() - b.get() };
    let (quotient, is_exact) = shr_96(mul_liquidity(liquidity.get(), width));
    quotient + U256::from(is_rounded_up && !is_exact)
}

/// The price after `amount` of the input token went in (`SqrtPriceMath.getNextSqrtPriceFromInput`).
#[inline]
pub fn next_sqrt_price_from_input(
    price: SqrtPriceX96,
    liquidity: Liquidity,
    amount: U256,
    direction: Direction,
) -> Result<SqrtPriceX96, MathError> {
    require_nonzero(price, liquidity, amount)?;
    match direction {
        Direction::ZeroForOne => price_after_token0_in(price, liquidity, amount),
        Direction::OneForZero => price_after_token1_in(price, liquidity, amount),
    }
}

/// The price after `amount` of the output token went out (`SqrtPriceMath.getNextSqrtPriceFromOutput`).
pub fn next_sqrt_price_from_output(
    price: SqrtPriceX96,
    liquidity: Liquidity,
    amount: U256,
    direction: Direction,
) -> Result<SqrtPriceX96, MathError> {
    require_nonzero(price, liquidity, amount)?;
    match direction {
        Direction::ZeroForOne => price_after_token1_out(price, liquidity, amount),
        Direction::OneForZero => price_after_token0_out(price, liquidity, amount),
    }
}

#[inline]
fn require_nonzero(
    price: SqrtPriceX96,
    liquidity: Liquidity,
    amount: U256,
) -> Result<(), MathError> {
    if price.is_zero() {
        return Err(MathError::SqrtPriceOutOfRange { sqrt_price: price });
    }
    if liquidity.is_zero() {
        return Err(MathError::AmountExceedsLiquidity { amount, liquidity: 0 });
    }
    Ok(())
}

const fn exceeds(amount: U256, liquidity: Liquidity) -> MathError {
    MathError::AmountExceedsLiquidity { amount, liquidity: liquidity.get() }
}

/// `L * 2^96`.
#[inline]
fn numerator1(liquidity: Liquidity) -> U256 {
    U256::from(liquidity.get()) << 96
}

/// `getNextSqrtPriceFromAmount0RoundingUp` with `add`.
#[inline]
fn price_after_token0_in(
    price: SqrtPriceX96,
    liquidity: Liquidity,
    amount: U256,
) -> Result<SqrtPriceX96, MathError> {
    if amount.is_zero() {
        return Ok(price);
    }
    let numerator1 = numerator1(liquidity);
    let exact_denominator =
        amount.checked_mul(price.get()).and_then(|product| numerator1.checked_add(product));
    let next = match exact_denominator {
        Some(denominator) => ceil_mul_div(numerator1, price.get(), denominator)?,
        None => {
            let denominator = (numerator1 / price.get()).checked_add(amount);
            let denominator = denominator.ok_or_else(|| exceeds(amount, liquidity))?;
            numerator1.div_ceil(denominator)
        }
    };
    SqrtPriceX96::new(next)
}

/// `getNextSqrtPriceFromAmount0RoundingUp` without `add`.
fn price_after_token0_out(
    price: SqrtPriceX96,
    liquidity: Liquidity,
    amount: U256,
) -> Result<SqrtPriceX96, MathError> {
    if amount.is_zero() {
        return Ok(price);
    }
    let numerator1 = numerator1(liquidity);
    let denominator = amount
        .checked_mul(price.get())
        .and_then(|product| numerator1.checked_sub(product))
        .filter(|denominator| !denominator.is_zero())
        .ok_or_else(|| exceeds(amount, liquidity))?;
    SqrtPriceX96::new(ceil_mul_div(numerator1, price.get(), denominator)?)
}

/// `getNextSqrtPriceFromAmount1RoundingDown` with `add`.
#[inline]
fn price_after_token1_in(
    price: SqrtPriceX96,
    liquidity: Liquidity,
    amount: U256,
) -> Result<SqrtPriceX96, MathError> {
    let (quotient, _) = token1_price_change(liquidity, amount)?;
    let next = price.get().checked_add(quotient);
    SqrtPriceX96::new(next.ok_or_else(|| exceeds(amount, liquidity))?)
}

/// `getNextSqrtPriceFromAmount1RoundingDown` without `add`.
fn price_after_token1_out(
    price: SqrtPriceX96,
    liquidity: Liquidity,
    amount: U256,
) -> Result<SqrtPriceX96, MathError> {
    let error = exceeds(amount, liquidity);
    let (quotient, is_exact) = token1_price_change(liquidity, amount)?;
    let quotient = quotient.checked_add(U256::from(!is_exact)).ok_or(error)?;
    match price.get().checked_sub(quotient) {
        Some(next) if !next.is_zero() => SqrtPriceX96::new(next),
        _ => Err(error),
    }
}

/// Whether `amount` of the input token, less fees, moves the price exactly to `next`: by products, as `next` is known.
///
/// `false` also where the contract takes another formula because of an overflow.
#[inline]
pub(crate) fn is_next_from_input(
    price: SqrtPriceX96,
    next: SqrtPriceX96,
    liquidity: Liquidity,
    amount: u128,
    direction: Direction,
) -> bool {
    let [n0, n1, n2, _] = *next.limbs();
    match direction {
        Direction::ZeroForOne => {
            let numerator1 = numerator1(liquidity);
            let product = U256::from(amount).checked_mul(price.get());
            let divisor = product.and_then(|product| numerator1.checked_add(product));
            divisor.is_some_and(|divisor| {
                let [d0, d1, d2, d3] = *divisor.as_limbs();
                let numerator = mul_limbs(numerator1.as_limbs(), price.limbs());
                let fraction = Fraction { numerator, divisor: [d0, d1, d2, d3, 0] };
                fraction.is_ceil([n0, n1, n2])
            })
        }
        Direction::OneForZero => next.get().checked_sub(price.get()).is_some_and(|change| {
            let [c0, c1, c2, _] = *change.as_limbs();
            let [n0, n1, n2, n3, ..] = shl_96([amount as u64, (amount >> 64) as u64, 0, 0, 0]);
            let divisor = [liquidity.get() as u64, (liquidity.get() >> 64) as u64, 0, 0, 0];
            Fraction { numerator: [n0, n1, n2, n3, 0, 0, 0, 0], divisor }.is_floor([c0, c1, c2])
        }),
    }
}

/// `amount * 2^96 / L`, rounded down, and whether it is exact.
#[inline]
fn token1_price_change(liquidity: Liquidity, amount: U256) -> Result<(U256, bool), MathError> {
    let [a0, a1, a2, a3] = *amount.as_limbs();
    let divisor = [liquidity.get() as u64, (liquidity.get() >> 64) as u64];
    let numerator = shl_96([a0, a1, a2, a3, 0]);
    div_rem(numerator, divisor).ok_or_else(|| exceeds(amount, liquidity))
}

#[inline]
fn ceil_mul_div(a: U256, b: U256, divisor: U256) -> Result<U256, MathError> {
    let quotient = div_rem(mul_limbs(a.as_limbs(), b.as_limbs()), *divisor.as_limbs());
    match quotient {
        Some((quotient, is_exact)) => Ok(quotient.saturating_add(U256::from(!is_exact))),
        None => Err(MathError::Quotient { a, b, divisor }),
    }
}

/// What a position of `liquidity` between two ticks takes (`is_rounded_up`, on mint) or gives (on burn) at the pool's
/// price (`UniswapV3Pool._modifyPosition`).
pub fn range_amounts(
    slot: &V3Slot,
    lower: Tick,
    upper: Tick,
    liquidity: Liquidity,
    is_rounded_up: bool,
) -> Result<(U256, U256), MathError> {
    let (low, high) = (lower.sqrt_price(), upper.sqrt_price());
    if slot.tick < lower.get() {
        return Ok((amount0_delta(low, high, liquidity, is_rounded_up)?, U256::ZERO));
    }
    if slot.tick >= upper.get() {
        return Ok((U256::ZERO, amount1_delta(low, high, liquidity, is_rounded_up)));
    }
    let amount0 = amount0_delta(slot.sqrt_price, high, liquidity, is_rounded_up)?;
    Ok((amount0, amount1_delta(low, slot.sqrt_price, liquidity, is_rounded_up)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mul_div, mul_div_rounding_up};
    use alloy_primitives::uint;
    use proptest::prelude::*;

    const ONE: U256 = uint!(1000000000000000000_U256);

    fn price(value: U256) -> SqrtPriceX96 {
        SqrtPriceX96::new(value).unwrap()
    }

    /// `encodePriceSqrt` of the Solidity tests for the ratios used there.
    fn encoded(ratio: (u64, u64)) -> SqrtPriceX96 {
        let square: U256 = (U256::from(ratio.0) << 192) / U256::from(ratio.1);
        price(square.root(2))
    }

    /// The contract's two divisions.
    fn reference_amount0(a: U256, b: U256, liquidity: u128, is_up: bool) -> U256 {
        let (low, high) = (a.min(b), a.max(b));
        let numerator = U256::from(liquidity) << 96;
        if is_up {
            mul_div_rounding_up(numerator, high - low, high).unwrap().div_ceil(low)
        } else {
            mul_div(numerator, high - low, high).unwrap() / low
        }
    }

    fn reference_amount1(a: U256, b: U256, liquidity: u128, is_up: bool) -> U256 {
        let (width, q96) = (a.max(b) - a.min(b), U256::ONE << 96);
        let f = if is_up { mul_div_rounding_up } else { mul_div };
        f(U256::from(liquidity), width, q96).unwrap()
    }

    #[test]
    fn the_vectors_of_sqrt_price_math_hold() {
        // `SqrtPriceMath.spec.ts` in v3-core.
        let at_one = encoded((1, 1));
        let l = Liquidity::new(1_000_000_000_000_000_000);
        let tenth = ONE / U256::from(10);
        let input = |amount, direction| {
            next_sqrt_price_from_input(at_one, l, amount, direction).map(SqrtPriceX96::get)
        };
        assert_eq!(
            input(tenth, Direction::OneForZero).unwrap(),
            uint!(87150978765690771352898345369_U256)
        );
        assert_eq!(
            input(tenth, Direction::ZeroForOne).unwrap(),
            uint!(72025602285694852357767227579_U256)
        );
        let output = |amount, direction| {
            next_sqrt_price_from_output(at_one, l, amount, direction).map(SqrtPriceX96::get)
        };
        assert_eq!(
            output(tenth, Direction::OneForZero).unwrap(),
            uint!(88031291682515930659493278152_U256)
        );
        assert_eq!(
            output(tenth, Direction::ZeroForOne).unwrap(),
            uint!(71305346262837903834189555302_U256)
        );
    }

    #[test]
    fn the_edges_of_sqrt_price_math_hold() {
        // The same file, where the Solidity tests name the reverts.
        let at_one = encoded((1, 1));
        let l = Liquidity::new(1_000_000_000_000_000_000);
        let tenth = ONE / U256::from(10);
        let twenty = price(uint!(20282409603651670423947251286016_U256));
        let l1024 = Liquidity::new(1024);
        for amount in [4u64, 5] {
            assert!(
                next_sqrt_price_from_output(
                    twenty,
                    l1024,
                    U256::from(amount),
                    Direction::OneForZero
                )
                .is_err()
            );
        }
        for amount in [262_145u64, 262_144] {
            assert!(
                next_sqrt_price_from_output(
                    twenty,
                    l1024,
                    U256::from(amount),
                    Direction::ZeroForOne
                )
                .is_err()
            );
        }
        let last =
            next_sqrt_price_from_output(twenty, l1024, U256::from(262_143), Direction::ZeroForOne);
        assert_eq!(last.unwrap().get(), uint!(77371252455336267181195264_U256));
        assert!(
            next_sqrt_price_from_input(SqrtPriceX96::ZERO, l, tenth, Direction::OneForZero)
                .is_err()
        );
        assert!(
            next_sqrt_price_from_input(at_one, Liquidity::ZERO, tenth, Direction::OneForZero)
                .is_err()
        );
        let top = price((U256::ONE << 160) - U256::ONE);
        assert!(
            next_sqrt_price_from_input(top, l1024, U256::from(1024), Direction::OneForZero)
                .is_err()
        );
        let tiny = next_sqrt_price_from_input(
            price(U256::ONE),
            Liquidity::new(1),
            U256::ONE << 255,
            Direction::ZeroForOne,
        );
        assert_eq!(tiny.unwrap().get(), U256::ONE);
    }

    #[test]
    fn the_vectors_of_the_amounts_hold() {
        // `getAmount0Delta` and `getAmount1Delta` in the same file.
        let (at_one, l) = (encoded((1, 1)), Liquidity::new(1_000_000_000_000_000_000));
        let up = amount0_delta(at_one, encoded((121, 100)), l, true).unwrap();
        assert_eq!(up, uint!(90909090909090910_U256));
        assert_eq!(amount0_delta(at_one, encoded((121, 100)), l, false).unwrap(), up - U256::ONE);
        let up = amount1_delta(at_one, encoded((121, 100)), l, true);
        assert_eq!(up, uint!(100000000000000000_U256));
        assert_eq!(amount1_delta(at_one, encoded((121, 100)), l, false), up - U256::ONE);
    }

    fn any_price() -> impl Strategy<Value = SqrtPriceX96> {
        (any::<[u64; 3]>(), 32..160usize).prop_map(|(l, shift)| {
            let value = U256::from_limbs([l[0], l[1], l[2] >> 32, 0]) >> (160 - shift);
            price(value.max(SqrtPriceX96::MIN.get()))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn one_division_equals_the_contracts_two(a in any_price(), b in any_price(), l: u128, shift in 0..128u32, up: bool) {
            let l = l >> shift;
            let found = amount0_delta(a, b, Liquidity::new(l), up).unwrap();
            prop_assert_eq!(found, reference_amount0(a.get(), b.get(), l, up));
            prop_assert_eq!(amount1_delta(a, b, Liquidity::new(l), up), reference_amount1(a.get(), b.get(), l, up));
        }

        #[test]
        fn input_never_moves_the_price_further_than_it_pays_for(p in any_price(), l in 1..u128::MAX, shift in 0..127u32, amount: u128, zero_for_one: bool) {
            let (l, amount) = (Liquidity::new((l >> shift).max(1)), U256::from(amount));
            let direction = if zero_for_one { Direction::ZeroForOne } else { Direction::OneForZero };
            if let Ok(next) = next_sqrt_price_from_input(p, l, amount, direction) {
                let cost = if zero_for_one {
                    prop_assert!(next <= p);
                    prop_assume!(!next.is_zero());
                    amount0_delta(next, p, l, true).unwrap()
                } else {
                    prop_assert!(next >= p);
                    amount1_delta(p, next, l, true)
                };
                prop_assert!(cost <= amount);
            }
        }
    }
}
