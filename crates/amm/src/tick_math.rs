//! `TickMath`: ticks to square-root prices and back, bit for bit.

use crate::{MathError, SqrtPriceX96, Tick};
use alloy_primitives::U256;

/// `sqrt(1.0001^-(2^i))` in Q128.128 for each bit of the tick (`TickMath.getSqrtRatioAtTick`).
const FACTORS: [u128; 20] = [
    0xfffcb933bd6fad37aa2d162d1a594001,
    0xfff97272373d413259a46990580e213a,
    0xfff2e50f5f656932ef12357cf3c7fdcc,
    0xffe5caca7e10e4e61c3624eaa0941cd0,
    0xffcb9843d60f6159c9db58835c926644,
    0xff973b41fa98c081472e6896dfb254c0,
    0xff2ea16466c96a3843ec78b326b52861,
    0xfe5dee046a99a2a811c461f1969c3053,
    0xfcbe86c7900a88aedcffc83b479aa3a4,
    0xf987a7253ac413176f2b074cf7815e54,
    0xf3392b0822b70005940c7a398e4b70f3,
    0xe7159475a2c29b7443b29c7fa6e889d9,
    0xd097f3bdfd2022b8845ad8f792aa5825,
    0xa9f746462d870fdf8a65dc1f90e061e5,
    0x70d869a156d2a1b890bb3df62baf32f7,
    0x31be135f97d08fd981231505542fcfa6,
    0x9aa508b5b7a84e1c677de54f3e99bc9,
    0x5d6af8dedb81196699c329225ee604,
    0x2216e584f5fa1ea926041bedfe98,
    0x48a170391f7dc42444e8fa2,
];

/// The low bits whose products are tabulated. The contract multiplies from the lowest bit upwards, rounding at each
/// step, so a table of the first steps gives the same numbers.
const TABLE_BITS: u32 = 8;

/// Running products for every value of the low bits but zero, whose product is one and does not fit.
const LOW_PRODUCTS: [u128; 1 << TABLE_BITS] = low_products();

const fn low_products() -> [u128; 1 << TABLE_BITS] {
    let mut table = [0; 1 << TABLE_BITS];
    let mut index = 1;
    while index < table.len() {
        let high_bit = index.ilog2();
        let rest = index & !(1 << high_bit);
        let factor = FACTORS[high_bit as usize];
        table[index] = if rest == 0 { factor } else { mul_shift_128(table[rest], factor) };
        index += 1;
    }
    table
}

/// `a * b / 2^128`, rounded down.
#[inline(always)]
const fn mul_shift_128(a: u128, b: u128) -> u128 {
    let (a1, a0) = (a >> 64, a as u64 as u128);
    let (b1, b0) = (b >> 64, b as u64 as u128);
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 64);
    let other = a0 * b1 + (middle as u64 as u128);
    a1 * b1 + (middle >> 64) + (other >> 64)
}

impl Tick {
    /// The price at the tick (`TickMath.getSqrtRatioAtTick`), rounded up to Q64.96.
    pub fn sqrt_price(self) -> SqrtPriceX96 {
        let magnitude = self.get().unsigned_abs();
        let low = (magnitude & ((1 << TABLE_BITS) - 1)) as usize;
        // The product of nothing is 2^128, which needs 129 bits: `None` stands for it.
        let mut ratio = (low != 0).then(|| LOW_PRODUCTS[low]);
        let mut rest = magnitude >> TABLE_BITS;
        while rest != 0 {
            let factor = FACTORS[(TABLE_BITS + rest.trailing_zeros()) as usize];
            ratio = Some(ratio.map_or(factor, |ratio| mul_shift_128(ratio, factor)));
            rest &= rest - 1;
        }
        let Some(ratio) = ratio else {
            return SqrtPriceX96::from_raw(U256::from_limbs([0, 1 << 32, 0, 0]));
        };
        let (low, high) = if self.get() > 0 { invert(ratio) } else { (ratio, 0) };
        // Q128.128 to Q64.96, rounding up.
        let shifted = (low >> 32) + (u128::from(high as u32) << 96);
        let top = high >> 32;
        let up = u128::from(low as u32 != 0);
        let (sum, is_over) = shifted.overflowing_add(up);
        let top = top + u128::from(is_over);
        SqrtPriceX96::from_raw(U256::from_limbs([
            sum as u64,
            (sum >> 64) as u64,
            top as u64,
            (top >> 64) as u64,
        ]))
    }
}

/// `floor((2^256 - 1) / ratio)` as low and high halves; the ratio is at least 2^64.
#[inline]
fn invert(ratio: u128) -> (u128, u128) {
    let high = u128::MAX / ratio;
    let remainder = u128::MAX - high * ratio;
    let mut numerator = [u64::MAX, u64::MAX, remainder as u64, (remainder >> 64) as u64];
    let mut divisor = [ratio as u64, (ratio >> 64) as u64];
    alloy_primitives::ruint::algorithms::div(&mut numerator, &mut divisor);
    (u128::from(numerator[0]) | (u128::from(numerator[1]) << 64), high)
}

