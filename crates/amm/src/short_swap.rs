//! Swaps that stay between two usable ticks, confirmed instead of computed.

use crate::{
    Direction, Tick, V3Slot, V3Terms, amount1_delta,
    sqrt_price_math::{amount0_fraction, is_next_from_input},
    swap_step::less_fee,
};
use alloy_primitives::U256;

impl V3Slot {
    /// Whether an exact input of `paid` that meets no tick on its way surely gives `received` and leaves `after`.
    ///
    /// Equal to asking [`Self::swap`] and comparing, at the price of some products: the outcome is given, so that no
    /// division is needed. `false` says nothing: the swap may have met a tick, had a limit or a fixed output, or use
    /// numbers wider than these shortcuts take.
    #[inline]
    pub fn is_short_swap(
        &self,
        terms: V3Terms,
        direction: Direction,
        (paid, received): (U256, U256),
        after: &Self,
    ) -> bool {
        let ([p0, p1, 0, 0], [r0, r1, 0, 0]) = (paid.as_limbs(), received.as_limbs()) else {
            return false;
        };
        let received = [*r0, *r1, 0];
        if self.liquidity.is_zero()
            || self.liquidity != after.liquidity
            || (p0 | p1) == 0
            || !self.is_before_any_target(terms, direction, after)
        {
            return false;
        }
        let [amount, amount_high, ..] = *less_fee(paid, terms.fee).as_limbs();
        let amount = u128::from(amount) | (u128::from(amount_high) << 64);
        let (price, next) = (self.sqrt_price, after.sqrt_price);
        is_next_from_input(price, next, self.liquidity, amount, direction)
            && match direction {
                Direction::ZeroForOne => {
                    let out = amount1_delta(next, price, self.liquidity, false);
                    *out.as_limbs() == [received[0], received[1], 0, 0]
                }
                Direction::OneForZero => {
                    amount0_fraction(price, next, self.liquidity).is_floor(received)
                }
            }
    }

    /// Whether the price after lies strictly between the price before and every price at which a step can end: an
    /// initialized tick, the border of a bitmap word, the limits of all prices.
    ///
    /// An amount that reached such a price would go at least as far, so the contract's choice between amount and
    /// target follows.
    #[inline]
    fn is_before_any_target(&self, terms: V3Terms, direction: Direction, after: &Self) -> bool {
        let is_way_kept = match direction {
            Direction::ZeroForOne => after.sqrt_price < self.sqrt_price,
            Direction::OneForZero => self.sqrt_price < after.sqrt_price,
        };
        let spacing = terms.spacing.get();
        // Usable ticks are the multiples of the spacing. Going down, the one below is met on it, not below it.
        let floor = terms.spacing.compress(self.tick) * spacing;
        let is_inside = match direction {
            Direction::ZeroForOne => floor < after.tick,
            Direction::OneForZero => after.tick < floor + spacing,
        };
        let is_far_from_ends = after.tick.unsigned_abs() < Tick::MAX.get().unsigned_abs() - 1;
        is_way_kept
            && is_inside
            && is_far_from_ends
            && !self.sqrt_price.is_zero()
            && after.sqrt_price.tick().is_ok_and(|tick| tick.get() == after.tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FeePips, Liquidity, SqrtPriceX96, SwapKind, TickList, TickSpacing};
    use proptest::prelude::*;

    /// The claim, by a whole swap.
    fn is_swap(
        slot: &V3Slot,
        ticks: &TickList,
        terms: V3Terms,
        direction: Direction,
        (paid, received): (U256, U256),
        after: &V3Slot,
    ) -> bool {
        slot.swap(ticks, terms, direction, SwapKind::ExactIn(paid), None).is_ok_and(|swap| {
            swap.slot == *after && swap.amount_in == paid && swap.amount_out == received
        })
    }

    fn neighbour(price: SqrtPriceX96, is_up: bool) -> SqrtPriceX96 {
        let price = price.get();
        SqrtPriceX96::new(if is_up { price + U256::ONE } else { price - U256::ONE }).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn short_swaps_are_swaps(
            tick in -880_000..880_000i32, spacing_kind in 0..4usize, is_down: bool, size in 1..128u32, amount: u128,
            liquidity: u128, depth in 1..100u32, offset in 0..3u32,
        ) {
            let (fee, spacing) = [(100, 1), (500, 10), (3000, 60), (10_000, 200)][spacing_kind];
            let spacing = TickSpacing::new(spacing).unwrap();
            let terms = V3Terms { fee: FeePips::new(fee).unwrap(), spacing };
            let liquidity = Liquidity::new((liquidity >> 32 >> (depth % 90)).max(1));
            let lower = Tick::new(spacing.compress(tick) * spacing.get()).unwrap();
            let upper = Tick::new(lower.get() + spacing.get()).unwrap();
            let mut ticks = TickList::new();
            let gross = liquidity.get().min(spacing.max_liquidity_per_tick());
            ticks.update_range(lower, upper, gross as i128, spacing).unwrap();
            let price = Tick::new(tick).unwrap().sqrt_price().get() + U256::from(offset);
            let sqrt_price = SqrtPriceX96::new(price).unwrap();
            let slot = V3Slot { sqrt_price, tick: sqrt_price.tick().unwrap().get(), liquidity: Liquidity::new(gross) };
            let direction = if is_down { Direction::ZeroForOne } else { Direction::OneForZero };
            let paid = U256::from((amount >> (128 - size)).max(1));
            let Ok(swap) = slot.swap(&ticks, terms, direction, SwapKind::ExactIn(paid), None) else { return Ok(()) };
            let claim = |paid, received, after: &V3Slot| {
                let is_short = slot.is_short_swap(terms, direction, (paid, received), after);
                (is_short, is_swap(&slot, &ticks, terms, direction, (paid, received), after))
            };
            // What is true and stays inside is confirmed.
            let is_inside = lower.get() < swap.slot.tick && swap.slot.tick < upper.get();
            let is_moved = swap.slot.sqrt_price != slot.sqrt_price && swap.slot.liquidity == slot.liquidity;
            let is_narrow = swap.amount_out.bit_len() <= 128;
            if is_inside && is_moved && is_narrow && swap.remaining.is_zero() {
                prop_assert_eq!(claim(paid, swap.amount_out, &swap.slot), (true, true));
            }
            // What is nearly true is not.
            let mut nearly = vec![(paid + U256::ONE, swap.amount_out, swap.slot), (paid, swap.amount_out + U256::ONE, swap.slot)];
            for is_up in [true, false] {
                nearly.push((paid, swap.amount_out, V3Slot { sqrt_price: neighbour(swap.slot.sqrt_price, is_up), ..swap.slot }));
                let other = if is_up { 1 } else { -1 };
                nearly.push((paid, swap.amount_out, V3Slot { tick: swap.slot.tick + other, ..swap.slot }));
            }
            for (paid, received, after) in nearly {
                let (is_short, is_true) = claim(paid, received, &after);
                prop_assert!(is_true || !is_short);
            }
        }
    }
}
