//! Products and quotients wider than 256 bits, on the stack.

use crate::MathError;
use alloy_primitives::{U256, ruint::algorithms};

/// `floor(a * b / divisor)` with a 512-bit product (`FullMath.mulDiv`).
pub fn mul_div(a: U256, b: U256, divisor: U256) -> Result<U256, MathError> {
    let error = MathError::Quotient { a, b, divisor };
    mul_div_rem(a, b, divisor).map(|(quotient, _)| quotient).ok_or(error)
}

/// `ceil(a * b / divisor)` with a 512-bit product (`FullMath.mulDivRoundingUp`).
pub fn mul_div_rounding_up(a: U256, b: U256, divisor: U256) -> Result<U256, MathError> {
    let error = MathError::Quotient { a, b, divisor };
    let (quotient, is_exact) = mul_div_rem(a, b, divisor).ok_or(error)?;
    if is_exact { Ok(quotient) } else { quotient.checked_add(U256::ONE).ok_or(error) }
}

fn mul_div_rem(a: U256, b: U256, divisor: U256) -> Option<(U256, bool)> {
    div_rem(mul_limbs(a.as_limbs(), b.as_limbs()), *divisor.as_limbs())
}

/// Quotient and whether it is exact; `None` if the divisor is zero or the quotient does not fit.
#[inline]
pub(crate) fn div_rem<const N: usize, const D: usize>(
    mut numerator: [u64; N],
    mut divisor: [u64; D],
) -> Option<(U256, bool)> {
    const { assert!(N >= 4) };
    if divisor.iter().all(|limb| *limb == 0) {
        return None;
    }
    algorithms::div(&mut numerator, &mut divisor);
    if numerator[4..].iter().any(|limb| *limb != 0) {
        return None;
    }
    let quotient = U256::from_limbs([numerator[0], numerator[1], numerator[2], numerator[3]]);
    Some((quotient, divisor.iter().all(|limb| *limb == 0)))
}

/// The 512-bit product.
#[inline]
pub(crate) fn mul_limbs(a: &[u64; 4], b: &[u64; 4]) -> [u64; 8] {
    let mut product = [0; 8];
    for (i, a) in a.iter().enumerate() {
        if *a != 0 {
            product[i + 4] = mul_add_row(&mut product[i..i + 4], *a, b);
        }
    }
    product
}

/// Adds `a * b` to `row` and gives back the carry; the row is as long as `b`.
#[inline(always)]
pub(crate) fn mul_add_row(row: &mut [u64], a: u64, b: &[u64]) -> u64 {
    let mut carry = 0;
    for (out, b) in row.iter_mut().zip(b) {
        let sum = u128::from(a) * u128::from(*b) + u128::from(*out) + carry;
        *out = sum as u64;
        carry = sum >> 64;
    }
    carry as u64
}

/// `liquidity * width`, exact: 128 times 160 bits, in five limbs.
#[inline]
pub(crate) fn mul_liquidity(liquidity: u128, width: U256) -> [u64; 5] {
    let [w0, w1, w2, _] = *width.as_limbs();
    let mut product = [0; 5];
    product[3] = mul_add_row(&mut product[..3], liquidity as u64, &[w0, w1, w2]);
    product[4] = mul_add_row(&mut product[1..4], (liquidity >> 64) as u64, &[w0, w1, w2]);
    product
}

/// `value * 2^96`, exact, in seven limbs.
#[inline]
pub(crate) fn shl_96(value: [u64; 5]) -> [u64; 7] {
    let [v0, v1, v2, v3, v4] = value;
    let join = |high: u64, low: u64| (high << 32) | (low >> 32);
    [0, v0 << 32, join(v1, v0), join(v2, v1), join(v3, v2), join(v4, v3), v4 >> 32]
}

