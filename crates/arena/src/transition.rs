//! What one event does to one pool.

use crate::{
    Divergence, Pool, PoolEvent, PoolId, PoolState, PoolStatic, Protocol, Verdict,
    fork::pancake_fee_protocol,
    pool::{Sync, Terms},
    verify_event,
};
use std::sync::Arc;
use weir_amm::{Liquidity, Reserves, SqrtPriceX96, Tick, TickList, TickSpacing, V3Slot, V3Terms};

/// Liquidity that an event added to a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RangeChange {
    pub(crate) lower: Tick,
    pub(crate) upper: Tick,
    pub(crate) delta: i128,
}

/// The outcome of one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Transition {
    /// What has to be taken away from the ticks on revert.
    pub(crate) range: Option<RangeChange>,
    /// What the event contradicts.
    pub(crate) divergence: Option<Divergence>,
    /// Whether the event was re-executed and agreed.
    pub(crate) is_verified: bool,
}

impl Transition {
    pub(crate) const NONE: Self = Self { range: None, divergence: None, is_verified: false };

    pub(crate) const fn diverged(divergence: Divergence) -> Self {
        Self { range: None, divergence: Some(divergence), is_verified: false }
    }
}

impl Pool {
    /// Whether the event changes what is known of the pool. Evidence and pokes do not, and of a pool whose state is
    /// not known only absolute reserves tell anything.
    pub(crate) fn is_changed_by(&self, event: &PoolEvent) -> bool {
        match event {
            PoolEvent::V2Sync { .. } => true,
            PoolEvent::V2Swap { .. } | PoolEvent::V2Mint { .. } | PoolEvent::V2Burn { .. } => false,
            // Of the token, whatever is known of the pool; the first one tells all.
            PoolEvent::TransferShortfall { .. } => self.shortfall.is_none(),
            PoolEvent::V3Burn { amount: 0, .. } | PoolEvent::V4ModifyLiquidity { delta: 0, .. } => {
                false
            }
            _ => self.sync != Sync::Unsynced,
        }
    }

    /// Applies an event that [`Self::is_changed_by`] names, after checking it if asked to.
    ///
    /// Absolute values are taken even from an event that contradicts the state: the chain is right about itself, and
    /// the pool is halted anyway.
    pub(crate) fn transition(
        &mut self,
        event: &PoolEvent,
        number: u64,
        is_verifying: bool,
    ) -> Transition {
        let verdict = if is_verifying { self.check(event) } else { Verdict::Unchecked };
        let mut transition = self.change(event, number);
        if let Verdict::Diverged(divergence) = verdict {
            transition.divergence.get_or_insert(divergence);
        }
        transition.is_verified = matches!(verdict, Verdict::Verified | Verdict::VerifiedSwap(_));
        transition
    }

    /// Checks evidence that follows a `Sync`, once.
    pub(crate) fn check_evidence(&mut self, event: &PoolEvent, number: u64) -> Transition {
        let verdict = self.check(event);
        self.previous = None;
        match verdict {
            Verdict::FallsShort { is_token1 } => {
                let PoolStatic { token0, token1, .. } = *self.statics;
                self.note_shortfall(if is_token1 { token1 } else { token0 }, number);
                Transition::NONE
            }
            Verdict::Diverged(divergence) => Transition::diverged(divergence),
            Verdict::Unchecked | Verdict::Absorbed => Transition::NONE,
            Verdict::Verified | Verdict::VerifiedSwap(_) => {
                Transition { is_verified: true, ..Transition::NONE }
            }
        }
    }

    /// A halted pool has its evidence already.
    fn check(&self, event: &PoolEvent) -> Verdict {
        if self.halt.is_some() || self.sync != Sync::Synced {
            return Verdict::Unchecked;
        }
        verify_event(self, event)
    }

