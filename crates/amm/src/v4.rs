//! `Pool.swap` of Uniswap V4's core: V3's loop with another fee for each direction.

use crate::{
    Direction, FeePips, MAX_FEE_PIPS, MathError, QuoteError, SqrtPriceX96, SwapKind, TickList,
    V3Slot, V3Swap, V3Terms,
};
use alloy_primitives::U256;

/// The fees in a pool's `slot0`, in millionths of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct V4Fees {
    /// Of the liquidity providers, at most 1,000,000. It is taken from what the protocol's fee leaves.
    pub lp: u32,
    /// Of the protocol when token0 goes in, at most 1,000.
    pub zero_for_one: u16,
    /// Of the protocol when token1 goes in, at most 1,000.
    pub one_for_zero: u16,
}

/// The providers' fee behind a swap's fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LpFee {
    /// No other one gives the swap's fee.
    Exact(u32),
    /// This one and the next both give it: `calculateSwapFee` rounds.
    OneOfTwo(u32),
    /// None gives it.
    Impossible,
}

impl V4Fees {
    /// `ProtocolFeeLibrary.MAX_PROTOCOL_FEE`: 0.1 %.
    pub const MAX_PROTOCOL_PIPS: u16 = 1_000;

    /// Whether the contract can hold these fees.
    pub const fn is_valid(self) -> bool {
        self.lp <= MAX_FEE_PIPS
            && self.zero_for_one <= Self::MAX_PROTOCOL_PIPS
            && self.one_for_zero <= Self::MAX_PROTOCOL_PIPS
    }

    /// The protocol's fee in that direction.
    pub const fn protocol(self, direction: Direction) -> u16 {
        match direction {
            Direction::ZeroForOne => self.zero_for_one,
            Direction::OneForZero => self.one_for_zero,
        }
    }

    /// What a swap in that direction pays in all (`ProtocolFeeLibrary.calculateSwapFee`).
    ///
    /// # Errors
    /// If it exceeds 100 %, which valid fees do not.
    pub const fn swap_fee(self, direction: Direction) -> Result<FeePips, MathError> {
        FeePips::at_most_whole(swap_fee(self.protocol(direction), self.lp))
    }

    /// The providers' fee with which a swap in that direction pays `swap_fee` in all.
    ///
    /// The total grows by one or by nothing with each millionth, so that at most two neighbours give the same.
    pub fn lp_fee_of(self, direction: Direction, total: u32) -> LpFee {
        let protocol = self.protocol(direction);
        let Some(rest) = total.checked_sub(u32::from(protocol)) else { return LpFee::Impossible };
        let kept = u64::from(MAX_FEE_PIPS - u32::from(protocol));
        let Ok(near) = u32::try_from(u64::from(rest) * u64::from(MAX_FEE_PIPS) / kept) else {
            return LpFee::Impossible;
        };
        let is_cause = |lp: &u32| *lp <= MAX_FEE_PIPS && swap_fee(protocol, *lp) == total;
        let mut causes = (near.saturating_sub(2)..=near + 2).filter(is_cause);
        match (causes.next(), causes.next()) {
            (Some(lp), None) => LpFee::Exact(lp),
            (Some(lp), Some(_)) => LpFee::OneOfTwo(lp),
            (None, _) => LpFee::Impossible,
        }
    }
}

/// `protocolFee + lpFee - protocolFee * lpFee / 1e6`, the quotient rounded down.
const fn swap_fee(protocol: u16, lp: u32) -> u32 {
    let both = protocol as u64 * lp as u64 / MAX_FEE_PIPS as u64;
    // Below the sum of which it is taken, and both are of 32 bits at most.
    protocol as u32 + lp - both as u32
}

impl V3Slot {
    /// Swaps as V4 does, until the amount is used up or the price limit is reached. `terms.fee` is the whole fee of the
    /// direction ([`V4Fees::swap_fee`]).
    ///
    /// As [`Self::swap`], but the fee may be 100 %, and both amounts must fit in `int128`.
    pub fn swap_v4(
        &self,
        ticks: &TickList,
        terms: V3Terms,
        direction: Direction,
        kind: SwapKind,
        limit: Option<SqrtPriceX96>,
    ) -> Result<V3Swap, QuoteError> {
        if terms.fee.is_whole() && matches!(kind, SwapKind::ExactOut(_)) {
            return Err(QuoteError::FeeIsWhole);
        }
        narrow(self.swap(ticks, terms, direction, kind, limit)?)
    }