/// `floor(value / 2^96)`, and whether nothing was cut off.
#[inline]
pub(crate) fn shr_96(value: [u64; 5]) -> (U256, bool) {
    let [v0, v1, v2, v3, v4] = value;
    let join = |high: u64, low: u64| (high << 32) | (low >> 32);
    let quotient = U256::from_limbs([join(v2, v1), join(v3, v2), join(v4, v3), v4 >> 32]);
    (quotient, v0 == 0 && v1 as u32 == 0)
}

/// A divisor of at most 32 bits with its reciprocal, as dividing by it with the processor's instruction costs more
/// than all else in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SmallDivisor {
    /// The divisor, shifted so that the highest bit is set.
    normalized: u64,
    reciprocal: u64,
    shift: u32,
}

impl SmallDivisor {
    /// The divisor must not be zero.
    pub(crate) const fn new(divisor: u32) -> Self {
        let shift = (divisor as u64).leading_zeros();
        let normalized = (divisor as u64) << shift;
        Self { normalized, reciprocal: reciprocal(normalized), shift }
    }

    pub(crate) const fn get(self) -> u32 {
        (self.normalized >> self.shift) as u32
    }

    /// The quotient and whether it is exact.
    #[inline(always)]
    const fn divide(self, value: u128) -> (u128, bool) {
        // At most 63 bits, so below the divisor, as the division in limbs needs it.
        let high = (value >> (128 - self.shift)) as u64;
        let low = value << self.shift;
        let (q1, rest) = self.divide_limb(high, (low >> 64) as u64);
        let (q0, rest) = self.divide_limb(rest, low as u64);
        (((q1 as u128) << 64) | q0 as u128, rest == 0)
    }

    /// Two limbs by one for `high < normalized`: algorithm 4 of the paper at [`reciprocal`].
    #[inline(always)]
    const fn divide_limb(self, high: u64, low: u64) -> (u64, u64) {
        let (d, v) = (self.normalized, self.reciprocal as u128);
        let q = (v * high as u128).wrapping_add(((high as u128) << 64) | low as u128);
        let mut quotient = ((q >> 64) as u64).wrapping_add(1);
        let mut rest = low.wrapping_sub(quotient.wrapping_mul(d));
        if rest > q as u64 {
            quotient = quotient.wrapping_sub(1);
            rest = rest.wrapping_add(d);
        }
        if rest >= d {
            quotient = quotient.wrapping_add(1);
            rest -= d;
        }
        (quotient, rest)
    }
}

/// `value * factor / divisor`: the quotient and whether it is exact, or `None` if it does not fit in 256 bits.
#[inline]
pub(crate) fn mul_div_small(
    value: U256,
    factor: u32,
    divisor: SmallDivisor,
) -> Option<(U256, bool)> {
    let [v0, v1, v2, v3] = *value.as_limbs();
    if v1 >> 32 == 0 && v2 | v3 == 0 {
        let product = ((u128::from(v1) << 64) | u128::from(v0)) * u128::from(factor);
        let (quotient, is_exact) = divisor.divide(product);
        return Some((U256::from(quotient), is_exact));
    }
    let mut product = [0; 5];
    product[4] = mul_add_row(&mut product[..4], u64::from(factor), &[v0, v1, v2, v3]);
    div_rem(product, [u64::from(divisor.get())])
}

/// A fraction whose quotient is known and only has to be confirmed, which takes a product instead of a division.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction {
    pub(crate) numerator: [u64; 8],
    /// Not zero.
    pub(crate) divisor: [u64; 5],
}

impl Fraction {
    /// Whether `quotient` is at least the fraction.
    #[inline]
    pub(crate) fn is_at_most(&self, quotient: [u64; 3]) -> bool {
        checked_sub(&self.times_divisor(quotient), &self.numerator).is_some()
    }

    /// Whether `quotient` is the fraction, rounded down.
    #[inline]
    pub(crate) fn is_floor(&self, quotient: [u64; 3]) -> bool {
        let rest = checked_sub(&self.numerator, &self.times_divisor(quotient));
        rest.is_some_and(|rest| self.is_below_divisor(rest))
    }