    fn change(&mut self, event: &PoolEvent, number: u64) -> Transition {
        let terms = self.terms();
        if let PoolEvent::TransferShortfall { token, .. } = event {
            self.note_shortfall(*token, number);
            return Transition::NONE;
        }
        match (&mut self.state, terms, event) {
            (PoolState::V2(_), _, PoolEvent::V2Sync { reserve0, reserve1 }) => {
                self.sync_reserves(Reserves { reserve0: *reserve0, reserve1: *reserve1 }, number)
            }
            (PoolState::V3(_), Terms::V3(terms), event) => self.change_v3(terms, event),
            (PoolState::V4(_), Terms::V4(terms), event) => self.change_v4(terms, event, number),
            _ => Transition::diverged(Divergence::Protocol),
        }
    }

    fn sync_reserves(&mut self, reserves: Reserves, number: u64) -> Transition {
        let PoolState::V2(state) = &mut self.state else { return Transition::NONE };
        self.previous = (self.sync == Sync::Synced).then_some(state.reserves);
        state.reserves = reserves;
        if self.sync == Sync::Unsynced {
            self.sync = Sync::Synced;
            self.exact_from = number;
        }
        Transition::NONE
    }

    fn change_v3(&mut self, terms: V3Terms, event: &PoolEvent) -> Transition {
        let is_initialize = matches!(event, PoolEvent::V3Initialize { .. });
        if is_initialize != (self.sync == Sync::Uninitialized) {
            return Transition::diverged(Divergence::Initialize);
        }
        if !self.settle_fork(event) {
            return Transition::diverged(Divergence::Protocol);
        }
        let is_pancake = self.statics.protocol == Protocol::PancakeV3;
        let fee_pips = self.statics.fee_pips;
        let PoolState::V3(state) = &mut self.state else { return Transition::NONE };
        match *event {
            PoolEvent::V3Initialize { sqrt_price, tick } => {
                let Some(slot) = initial_slot(sqrt_price, tick) else {
                    return Transition::diverged(Divergence::Initialize);
                };
                state.slot = slot;
                state.fee_protocol = if is_pancake { pancake_fee_protocol(fee_pips) } else { 0 };
                self.sync = Sync::Synced;
                Transition::NONE
            }
            PoolEvent::V3Swap { sqrt_price, liquidity, tick, .. }
            | PoolEvent::PancakeV3Swap { sqrt_price, liquidity, tick, .. } => {
                swap_to(&mut state.slot, sqrt_price, liquidity, tick)
            }
            PoolEvent::V3Mint { lower, upper, amount, .. } => {
                let delta = i128::try_from(amount).ok();
                let range = (lower, upper);
                change_range(&mut state.slot, &mut state.ticks, terms.spacing, range, delta)
            }
            PoolEvent::V3Burn { lower, upper, amount, .. } => {
                let delta = i128::try_from(amount).ok().map(|amount| -amount);
                let range = (lower, upper);
                change_range(&mut state.slot, &mut state.ticks, terms.spacing, range, delta)
            }
            PoolEvent::V3SetFeeProtocol { fee_protocol0, fee_protocol1 } => {
                // As `slot0.feeProtocol`; the contract admits 0 and 4 to 10, which fit in four bits.
                state.fee_protocol = u32::from((fee_protocol0 & 0xf) | (fee_protocol1 << 4));
                Transition::NONE
            }
            PoolEvent::PancakeV3SetFeeProtocol { fee_protocol0, fee_protocol1 } => {
                state.fee_protocol = u32::from(fee_protocol0) | (u32::from(fee_protocol1) << 16);
                Transition::NONE
            }
            _ => Transition::diverged(Divergence::Protocol),
        }
    }

    /// Takes liquidity away from the ticks of a range, and only from them, as the revert of a mint or burn.
    /// `false` if they do not hold it.
    pub(crate) fn invert_range(&mut self, change: &RangeChange) -> bool {
        let spacing = self.terms().spacing();
        let (Some((_, ticks)), Some(spacing)) = (self.state.concentrated_mut(), spacing) else {
            return false;
        };
        let ticks = Arc::make_mut(ticks);
        ticks.update_range(change.lower, change.upper, -change.delta, spacing).is_ok()
    }

