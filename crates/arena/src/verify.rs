//! Re-execution of observed events: does the contract do what our state predicts?

use crate::{Pool, PoolEvent, PoolState, pool::Terms, v4::verify_v4_swap};
use alloy_primitives::{I256, U256, U512};
use weir_amm::{
    Direction, Liquidity, Reserves, SqrtPriceX96, SwapKind, Tick, V2Fee, V3Slot, V3Swap, V3Terms,
    range_amounts,
};

/// How an observed concentrated-liquidity swap was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwapHypothesis {
    /// The input was fixed and there was no limit on the way.
    ExactIn,
    /// The output was fixed and there was no limit on the way.
    ExactOut,
    /// The swap ended at its price limit.
    PriceLimited,
}

/// What contradicts what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divergence {
    /// No way to ask for a swap gives the observed amounts, price, liquidity and tick.
    Swap,
    /// The reserves are not those before plus what came in minus what went out.
    Reserves {
        /// What the amounts give for token0.
        expected0: U256,
        /// What the amounts give for token1.
        expected1: U256,
    },
    /// The product of a constant-product pool's reserves, less the fee, shrank, or a V4 swap paid another fee: the fee is
    /// not what we hold it to be.
    Fee,
    /// A position's amounts are not those of the pool's price.
    Amounts {
        /// What our state gives for token0.
        expected0: U256,
        /// What our state gives for token1.
        expected1: U256,
    },
    /// The ticks cannot take the change: out of range, unaligned, or less liquidity than is removed.
    Ticks,
    /// The price and tick of an `Initialize` do not belong together, or the pool has a price already.
    Initialize,
    /// The event is of another protocol, or another V3 fork, than the pool.
    Protocol,
}

/// The result of checking one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The event carries nothing to check, or the state before it is not known.
    Unchecked,
    /// The event is what the state predicts.
    Verified,
    /// The swap is what the state predicts, if asked for like this.
    VerifiedSwap(SwapHypothesis),
    /// The pool's hooks took the whole swap for themselves: the pool saw nothing of it.
    Absorbed,
    /// The reserves are less than what the amounts give, and nothing of the token came in: it took more than it was asked
    /// to send, or its balances shrank by themselves. The pool is as its events say.
    FallsShort {
        /// Whether it is the higher token, and not the lower.
        is_token1: bool,
    },
    /// The event contradicts the state.
    Diverged(Divergence),
}

/// Checks an event against the state before it.
///
/// `V2Swap`, `V2Mint` and `V2Burn` follow the `Sync` they belong to: they are checked against the reserves before and
/// after that `Sync`, which the pool remembers until then.
pub fn verify_event(before: &Pool, event: &PoolEvent) -> Verdict {
    match (&before.state, before.terms(), event) {
        (PoolState::V2(state), Terms::V2(fee), event) => match before.previous {
            Some(previous) => verify_v2(&previous, &state.reserves, fee, event),
            None => Verdict::Unchecked,
        },
        (PoolState::V3(state), Terms::V3(terms), event) => match *event {
            PoolEvent::V3Swap { amount0, amount1, sqrt_price, liquidity, tick }
            | PoolEvent::PancakeV3Swap { amount0, amount1, sqrt_price, liquidity, tick, .. } => {
                let Ok(sqrt_price) = SqrtPriceX96::new(sqrt_price) else {
                    return Verdict::Diverged(Divergence::Swap);
                };
                let after = V3Slot { sqrt_price, tick, liquidity: Liquidity::new(liquidity) };
                let observed = Observed { amount0, amount1, after };
                if observed.is_short(&state.slot, terms) {
                    return Verdict::VerifiedSwap(SwapHypothesis::ExactIn);
                }
                let found = observed.explain(
                    |direction, kind, limit| {
                        state.slot.swap(&state.ticks, terms, direction, kind, limit).ok()
                    },
                    &state.slot,
                );
                found.map_or(Verdict::Diverged(Divergence::Swap), Verdict::VerifiedSwap)
            }
            PoolEvent::V3Mint { lower, upper, amount, amount0, amount1 } => {
                verify_amounts(&state.slot, (lower, upper), amount, true, (amount0, amount1))
            }
            PoolEvent::V3Burn { lower, upper, amount, amount0, amount1 } => {
                verify_amounts(&state.slot, (lower, upper), amount, false, (amount0, amount1))
            }
            _ => Verdict::Unchecked,
        },
        (PoolState::V4(state), Terms::V4(terms), PoolEvent::V4Swap { .. }) => {
            verify_v4_swap(state, terms, event)
        }
        (PoolState::V2(_) | PoolState::V3(_) | PoolState::V4(_), ..) => Verdict::Unchecked,
    }
}

