//! `SwapMath.computeSwapStep`: a swap inside one price range.

use crate::{
    Direction, FeePips, Liquidity, MAX_FEE_PIPS, MathError, SqrtPriceX96, amount0_delta,
    amount1_delta, next_sqrt_price_from_input, next_sqrt_price_from_output,
    sqrt_price_math::amount0_fraction,
    wide::{SmallDivisor, mul_div_small},
};
use alloy_primitives::U256;

/// What is left to trade: the sign of the contract's `amountRemaining`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepAmount {
    /// So much may still go in, fee included.
    In(U256),
    /// So much must still come out.
    Out(U256),
}

/// The outcome of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwapStep {
    /// The price reached, at most the target.
    pub sqrt_price: SqrtPriceX96,
    /// What went in, without the fee.
    pub amount_in: U256,
    /// What came out.
    pub amount_out: U256,
    /// The fee, in the input token.
    pub fee: U256,
}

/// Trades towards `target` until it or the amount is reached.
#[inline]
pub fn compute_swap_step(
    current: SqrtPriceX96,
    target: SqrtPriceX96,
    liquidity: Liquidity,
    remaining: StepAmount,
    fee: FeePips,
) -> Result<SwapStep, MathError> {
    let step = StepTerms::new(current, target, liquidity, fee);
    match remaining {
        StepAmount::In(amount) => {
            let (sqrt_price, whole_in) = step.end_in(amount)?;
            let amount_out = step.output(sqrt_price)?;
            let (amount_in, fee) = match whole_in {
                Some(whole_in) => (whole_in, fee_on(whole_in, fee)?),
                None => {
                    let amount_in = step.input(sqrt_price)?;
                    (amount_in, amount - amount_in)
                }
            };
            Ok(SwapStep { sqrt_price, amount_in, amount_out, fee })
        }
        StepAmount::Out(amount) => step.out(amount),
    }
}

/// The outcome of a step, as far as a quote needs it.
pub(crate) struct StepTotal {
    pub(crate) sqrt_price: SqrtPriceX96,
    /// What went in, fee included.
    pub(crate) paid: U256,
    pub(crate) amount_out: U256,
}

/// As [`compute_swap_step`], without telling the fee from the input: a fixed amount that ends inside the range goes
/// in whole, so its share without the fee need not be computed.
#[inline]
pub(crate) fn step_total(
    current: SqrtPriceX96,
    target: SqrtPriceX96,
    liquidity: Liquidity,
    remaining: StepAmount,
    fee: FeePips,
) -> Result<StepTotal, MathError> {
    let step = StepTerms::new(current, target, liquidity, fee);
    match remaining {
        StepAmount::In(amount) => {
            let (sqrt_price, whole_in) = step.end_in(amount)?;
            let amount_out = step.output(sqrt_price)?;
            let paid = match whole_in {
                Some(whole_in) => whole_in + fee_on(whole_in, fee)?,
                None => amount,
            };
            Ok(StepTotal { sqrt_price, paid, amount_out })
        }
        StepAmount::Out(amount) => {
            let SwapStep { sqrt_price, amount_in, amount_out, fee } = step.out(amount)?;
            Ok(StepTotal { sqrt_price, paid: amount_in + fee, amount_out })
        }
    }
}

const WHOLE: SmallDivisor = SmallDivisor::new(MAX_FEE_PIPS);

/// `amount * (1e6 - feePips) / 1e6`, rounded down.
#[inline]
pub(crate) fn less_fee(amount: U256, fee: FeePips) -> U256 {
    mul_div_small(amount, fee.kept(), WHOLE)
        .expect("a share of the amount fits where the amount does")
        .0
}

/// What is fixed in a step.
struct StepTerms {
    current: SqrtPriceX96,
    target: SqrtPriceX96,
    liquidity: Liquidity,
    fee: FeePips,
    direction: Direction,
}