    /// Swaps the whole amount as V4 does, without a price limit, or says how much of it the pool can take or give.
    pub fn quote_v4(
        &self,
        ticks: &TickList,
        terms: V3Terms,
        direction: Direction,
        kind: SwapKind,
    ) -> Result<V3Swap, QuoteError> {
        self.swap_v4(ticks, terms, direction, kind, None)?.require_whole(kind.amount())
    }
}

/// The deltas are `int128`: minus what is paid, and what is received.
fn narrow(swap: V3Swap) -> Result<V3Swap, QuoteError> {
    const LIMIT: U256 = U256::from_limbs([0, 1 << 63, 0, 0]);
    if swap.amount_in > LIMIT {
        return Err(QuoteError::AmountTooLarge { amount: swap.amount_in });
    }
    if swap.amount_out >= LIMIT {
        return Err(QuoteError::AmountTooLarge { amount: swap.amount_out });
    }
    Ok(swap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Liquidity, Tick, TickSpacing};
    use proptest::prelude::*;

    const DOWN: Direction = Direction::ZeroForOne;

    #[test]
    fn both_fees_are_charged_one_after_the_other() {
        let fees = V4Fees { lp: 3_000, zero_for_one: 500, one_for_zero: 1_000 };
        // The first is that of a mainnet pool: 500 and 3000 give 3499.
        assert_eq!(fees.swap_fee(DOWN).unwrap().get(), 3_499);
        assert_eq!(fees.swap_fee(DOWN.opposite()).unwrap().get(), 3_997);
        let whole = V4Fees { lp: 1_000_000, ..fees };
        assert!(whole.is_valid() && whole.swap_fee(DOWN).unwrap().is_whole());
        assert!(!V4Fees { zero_for_one: 1_001, ..fees }.is_valid());
        assert_eq!(fees.lp_fee_of(DOWN, 499), LpFee::Impossible);
        assert_eq!(fees.lp_fee_of(DOWN, 1_000_001), LpFee::Impossible);
        assert_eq!(fees.lp_fee_of(DOWN, 3_499), LpFee::Exact(3_000));
    }

    #[test]
    fn a_fee_of_all_takes_the_input_and_gives_nothing() {
        let tick = Tick::new(30).unwrap();
        let spacing = TickSpacing::v4(60).unwrap();
        let mut ticks = TickList::new();
        let (lower, upper) = (Tick::new(-60).unwrap(), Tick::new(60).unwrap());
        ticks.update_range(lower, upper, 1_000_000, spacing).unwrap();
        let liquidity = Liquidity::new(1_000_000);
        let slot = V3Slot { sqrt_price: tick.sqrt_price(), tick: 30, liquidity };
        let terms = V3Terms { fee: FeePips::at_most_whole(1_000_000).unwrap(), spacing };
        let amount = U256::from(1_000);
        let swap = slot.quote_v4(&ticks, terms, DOWN, SwapKind::ExactIn(amount)).unwrap();
        assert_eq!((swap.amount_in, swap.amount_out, swap.slot), (amount, U256::ZERO, slot));
        let refused = slot.quote_v4(&ticks, terms, DOWN, SwapKind::ExactOut(amount));
        assert_eq!(refused, Err(QuoteError::FeeIsWhole));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_providers_fee_is_found_again(lp in 0..=1_000_000u32, zero_for_one in 0..=1_000u16) {
            let fees = V4Fees { lp, zero_for_one, one_for_zero: 0 };
            let total = fees.swap_fee(DOWN).unwrap().get();
            let twin = |lp: u32| V4Fees { lp, ..fees }.swap_fee(DOWN).map(FeePips::get) == Ok(total);
            match fees.lp_fee_of(DOWN, total) {
                LpFee::Exact(found) => {
                    prop_assert_eq!(found, lp);
                    prop_assert!(!twin(lp + 1) && (lp == 0 || !twin(lp - 1)));
                }
                LpFee::OneOfTwo(found) => {
                    prop_assert!(found == lp || found + 1 == lp);
                    prop_assert!(twin(found) && twin(found + 1));
                }
                LpFee::Impossible => prop_assert!(false, "the fee itself is a cause"),
            }
            prop_assert_eq!(fees.lp_fee_of(DOWN.opposite(), lp), LpFee::Exact(lp));
        }
    }
}