/// `log2` of the middle of each of 256 parts of `[1, 2)`, in Q62, and the reciprocal of that middle in Q63.
const LOGS: [(u64, u64); 256] = logs();

const fn logs() -> [(u64, u64); 256] {
    let mut table = [(0, 0); 256];
    let mut index = 0;
    while index < 256 {
        // The middle is (2 * 256 + 2 * index + 1) / 512.
        let middle = 513 + 2 * index as u128;
        let reciprocal = ((1u128 << 72) / middle) as u64;
        table[index] = (log2_q62(middle), reciprocal);
        index += 1;
    }
    table
}

/// `log2(value / 512)` in Q62 for `512 <= value < 1024`, by repeated squaring.
const fn log2_q62(value: u128) -> u64 {
    let mut mantissa = (value << 54) as u64;
    let mut log = 0;
    let mut bit = 61;
    while bit >= 0 {
        let square = mantissa as u128 * mantissa as u128;
        if square >> 127 == 1 {
            log |= 1 << bit;
            mantissa = (square >> 64) as u64;
        } else {
            mantissa = (square >> 63) as u64;
        }
        bit -= 1;
    }
    log
}

/// `1 / ln 2` in Q62.
const LOG2_E_Q62: i64 = 6_653_256_548_922_161_245;
/// `2 / log2(1.0001)` in Q32: ticks per power of two of the square-root price.
const TICKS_PER_DOUBLING_Q32: i64 = 59_543_866_431_248;
/// How near to a whole tick, in Q32, the estimate is not trusted. The estimate is good to 2^-19 of a tick and the
/// rounding of the contract's ratios moves them by at most 2^-17.
const DOUBT_Q32: i64 = 1 << 22;

impl SqrtPriceX96 {
    /// The greatest tick whose price is at most this one (`TickMath.getTickAtSqrtRatio`).
    ///
    /// Fails outside of `[MIN, MAX)`, where the contract reverts with "R".
    #[inline]
    pub fn tick(self) -> Result<Tick, MathError> {
        if !self.is_valid() {
            return Err(MathError::SqrtPriceOutOfRange { sqrt_price: self });
        }
        let estimate = self.tick_estimate_q32();
        let nearest = (estimate + (1 << 31)) >> 32;
        let is_doubtful = (estimate - (nearest << 32)).abs() < DOUBT_Q32;
        if !is_doubtful {
            return Ok(Tick::clamped((estimate >> 32) as i32));
        }
        let nearest = Tick::clamped(nearest as i32);
        let is_reached = nearest.sqrt_price() <= self;
        Ok(if is_reached { nearest } else { Tick::clamped(nearest.get() - 1) })
    }

    /// `2 * log(price) / log(1.0001)` in Q32, by a table of logarithms and three terms of the series.
    #[inline]
    fn tick_estimate_q32(self) -> i64 {
        let (mantissa, exponent) = self.normalized();
        let (log, reciprocal) = LOGS[((mantissa >> 55) & 0xff) as usize];
        // mantissa * reciprocal is one plus r in Q126, |r| < 2^-9.
        let r = ((u128::from(mantissa) * u128::from(reciprocal)) >> 64) as i64 - (1 << 62);
        let r2 = mul_q62(r, r);
        let r3 = mul_q62(r2, r);
        let series = r - r2 / 2 + r3 / 3;
        let fraction = log as i64 + mul_q62(series, LOG2_E_Q62);
        exponent * TICKS_PER_DOUBLING_Q32 + mul_q62(fraction, TICKS_PER_DOUBLING_Q32)
    }

    /// The 64 highest bits, the first of them set, and the power of two that the real price has.
    #[inline]
    fn normalized(self) -> (u64, i64) {
        let [l0, l1, l2, _] = *self.limbs();
        let (high, low, place) = match (l2, l1) {
            (0, 0) => (l0, 0, 0),
            (0, _) => (l1, l0, 64),
            (_, _) => (l2, l1, 128),
        };
        let shift = high.leading_zeros();
        let joined = ((u128::from(high) << 64) | u128::from(low)) << shift;
        ((joined >> 64) as u64, place + 63 - i64::from(shift) - 96)
    }
}