impl StepTerms {
    #[inline]
    fn new(
        current: SqrtPriceX96,
        target: SqrtPriceX96,
        liquidity: Liquidity,
        fee: FeePips,
    ) -> Self {
        let direction =
            if current >= target { Direction::ZeroForOne } else { Direction::OneForZero };
        Self { current, target, liquidity, fee, direction }
    }

    #[inline]
    fn input(&self, next: SqrtPriceX96) -> Result<U256, MathError> {
        input_between(self.current, next, self.liquidity, self.direction)
    }

    #[inline]
    fn output(&self, next: SqrtPriceX96) -> Result<U256, MathError> {
        output_between(self.current, next, self.liquidity, self.direction)
    }

    /// Where an input of `amount` ends; at the target also what the way there takes, without the fee.
    #[inline]
    fn end_in(&self, amount: U256) -> Result<(SqrtPriceX96, Option<U256>), MathError> {
        let less_fee = less_fee(amount, self.fee);
        if self.is_enough(less_fee)? {
            return Ok((self.target, Some(self.input(self.target)?)));
        }
        let next =
            next_sqrt_price_from_input(self.current, self.liquidity, less_fee, self.direction)?;
        let whole_in = if next == self.target { Some(self.input(self.target)?) } else { None };
        Ok((next, whole_in))
    }

    /// Whether an amount without fee reaches the target. For token0 a product tells it without the division.
    #[inline]
    fn is_enough(&self, less_fee: U256) -> Result<bool, MathError> {
        let [a0, a1, a2, a3] = *less_fee.as_limbs();
        if self.direction.is_zero_for_one() && a3 == 0 && !self.target.is_zero() {
            let fraction = amount0_fraction(self.target, self.current, self.liquidity);
            return Ok(fraction.is_at_most([a0, a1, a2]));
        }
        Ok(less_fee >= self.input(self.target)?)
    }

    fn out(&self, amount: U256) -> Result<SwapStep, MathError> {
        let whole_out = self.output(self.target)?;
        let next = if amount >= whole_out {
            self.target
        } else {
            next_sqrt_price_from_output(self.current, self.liquidity, amount, self.direction)?
        };
        let amount_out = if next == self.target { whole_out } else { self.output(next)? };
        let amount_in = self.input(next)?;
        let amount_out = amount_out.min(amount);
        Ok(SwapStep { sqrt_price: next, amount_in, amount_out, fee: fee_on(amount_in, self.fee)? })
    }
}

#[inline]
fn input_between(
    current: SqrtPriceX96,
    next: SqrtPriceX96,
    liquidity: Liquidity,
    direction: Direction,
) -> Result<U256, MathError> {
    match direction {
        Direction::ZeroForOne => amount0_delta(next, current, liquidity, true),
        Direction::OneForZero => Ok(amount1_delta(current, next, liquidity, true)),
    }
}

#[inline]
fn output_between(
    current: SqrtPriceX96,
    next: SqrtPriceX96,
    liquidity: Liquidity,
    direction: Direction,
) -> Result<U256, MathError> {
    match direction {
        Direction::ZeroForOne => Ok(amount1_delta(next, current, liquidity, false)),
        Direction::OneForZero => amount0_delta(current, next, liquidity, false),
    }
}