/// A swap as its event tells it: changes of the pool's tokens, and the pool afterwards.
pub(crate) struct Observed {
    pub(crate) amount0: I256,
    pub(crate) amount1: I256,
    pub(crate) after: V3Slot,
}

/// The largest amount that can be asked for: `type(int256).max`.
const UNLIMITED: U256 = U256::from_limbs([u64::MAX, u64::MAX, u64::MAX, u64::MAX >> 1]);

impl Observed {
    /// Tries the three ways to ask for a swap. The limit must not be combined with the amounts: reaching a target
    /// takes another rounding of the fee.
    pub(crate) fn explain(
        &self,
        swap: impl Fn(Direction, SwapKind, Option<SqrtPriceX96>) -> Option<V3Swap>,
        before: &V3Slot,
    ) -> Option<SwapHypothesis> {
        let direction = self.direction(before)?;
        let (paid, received) = self.amounts(direction)?;
        let is_match = |kind, limit| {
            swap(direction, kind, limit).is_some_and(|swap| {
                swap.slot == self.after && swap.amount_in == paid && swap.amount_out == received
            })
        };
        if !paid.is_zero() && is_match(SwapKind::ExactIn(paid), None) {
            Some(SwapHypothesis::ExactIn)
        } else if !received.is_zero() && is_match(SwapKind::ExactOut(received), None) {
            Some(SwapHypothesis::ExactOut)
        } else if is_match(SwapKind::ExactIn(UNLIMITED), Some(self.after.sqrt_price)) {
            Some(SwapHypothesis::PriceLimited)
        } else {
            None
        }
    }

    /// Most swaps have a fixed input and meet no tick: products confirm them at a fifth of the time of a swap.
    pub(crate) fn is_short(&self, before: &V3Slot, terms: V3Terms) -> bool {
        let Some(direction) = self.direction(before) else { return false };
        let amounts = self.amounts(direction);
        amounts.is_some_and(|amounts| before.is_short_swap(terms, direction, amounts, &self.after))
    }

    /// What was paid and received, unless the signs say that both were.
    fn amounts(&self, direction: Direction) -> Option<(U256, U256)> {
        let (change_in, change_out) = match direction {
            Direction::ZeroForOne => (self.amount0, self.amount1),
            Direction::OneForZero => (self.amount1, self.amount0),
        };
        let is_trade = !change_in.is_negative() && !change_out.is_positive();
        is_trade.then(|| (change_in.unsigned_abs(), change_out.unsigned_abs()))
    }

    pub(crate) fn direction(&self, before: &V3Slot) -> Option<Direction> {
        if self.amount0.is_positive() || self.amount1.is_negative() {
            return Some(Direction::ZeroForOne);
        }
        if self.amount1.is_positive() || self.amount0.is_negative() {
            return Some(Direction::OneForZero);
        }
        match self.after.sqrt_price.cmp(&before.sqrt_price) {
            std::cmp::Ordering::Less => Some(Direction::ZeroForOne),
            std::cmp::Ordering::Greater => Some(Direction::OneForZero),
            std::cmp::Ordering::Equal => None,
        }
    }
}

fn verify_amounts(
    slot: &V3Slot,
    (lower, upper): (i32, i32),
    amount: u128,
    is_mint: bool,
    observed: (U256, U256),
) -> Verdict {
    let (Ok(lower), Ok(upper)) = (Tick::new(lower), Tick::new(upper)) else {
        return Verdict::Diverged(Divergence::Ticks);
    };
    match range_amounts(slot, lower, upper, Liquidity::new(amount), is_mint) {
        Ok(expected) if expected == observed => Verdict::Verified,
        Ok((expected0, expected1)) => {
            Verdict::Diverged(Divergence::Amounts { expected0, expected1 })
        }
        Err(_) => Verdict::Diverged(Divergence::Ticks),
    }
}