#[inline(always)]
fn mul_q62(a: i64, b: i64) -> i64 {
    ((i128::from(a) * i128::from(b)) >> 62) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::uint;
    use proptest::prelude::*;

    /// The contract's function, line by line, on 256-bit integers.
    fn reference_sqrt_price(tick: i32) -> U256 {
        let magnitude = tick.unsigned_abs();
        let mut ratio = U256::ONE << 128;
        for (bit, factor) in FACTORS.iter().enumerate() {
            if magnitude & (1 << bit) != 0 {
                ratio = (ratio * U256::from(*factor)) >> 128;
            }
        }
        if tick > 0 {
            ratio = U256::MAX / ratio;
        }
        let up = U256::from(ratio % (U256::ONE << 32) != U256::ZERO);
        (ratio >> 32) + up
    }

    /// The contract's function, line by line.
    fn reference_tick(price: U256) -> i32 {
        use alloy_primitives::I256;
        let ratio: U256 = price << 32;
        let msb = ratio.bit_len() - 1;
        let mut r = if msb >= 128 { ratio >> (msb - 127) } else { ratio << (127 - msb) };
        let mut log_2 = I256::try_from(msb as i64 - 128).unwrap().asl(64).unwrap();
        for shift in (50..=63).rev() {
            r = (r * r) >> 127;
            let f: U256 = r >> 128;
            log_2 |= I256::from_raw(f << shift);
            r >>= f.to::<usize>();
        }
        let log_sqrt10001 = log_2 * I256::from_raw(uint!(255738958999603826347141_U256));
        let low = (log_sqrt10001
            - I256::from_raw(uint!(3402992956809132418596140100660247210_U256)))
        .asr(128)
        .as_i32();
        let high = (log_sqrt10001
            + I256::from_raw(uint!(291339464771989622907027621153398088495_U256)))
        .asr(128)
        .as_i32();
        if low == high || reference_sqrt_price(high) > price { low } else { high }
    }

    #[test]
    fn the_vectors_of_tick_math_hold() {
        // `TickMath.spec.ts` in v3-core and its snapshot.
        let at = |tick| Tick::new(tick).unwrap().sqrt_price().get();
        assert_eq!(at(-887_272), uint!(4295128739_U256));
        assert_eq!(at(-887_271), uint!(4295343490_U256));
        assert_eq!(at(887_272), uint!(1461446703485210103287273052203988822378723970342_U256));
        assert_eq!(at(887_271), uint!(1461373636630004318706518188784493106690254656249_U256));
        assert_eq!(at(0), uint!(79228162514264337593543950336_U256));
        assert_eq!(at(50), uint!(79426470787362580746886972461_U256));
        assert_eq!(at(-50), uint!(79030349367926598376800521322_U256));
        assert_eq!(at(250_000), uint!(21246587762933397357449903968194344_U256));
        assert_eq!(at(-500_000), uint!(1101692437043807371_U256));
        assert_eq!(SqrtPriceX96::MIN, Tick::MIN.sqrt_price());
        assert_eq!(SqrtPriceX96::MAX, Tick::MAX.sqrt_price());
        assert_eq!(SqrtPriceX96::MIN.tick().unwrap(), Tick::MIN);
        let highest = SqrtPriceX96::from_raw(SqrtPriceX96::MAX.get() - U256::ONE);
        assert_eq!(highest.tick().unwrap().get(), 887_271);
        assert!(SqrtPriceX96::MAX.tick().is_err());
        assert!(SqrtPriceX96::from_raw(SqrtPriceX96::MIN.get() - U256::ONE).tick().is_err());
    }

    #[test]
    fn every_tick_and_both_sides_of_its_price_agree_with_the_contract() {
        for tick in Tick::MIN.get()..=Tick::MAX.get() {
            let tick = Tick::new(tick).unwrap();
            let price = tick.sqrt_price();
            assert_eq!(price.get(), reference_sqrt_price(tick.get()), "tick={tick}");
            if tick < Tick::MAX {
                assert_eq!(price.tick().unwrap(), tick);
            }
            if tick > Tick::MIN {
                let below = SqrtPriceX96::from_raw(price.get() - U256::ONE);
                assert_eq!(below.tick().unwrap().get(), tick.get() - 1);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]

        #[test]
        fn tick_of_any_price_equals_the_contracts(limbs: [u64; 3], shift in 0..128usize) {
            let price = SqrtPriceX96::from_raw((U256::from_limbs([limbs[0], limbs[1], limbs[2], 0]) >> (32 + shift)).max(SqrtPriceX96::MIN.get()));
            prop_assume!(price.is_valid());
            prop_assert_eq!(price.tick().unwrap().get(), reference_tick(price.get()));
        }

        #[test]
        fn estimates_near_whole_ticks_are_never_trusted_wrongly(tick in -887_272..887_272i32, offset in -3_000i64..3_000) {
            let at = Tick::new(tick).unwrap().sqrt_price().get();
            // Offsets scaled to fractions of 2^-12 ticks around the boundary.
            let scaled = (at >> 26usize) * U256::from(offset.unsigned_abs());
            let price = SqrtPriceX96::from_raw(if offset < 0 { at - (scaled >> 12usize) } else { at + (scaled >> 12usize) });
            prop_assume!(price.is_valid());
            prop_assert_eq!(price.tick().unwrap().get(), reference_tick(price.get()));
        }
    }
}
