//! What a PoolManager's events do to a pool, and whether its state predicts them.

use crate::{
    Divergence, LpFeeSource, Pool, PoolEvent, PoolState, SwapHypothesis, V4State, Verdict,
    pool::{Sync, V4Terms},
    transition::{Transition, change_range, initial_slot, swap_to},
    verify::Observed,
};
use alloy_primitives::{I256, U256};
use weir_amm::{Direction, FeePips, Liquidity, LpFee, SqrtPriceX96, V3Slot, V3Terms, V4Fees};

impl Pool {
    /// `Initialize`: the pool has a price from its creation on.
    ///
    /// A dynamic fee is zero then, but `afterInitialize` may have set another: no event tells.
    pub(crate) fn initialize_v4(&mut self, event: &PoolEvent) {
        let &PoolEvent::V4Initialize { fee_pips, sqrt_price, tick, .. } = event else { return };
        let PoolState::V4(state) = &mut self.state else { return };
        let Some(slot) = initial_slot(sqrt_price, tick) else { return };
        state.slot = slot;
        if self.statics.is_dynamic_fee() {
            state.lp_source = LpFeeSource::Unknown;
        } else {
            state.fees.lp = fee_pips;
        }
        self.sync = Sync::Synced;
    }

    pub(crate) fn change_v4(
        &mut self,
        terms: V4Terms,
        event: &PoolEvent,
        number: u64,
    ) -> Transition {
        if self.sync != Sync::Synced {
            return Transition::diverged(Divergence::Initialize);
        }
        let PoolState::V4(state) = &mut self.state else { return Transition::NONE };
        match *event {
            PoolEvent::V4Swap { sqrt_price, liquidity, tick, fee_pips, .. } => {
                let direction = V4Swap::of(event).and_then(|swap| swap.direction(&state.slot));
                if let Some(direction) = direction
                    && terms.is_dynamic
                    && !terms.hooks.runs_before_swap()
                {
                    learn_fee(state, direction, fee_pips, number);
                }
                swap_to(&mut state.slot, sqrt_price, liquidity, tick)
            }
            PoolEvent::V4ModifyLiquidity { lower, upper, delta } => {
                let range = (lower, upper);
                change_range(&mut state.slot, &mut state.ticks, terms.spacing, range, Some(delta))
            }
            PoolEvent::V4ProtocolFeeUpdated { zero_for_one, one_for_zero } => {
                state.fees = V4Fees { zero_for_one, one_for_zero, ..state.fees };
                Transition::NONE
            }
            _ => Transition::diverged(Divergence::Protocol),
        }
    }
}

/// Takes the providers' fee from what a swap paid. Where two fees would explain it, the one held before is kept if it is
/// one of them; else the fee is unknown.
fn learn_fee(state: &mut V4State, direction: Direction, total: u32, number: u64) {
    let is_held = state.lp_source != LpFeeSource::Unknown
        && state.fees.swap_fee(direction).is_ok_and(|fee| fee.get() == total);
    let learned = match state.fees.lp_fee_of(direction, total) {
        LpFee::Exact(lp) => Some(lp),
        LpFee::OneOfTwo(_) if is_held => Some(state.fees.lp),
        LpFee::OneOfTwo(_) | LpFee::Impossible => None,
    };
    match learned {
        Some(lp) => {
            state.fees.lp = lp;
            state.lp_source = LpFeeSource::Learned { block: number };
        }
        None => {
            state.fees.lp = 0;
            state.lp_source = LpFeeSource::Unknown;
        }
    }
}

/// A swap as its event tells it, with V3's signs.
struct V4Swap {
    observed: Observed,
    fee_pips: u32,
}

impl V4Swap {
    /// `None` for another event, or a price that is none.
    fn of(event: &PoolEvent) -> Option<Self> {
        let &PoolEvent::V4Swap { amount0, amount1, sqrt_price, liquidity, tick, fee_pips } = event
        else {
            return None;
        };
        let sqrt_price = SqrtPriceX96::new(sqrt_price).ok()?;
        let after = V3Slot { sqrt_price, tick, liquidity: Liquidity::new(liquidity) };
        // V4 tells the swapper's changes, V3 the pool's.
        let (amount0, amount1) = (pool_change(amount0), pool_change(amount1));
        Some(Self { observed: Observed { amount0, amount1, after }, fee_pips })
    }

    fn direction(&self, before: &V3Slot) -> Option<Direction> {
        self.observed.direction(before)
    }

    /// Whether the pool saw nothing of the trade.
    fn is_nothing(&self, before: &V3Slot) -> bool {
        let Observed { amount0, amount1, after } = &self.observed;
        amount0.is_zero() && amount1.is_zero() && after == before
    }
}

fn pool_change(swapper_change: i128) -> I256 {
    let magnitude = I256::from_raw(U256::from(swapper_change.unsigned_abs()));
    if swapper_change < 0 { magnitude } else { -magnitude }
}

/// Checks a swap with the fee that it tells, and then that fee.
///
/// A mismatch of the first is a drift of price or ticks, of the second one of fees. A fee that hooks set must at least be
/// possible beside the protocol's.
pub(crate) fn verify_v4_swap(state: &V4State, terms: V4Terms, event: &PoolEvent) -> Verdict {
    let Some(swap) = V4Swap::of(event) else { return Verdict::Diverged(Divergence::Swap) };
    if swap.is_nothing(&state.slot) {
        // Of the contract's own doing there is no such swap: an amount always moves something.
        let is_absorbed = terms.hooks.may_absorb_swap();
        return if is_absorbed { Verdict::Absorbed } else { Verdict::Diverged(Divergence::Swap) };
    }
    let Some(hypothesis) = explain(state, terms, &swap) else {
        return Verdict::Diverged(Divergence::Swap);
    };
    let Some(direction) = swap.direction(&state.slot) else {
        return Verdict::Diverged(Divergence::Swap);
    };
    let is_fee = if terms.is_dynamic {
        state.fees.lp_fee_of(direction, swap.fee_pips) != LpFee::Impossible
    } else {
        state.fees.swap_fee(direction).is_ok_and(|fee| fee.get() == swap.fee_pips)
    };
    if is_fee { Verdict::VerifiedSwap(hypothesis) } else { Verdict::Diverged(Divergence::Fee) }
}

fn explain(state: &V4State, terms: V4Terms, swap: &V4Swap) -> Option<SwapHypothesis> {
    let fee = FeePips::at_most_whole(swap.fee_pips).ok()?;
    let terms = V3Terms { fee, spacing: terms.spacing };
    if swap.observed.is_short(&state.slot, terms) {
        return Some(SwapHypothesis::ExactIn);
    }
    swap.observed.explain(
        |direction, kind, limit| {
            state.slot.swap_v4(&state.ticks, terms, direction, kind, limit).ok()
        },
        &state.slot,
    )
}