    /// Whether `quotient` is the fraction, rounded up.
    #[inline]
    pub(crate) fn is_ceil(&self, quotient: [u64; 3]) -> bool {
        let excess = checked_sub(&self.times_divisor(quotient), &self.numerator);
        excess.is_some_and(|excess| self.is_below_divisor(excess))
    }

    #[inline]
    fn is_below_divisor(&self, [v0, v1, v2, v3, v4, rest @ ..]: [u64; 8]) -> bool {
        rest == [0; 3] && checked_sub(&[v0, v1, v2, v3, v4], &self.divisor).is_none()
    }

    #[inline]
    fn times_divisor(&self, quotient: [u64; 3]) -> [u64; 8] {
        let mut product = [0; 8];
        for (i, limb) in quotient.into_iter().enumerate() {
            if limb != 0 {
                product[i + 5] = mul_add_row(&mut product[i..i + 5], limb, &self.divisor);
            }
        }
        product
    }
}

/// `a - b`, or `None` if it is negative.
#[inline]
fn checked_sub<const N: usize>(a: &[u64; N], b: &[u64; N]) -> Option<[u64; N]> {
    let mut difference = [0; N];
    let mut is_borrowed = false;
    for ((out, a), b) in difference.iter_mut().zip(a).zip(b) {
        let (partial, is_under) = a.overflowing_sub(*b);
        let (whole, is_under_again) = partial.overflowing_sub(u64::from(is_borrowed));
        (*out, is_borrowed) = (whole, is_under | is_under_again);
    }
    (!is_borrowed).then_some(difference)
}

/// `floor((2^19 - 3 * 2^8) / d)` for the nine highest bits `d` of a normalized divisor.
const RECIPROCAL_SEEDS: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = (((1 << 19) - 3 * (1 << 8)) / (256 + index as u32)) as u16;
        index += 1;
    }
    table
};

/// `floor((2^128 - 1) / d) - 2^64` for a `d` whose highest bit is set.
///
/// Algorithm 3 of Möller and Granlund, "Improved division by invariant integers" (2011).
#[inline]
const fn reciprocal(d: u64) -> u64 {
    let (d0, d9, d40, d63) = (d & 1, d >> 55, (d >> 24) + 1, (d >> 1) + (d & 1));
    let v0 = RECIPROCAL_SEEDS[(d9 - 256) as usize] as u64;
    let v1 = (v0 << 11) - ((v0 * v0 * d40) >> 40) - 1;
    let v2 = (v1 << 13) + ((v1 * ((1 << 60) - v1 * d40)) >> 47);
    let e = ((v2 >> 1) & 0u64.wrapping_sub(d0)).wrapping_sub(v2.wrapping_mul(d63));
    let v3 = (v2 << 31).wrapping_add(((v2 as u128 * e as u128) >> 65) as u64);
    let high = ((v3 as u128 * d as u128 + d as u128) >> 64) as u64;
    v3.wrapping_sub(high.wrapping_add(d))
}

/// `floor((2^192 - 1) / d) - 2^64` for a `d` whose highest bit is set: algorithm 6 of the same paper.
#[inline]
const fn reciprocal_2(d: u128) -> u64 {
    let (d1, d0) = ((d >> 64) as u64, d as u64);
    let mut v = reciprocal(d1);
    let mut p = d1.wrapping_mul(v).wrapping_add(d0);
    if p < d0 {
        v = v.wrapping_sub(1);
        if p >= d1 {
            v = v.wrapping_sub(1);
            p = p.wrapping_sub(d1);
        }
        p = p.wrapping_sub(d1);
    }
    let t = v as u128 * d0 as u128;
    let (t1, t0) = ((t >> 64) as u64, t as u64);
    p = p.wrapping_add(t1);
    if p < t1 {
        v = v.wrapping_sub(1);
        if ((p as u128) << 64) | t0 as u128 >= d {
            v = v.wrapping_sub(1);
        }
    }
    v
}