    /// Forgets the state: the pool waits for hydration.
    pub(crate) fn unsync(&mut self) {
        self.sync = Sync::Unsynced;
        self.previous = None;
        self.state.clear();
    }

    /// Appends what the arena's digest covers.
    pub(crate) fn encode_state(&self, bytes: &mut Vec<u8>) {
        match &self.statics().key.id {
            PoolId::Address(address) => bytes.extend_from_slice(address.as_slice()),
            PoolId::Id(id) => bytes.extend_from_slice(id.as_slice()),
        }
        bytes.push(self.sync as u8);
        if self.sync == Sync::Unsynced {
            return;
        }
        bytes.extend_from_slice(&self.state.swap_state().0);
        match &self.state {
            PoolState::V2(_) => {}
            PoolState::V3(state) => {
                bytes.extend_from_slice(&state.fee_protocol.to_le_bytes());
                encode_ticks(&state.ticks, bytes);
            }
            PoolState::V4(state) => {
                bytes.extend_from_slice(&state.fees.lp.to_le_bytes());
                bytes.extend_from_slice(&state.fees.zero_for_one.to_le_bytes());
                bytes.extend_from_slice(&state.fees.one_for_zero.to_le_bytes());
                bytes.push(state.lp_source.tag());
                encode_ticks(&state.ticks, bytes);
            }
        }
    }
}

fn encode_ticks(ticks: &TickList, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(ticks.len() as u32).to_le_bytes());
    for (tick, info) in ticks.iter() {
        bytes.extend_from_slice(&tick.get().to_le_bytes());
        bytes.extend_from_slice(&info.gross.to_le_bytes());
        bytes.extend_from_slice(&info.net.to_le_bytes());
    }
}

fn valid_price(sqrt_price: alloy_primitives::U256) -> Option<SqrtPriceX96> {
    SqrtPriceX96::new(sqrt_price).ok().filter(|price| price.is_valid())
}

pub(crate) fn initial_slot(sqrt_price: alloy_primitives::U256, tick: i32) -> Option<V3Slot> {
    let sqrt_price = valid_price(sqrt_price)?;
    let is_own_tick = sqrt_price.tick().is_ok_and(|own| own.get() == tick);
    is_own_tick.then_some(V3Slot { sqrt_price, tick, liquidity: Liquidity::ZERO })
}

/// Takes the absolute values of a swap.
pub(crate) fn swap_to(
    slot: &mut V3Slot,
    sqrt_price: alloy_primitives::U256,
    liquidity: u128,
    tick: i32,
) -> Transition {
    let Some(sqrt_price) = valid_price(sqrt_price) else {
        return Transition::diverged(Divergence::Swap);
    };
    *slot = V3Slot { sqrt_price, tick, liquidity: Liquidity::new(liquidity) };
    Transition::NONE
}

/// `UniswapV3Pool._modifyPosition`: ticks always, active liquidity if the stored tick is in the range.
pub(crate) fn change_range(
    slot: &mut V3Slot,
    ticks: &mut Arc<TickList>,
    spacing: TickSpacing,
    (lower, upper): (i32, i32),
    delta: Option<i128>,
) -> Transition {
    let refused = Transition::diverged(Divergence::Ticks);
    let (Ok(lower), Ok(upper), Some(delta)) = (Tick::new(lower), Tick::new(upper), delta) else {
        return refused;
    };
    let is_active = lower.get() <= slot.tick && slot.tick < upper.get();
    let liquidity = if is_active { slot.liquidity.add_delta(delta) } else { Ok(slot.liquidity) };
    let Ok(liquidity) = liquidity else { return refused };
    if Arc::make_mut(ticks).update_range(lower, upper, delta, spacing).is_err() {
        return refused;
    }
    slot.liquidity = liquidity;
    Transition { range: Some(RangeChange { lower, upper, delta }), ..Transition::NONE }
}
