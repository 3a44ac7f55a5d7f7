//! Between integers and floats. Floats filter and size; what is reported went through integers.

use alloy_primitives::U256;

/// `2^64`, the value of a limb.
const LIMB: f64 = 18_446_744_073_709_551_616.0;
/// Bits of a float's mantissa, the leading one included.
const MANTISSA_BITS: u32 = 53;
/// What has to be taken off a float's exponent field to have the place of the mantissa's last bit.
const EXPONENT_BIAS: u32 = 1075;

/// The nearest float or the one beside it.
pub(crate) fn to_f64(value: U256) -> f64 {
    value.as_limbs().iter().rev().fold(0.0, |sum, limb| sum * LIMB + *limb as f64)
}

/// The whole part; `None` for what is negative, not a number, or has more than 256 bits.
pub(crate) fn from_f64(value: f64) -> Option<U256> {
    if value.is_nan() || value < 0.0 {
        return None;
    }
    if value < LIMB {
        return Some(U256::from(value as u64));
    }
    let bits = value.to_bits();
    let exponent = (bits >> (MANTISSA_BITS - 1)) as u32;
    let mantissa = (bits & ((1 << (MANTISSA_BITS - 1)) - 1)) | (1 << (MANTISSA_BITS - 1));
    let shift = exponent.checked_sub(EXPONENT_BIAS)?;
    (shift <= 256 - MANTISSA_BITS).then(|| U256::from(mantissa) << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_come_back() {
        for shift in 0..256 {
            let value = U256::ONE << shift;
            assert_eq!(from_f64(to_f64(value)), Some(value), "shift={shift}");
        }
        for value in [0.0, 0.9, 1.5, 1e18, 1.234_567_89e30, 1e77] {
            assert_eq!(to_f64(from_f64(value).unwrap()), value.trunc());
        }
        for value in [-1.0, f64::NAN, f64::INFINITY, 1.2e77] {
            assert_eq!(from_f64(value), None);
        }
    }
}