fn verify_v2(before: &Reserves, after: &Reserves, fee: V2Fee, event: &PoolEvent) -> Verdict {
    let zero = U256::ZERO;
    match *event {
        PoolEvent::V2Swap { amount0_in, amount1_in, amount0_out, amount1_out } => {
            let (paid, received) = ((amount0_in, amount1_in), (amount0_out, amount1_out));
            if let Some(is_token1) = short_side(before, after, paid, received) {
                return Verdict::FallsShort { is_token1 };
            }
            let balance = balance(before, after, paid, received);
            if balance == Verdict::Verified
                && !is_product_kept(before, after, fee, amount0_in, amount1_in)
            {
                return Verdict::Diverged(Divergence::Fee);
            }
            balance
        }
        PoolEvent::V2Mint { amount0, amount1 } => {
            balance(before, after, (amount0, amount1), (zero, zero))
        }
        // A burn also pays out its share of what was sent to the pair before, so that its reserves are a lower bound.
        PoolEvent::V2Burn { amount0, amount1 } => {
            let (nothing, received) = ((zero, zero), (amount0, amount1));
            if let Some(is_token1) = short_side(before, after, nothing, received) {
                return Verdict::FallsShort { is_token1 };
            }
            let (expected0, expected1) = expected(before, nothing, received);
            let is_covered =
                expected0 <= U256::from(after.reserve0) && expected1 <= U256::from(after.reserve1);
            if is_covered {
                Verdict::Verified
            } else {
                Verdict::Diverged(Divergence::Reserves { expected0, expected1 })
            }
        }
        _ => Verdict::Unchecked,
    }
}

fn expected(before: &Reserves, paid: (U256, U256), received: (U256, U256)) -> (U256, U256) {
    let side = |reserve: u128, paid: U256, received| {
        U256::from(reserve).saturating_add(paid).saturating_sub(received)
    };
    (side(before.reserve0, paid.0, received.0), side(before.reserve1, paid.1, received.1))
}

/// The token of which less is there than the amounts leave, if all that does not fit is explained so: `UniswapV2Pair` counts what
/// came in as the balance less what must be left, and never as less than nothing. Its own check of the product holds even then.
fn short_side(
    before: &Reserves,
    after: &Reserves,
    paid: (U256, U256),
    received: (U256, U256),
) -> Option<bool> {
    let (expected0, expected1) = expected(before, paid, received);
    let side = |after: u128, expected: U256, paid: U256| {
        let after = U256::from(after);
        let is_short = after < expected && paid.is_zero();
        (is_short, is_short || after == expected)
    };
    let (is_short0, is_explained0) = side(after.reserve0, expected0, paid.0);
    let (is_short1, is_explained1) = side(after.reserve1, expected1, paid.1);
    let is_short = (is_short0 || is_short1) && is_explained0 && is_explained1;
    is_short.then_some(!is_short0)
}

fn balance(
    before: &Reserves,
    after: &Reserves,
    paid: (U256, U256),
    received: (U256, U256),
) -> Verdict {
    let (expected0, expected1) = expected(before, paid, received);
    if expected0 == U256::from(after.reserve0) && expected1 == U256::from(after.reserve1) {
        Verdict::Verified
    } else {
        Verdict::Diverged(Divergence::Reserves { expected0, expected1 })
    }
}

/// The pair's own check ("K"): the product of the balances less fees is at least the product before.
fn is_product_kept(
    before: &Reserves,
    after: &Reserves,
    fee: V2Fee,
    amount0_in: U256,
    amount1_in: U256,
) -> bool {
    let denominator = U512::from(fee.denominator());
    let kept = U512::from(fee.denominator() - fee.numerator());
    let adjusted = |balance: u128, paid: U256| {
        (U512::from(balance) * denominator).checked_sub(U512::from(paid) * kept)
    };
    let required =
        U512::from(before.reserve0) * U512::from(before.reserve1) * denominator * denominator;
    match (adjusted(after.reserve0, amount0_in), adjusted(after.reserve1, amount1_in)) {
        (Some(adjusted0), Some(adjusted1)) => adjusted0 * adjusted1 >= required,
        _ => false,
    }
}