/// `mulDivRoundingUp(amountIn, feePips, 1e6 - feePips)`; of nothing also where the fee takes all (`SwapMath` of V4).
#[inline]
fn fee_on(amount_in: U256, fee: FeePips) -> Result<U256, MathError> {
    if fee.is_whole() {
        let (b, divisor) = (U256::from(MAX_FEE_PIPS), U256::ZERO);
        let refused = MathError::Quotient { a: amount_in, b, divisor };
        return if amount_in.is_zero() { Ok(U256::ZERO) } else { Err(refused) };
    }
    let divisor = fee.rest();
    match mul_div_small(amount_in, fee.get(), divisor) {
        Some((quotient, is_exact)) => Ok(quotient + U256::from(!is_exact)),
        None => Err(MathError::Quotient {
            a: amount_in,
            b: U256::from(fee.get()),
            divisor: U256::from(fee.kept()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::uint;

    fn encoded(reserve1: u64, reserve0: u64) -> SqrtPriceX96 {
        let square: U256 = (U256::from(reserve1) << 192) / U256::from(reserve0);
        SqrtPriceX96::new(square.root(2)).unwrap()
    }

    fn step(target: SqrtPriceX96, remaining: StepAmount) -> SwapStep {
        let liquidity = Liquidity::new(2_000_000_000_000_000_000);
        compute_swap_step(encoded(1, 1), target, liquidity, remaining, FeePips::new(600).unwrap())
            .unwrap()
    }

    #[test]
    fn the_vectors_of_swap_math_hold() {
        // `SwapMath.spec.ts` in v3-core.
        let one = uint!(1000000000000000000_U256);
        let capped = step(encoded(101, 100), StepAmount::In(one));
        assert_eq!(capped.amount_in, uint!(9975124224178055_U256));
        assert_eq!(capped.fee, uint!(5988667735148_U256));
        assert_eq!(capped.amount_out, uint!(9925619580021728_U256));
        assert_eq!(capped.sqrt_price, encoded(101, 100));

        let capped = step(encoded(101, 100), StepAmount::Out(one));
        assert_eq!(capped.amount_in, uint!(9975124224178055_U256));
        assert_eq!(capped.fee, uint!(5988667735148_U256));
        assert_eq!(capped.amount_out, uint!(9925619580021728_U256));

        let spent = step(encoded(1000, 100), StepAmount::In(one));
        assert_eq!(spent.amount_in, uint!(999400000000000000_U256));
        assert_eq!(spent.fee, uint!(600000000000000_U256));
        assert_eq!(spent.amount_out, uint!(666399946655997866_U256));

        let received = step(encoded(10000, 100), StepAmount::Out(one));
        assert_eq!(received.amount_in, uint!(2000000000000000000_U256));
        assert_eq!(received.fee, uint!(1200720432259356_U256));
        assert_eq!(received.amount_out, one);
    }

    #[test]
    fn output_is_capped_and_dust_is_all_fee() {
        // "amount out is capped at the desired amount out", "entire input amount taken as fee" in the same file.
        let capped = compute_swap_step(
            SqrtPriceX96::new(uint!(417332158212080721273783715441582_U256)).unwrap(),
            SqrtPriceX96::new(uint!(1452870262520218020823638996_U256)).unwrap(),
            Liquidity::new(159_344_665_391_607_089_467_575_320_103),
            StepAmount::Out(U256::ONE),
            FeePips::new(1).unwrap(),
        )
        .unwrap();
        assert_eq!(
            (capped.amount_in, capped.fee, capped.amount_out),
            (U256::ONE, U256::ONE, U256::ONE)
        );
        assert_eq!(capped.sqrt_price.get(), uint!(417332158212080721273783715441581_U256));

        let dust = compute_swap_step(
            SqrtPriceX96::new(U256::from(2_413)).unwrap(),
            SqrtPriceX96::new(uint!(79887613182836312_U256)).unwrap(),
            Liquidity::new(1_985_041_575_832_132_834_610_021_537_970),
            StepAmount::In(U256::from(10)),
            FeePips::new(1_872).unwrap(),
        )
        .unwrap();
        assert_eq!(
            (dust.amount_in, dust.fee, dust.amount_out),
            (U256::ZERO, U256::from(10), U256::ZERO)
        );
        assert_eq!(dust.sqrt_price.get(), U256::from(2_413));

        let intermediate = compute_swap_step(
            SqrtPriceX96::new(uint!(20282409603651670423947251286016_U256)).unwrap(),
            SqrtPriceX96::new(uint!(22310650564016837466341976414617_U256)).unwrap(),
            Liquidity::new(1024),
            StepAmount::Out(U256::from(4)),
            FeePips::new(3_000).unwrap(),
        )
        .unwrap();
        assert_eq!(intermediate.amount_out, U256::ZERO);
        assert_eq!(intermediate.amount_in, U256::from(26_215));
        assert_eq!(intermediate.fee, U256::from(79));
    }
}