/// Quotient and remainder of three limbs by a normalized `d > high`, with `d`'s reciprocal: algorithm 5.
#[inline(always)]
const fn div_3_by_2(high: u128, low: u64, d: u128, v: u64) -> (u64, u128) {
    let q = ((high >> 64) * v as u128).wrapping_add(high);
    let (q1, q0) = ((q >> 64) as u64, q as u64);
    let r1 = (high as u64).wrapping_sub(q1.wrapping_mul((d >> 64) as u64));
    let t = q1 as u128 * (d as u64) as u128;
    let mut r = (((r1 as u128) << 64) | low as u128).wrapping_sub(t).wrapping_sub(d);
    let mut q1 = q1.wrapping_add(1);
    if (r >> 64) as u64 >= q0 {
        q1 = q1.wrapping_sub(1);
        r = r.wrapping_add(d);
    }
    if r >= d {
        q1 = q1.wrapping_add(1);
        r -= d;
    }
    (q1, r)
}

/// `floor(numerator / divisor)` of 256 by 65 to 128 bits; `None` if it needs more than 128 bits, or the divisor has
/// not as many.
#[inline]
pub(crate) fn div_256_by_128(numerator: [u64; 4], divisor: u128) -> Option<u128> {
    let high = (u128::from(numerator[3]) << 64) | u128::from(numerator[2]);
    let low = (u128::from(numerator[1]) << 64) | u128::from(numerator[0]);
    if divisor >> 64 == 0 || high >= divisor {
        return None;
    }
    let shift = divisor.leading_zeros();
    let d = divisor << shift;
    // The shift of zero needs no case of its own: half a shift comes twice.
    let high = (high << shift) | ((low >> (127 - shift)) >> 1);
    let low = low << shift;
    let v = reciprocal_2(d);
    let (q1, r) = div_3_by_2(high, (low >> 64) as u64, d, v);
    let (q0, _) = div_3_by_2(r, low as u64, d, v);
    Some((u128::from(q1) << 64) | u128::from(q0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{U512, uint};
    use proptest::prelude::*;

    fn any_u256() -> impl Strategy<Value = U256> {
        (any::<[u64; 4]>(), 0..256usize).prop_map(|(limbs, shift)| U256::from_limbs(limbs) >> shift)
    }

    fn oracle(a: U256, b: U256, d: U256) -> Option<(U512, bool)> {
        let product = U512::from(a) * U512::from(b);
        let divisor = U512::from(d);
        (!d.is_zero()).then(|| (product / divisor, (product % divisor).is_zero()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn mul_div_equals_512_bit_arithmetic(a in any_u256(), b in any_u256(), d in any_u256()) {
            match oracle(a, b, d) {
                Some((quotient, is_exact)) if quotient <= U512::from(U256::MAX) => {
                    prop_assert_eq!(U512::from(mul_div(a, b, d).unwrap()), quotient);
                    let up = quotient + U512::from(!is_exact);
                    prop_assert_eq!(mul_div_rounding_up(a, b, d).ok().map(U512::from), (up <= U512::from(U256::MAX)).then_some(up));
                }
                _ => prop_assert!(mul_div(a, b, d).is_err() && mul_div_rounding_up(a, b, d).is_err()),
            }
        }

        #[test]
        fn small_divisors_equal_512_bit_arithmetic(a in any_u256(), factor: u32, d in 1..=u32::MAX) {
            let (quotient, is_exact) = oracle(a, U256::from(factor), U256::from(d)).unwrap();
            let found = mul_div_small(a, factor, SmallDivisor::new(d)).map(|(quotient, is_exact)| (U512::from(quotient), is_exact));
            prop_assert_eq!(found, (quotient <= U512::from(U256::MAX)).then_some((quotient, is_exact)));
        }

        #[test]
        fn fractions_are_confirmed_as_divided(
            quotient in any::<[u64; 3]>(), divisor in any::<[u64; 5]>(), rest in any_u256(), shift in 0..320usize, narrow in 0..3usize,
        ) {
            let mut quotient = quotient;
            quotient[3 - narrow..].fill(0);
            let widen = |limbs: &[u64]| { let mut wide = [0; 8]; wide[..limbs.len()].copy_from_slice(limbs); U512::from_limbs(wide) };
            let divisor = (widen(&divisor) >> shift).max(U512::ONE);
            let mut limbs = [0; 5];
            limbs.copy_from_slice(&divisor.as_limbs()[..5]);
            let exact = widen(&quotient) * divisor;
            for rest in [U512::ZERO, U512::ONE % divisor, divisor - U512::ONE, U512::from(rest) % divisor] {
                let fraction = Fraction { numerator: *(exact + rest).as_limbs(), divisor: limbs };
                prop_assert!(fraction.is_floor(quotient));
                prop_assert_eq!(fraction.is_ceil(quotient), rest.is_zero());
                prop_assert_eq!(fraction.is_at_most(quotient), rest.is_zero());
                if let Some(up) = quotient[0].checked_add(1) {
                    let above = [up, quotient[1], quotient[2]];
                    prop_assert!(fraction.is_at_most(above));
                    prop_assert!(!fraction.is_floor(above));
                    prop_assert_eq!(fraction.is_ceil(above), !rest.is_zero());
                }
            }
        }

        #[test]
        fn two_limb_division_equals_256_bit_arithmetic(numerator in any_u256(), divisor: u128, shift in 0..64u32) {
            let divisor = (divisor | (1 << 127)) >> shift;
            let quotient = numerator / U256::from(divisor);
            let expected = (quotient.bit_len() <= 128).then(|| quotient.to::<u128>());
            prop_assert_eq!(div_256_by_128(*numerator.as_limbs(), divisor), expected);
            // All but exact multiples, where the corrections of the estimate show.
            for near in [U256::ZERO, U256::ONE, U256::from(divisor - 1)] {
                let product = U256::from(divisor) * U256::from(numerator.as_limbs()[0]);
                let expected = ((product + near) / U256::from(divisor)).to::<u128>();
                prop_assert_eq!(div_256_by_128(*(product + near).as_limbs(), divisor), Some(expected));
            }
            prop_assert_eq!(div_256_by_128(*numerator.as_limbs(), divisor & u128::from(u64::MAX)), None);
        }

        #[test]
        fn liquidity_products_shift_exactly(liquidity: u128, width in any_u256()) {
            let width = width >> 96;
            let product = U512::from(liquidity) * U512::from(width);
            let (quotient, is_exact) = shr_96(mul_liquidity(liquidity, width));
            prop_assert_eq!(U512::from(quotient), product >> 96);
            prop_assert_eq!(is_exact, ((product >> 96usize) << 96usize) == product);
            let mut limbs = [0; 8];
            limbs[..7].copy_from_slice(&shl_96(mul_liquidity(liquidity, width)));
            prop_assert_eq!(U512::from_limbs(limbs), product << 96);
        }
    }

    #[test]
    fn the_vectors_of_full_math_hold() {
        // `FullMath.spec.ts` in v3-core.
        let q128 = uint!(0x100000000000000000000000000000000_U256);
        assert!(mul_div(q128, U256::from(5), U256::ZERO).is_err());
        assert!(mul_div(q128, q128, U256::ONE).is_err());
        assert!(mul_div(U256::MAX, U256::MAX, U256::MAX - U256::ONE).is_err());
        assert_eq!(mul_div(U256::MAX, U256::MAX, U256::MAX).unwrap(), U256::MAX);
        let half = mul_div(
            q128,
            q128 * U256::from(50) / U256::from(100),
            q128 * U256::from(150) / U256::from(100),
        );
        assert_eq!(half.unwrap(), q128 / U256::from(3));
        let up = mul_div_rounding_up(q128, U256::from(1000) * q128, U256::from(3000) * q128);
        assert_eq!(up.unwrap(), q128 / U256::from(3) + U256::ONE);
        let overflow = mul_div_rounding_up(
            uint!(535006138814359_U256),
            uint!(432862656469423142931042426214547535783388063929571229938474969_U256),
            uint!(2_U256),
        );
        assert!(overflow.is_err());
    }
}
