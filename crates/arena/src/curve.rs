//! What a live pool gives for what goes in, in floats: to filter and to size. Integers decide: [`Pool::quote`].

use crate::{Pool, PoolState, PoolStatus, pool::Terms};
use alloy_primitives::U256;
use weir_amm::{
    Direction, Liquidity, MAX_FEE_PIPS, MAX_RESERVE, Reserves, SqrtPriceX96, TickCursor, TickList,
    TickSpacing, V2Fee, V3Slot,
};

/// `2^96`, the one of Q64.96.
const Q96: f64 = 79_228_162_514_264_337_593_543_950_336.0;
/// `2^64`, the value of a limb.
const LIMB: f64 = 18_446_744_073_709_551_616.0;

/// One direction of a live pool. The output is concave in the input, fee included.
#[derive(Debug, Clone, Copy)]
pub enum PoolCurve<'a> {
    /// Constant product: one range from here to the limit of reserves.
    Constant {
        /// The balances.
        reserves: Reserves,
        /// The share of the input that trades.
        fee: V2Fee,
        /// Which token goes in.
        direction: Direction,
    },
    /// Concentrated liquidity: constant product from tick to tick.
    Concentrated {
        /// Price, stored tick and active liquidity.
        slot: V3Slot,
        /// The initialized ticks.
        ticks: &'a TickList,
        /// Fee of a swap in this direction, in millionths of the input.
        fee_pips: u32,
        /// Distance between usable ticks.
        spacing: TickSpacing,
        /// Which token goes in.
        direction: Direction,
    },
}

/// A stretch of a curve that is one constant-product formula: `out(x) = keep * R_out * x / (R_in + keep * x)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurveRange {
    /// Virtual reserve of the token that goes in, at the start of the range, in its smallest unit.
    pub reserve_in: f64,
    /// Virtual reserve of the token that comes out, at the start of the range, in its smallest unit.
    pub reserve_out: f64,
    /// The share of the input that trades: one less the fee.
    pub keep: f64,
    /// The input that takes the price to the end of the range, fee included.
    pub capacity_in: f64,
    /// The output until then.
    pub capacity_out: f64,
}

impl Pool {
    /// The pool's curve in one direction; `None` unless the pool is live and its amounts follow from its state.
    ///
    /// The one place where routing looks at protocols: another protocol is another arm.
    pub fn curve(&self, direction: Direction) -> Option<PoolCurve<'_>> {
        if self.status() != PoolStatus::Live {
            return None;
        }
        // Where hooks or tokens decide, or a fee is not known, nothing may be routed through the pool.
        self.require_told_by_events().ok()?;
        match (self.state(), self.terms()) {
            (PoolState::V2(state), Terms::V2(fee)) => {
                Some(PoolCurve::Constant { reserves: state.reserves, fee, direction })
            }
            (PoolState::V3(state), Terms::V3(terms)) => Some(PoolCurve::Concentrated {
                slot: state.slot,
                ticks: &state.ticks,
                fee_pips: terms.fee.get(),
                spacing: terms.spacing,
                direction,
            }),
            (PoolState::V4(state), Terms::V4(terms)) => Some(PoolCurve::Concentrated {
                slot: state.slot,
                ticks: &state.ticks,
                fee_pips: state.fees.swap_fee(direction).ok()?.get(),
                spacing: terms.spacing,
                direction,
            }),
            (PoolState::V2(_) | PoolState::V3(_) | PoolState::V4(_), _) => None,
        }
    }
}

impl<'a> PoolCurve<'a> {
    /// Whether the pool has ticks: its swaps cost more gas.
    pub const fn is_concentrated(&self) -> bool {
        matches!(self, Self::Concentrated { .. })
    }

    /// Natural logarithm of the output for one unit of input, after fee, at the margin; minus infinity if the pool has
    /// nothing to give. No trade gets a better rate.
    pub fn ln_price(&self) -> f64 {
        let rate = match self {
            Self::Concentrated { slot, fee_pips, direction, .. } if !slot.liquidity.is_zero() => {
                let root = to_f64(slot.sqrt_price.get()) / Q96;
                let price = root * root;
                keep_of(*fee_pips) * if direction.is_zero_for_one() { price } else { 1.0 / price }
            }
            Self::Constant { .. } | Self::Concentrated { .. } => {
                self.ranges().next().map_or(0.0, |range| range.price())
            }
        };
        rate.ln()
    }

    /// The ranges with liquidity in the order in which a trade meets them, computed one by one, all of them.
    pub fn ranges(&self) -> CurveRanges<'a> {
        CurveRanges(match *self {
            Self::Constant { reserves, fee, direction } => {
                Source::Constant(constant_range(reserves, fee, direction))
            }
            Self::Concentrated { slot, ticks, fee_pips, spacing, direction } => {
                Source::Concentrated(TickWalk {
                    cursor: TickCursor::new(ticks, spacing, direction, slot.tick),
                    sqrt_price: slot.sqrt_price,
                    liquidity: slot.liquidity,
                    keep: keep_of(fee_pips),
                    direction,
                    is_over: slot.sqrt_price.is_zero(),
                })
            }
        })
    }
}

impl CurveRange {
    /// Output for one unit of input at the start of the range, after fee.
    pub fn price(&self) -> f64 {
        self.keep * self.reserve_out / self.reserve_in
    }

    /// Output for an input of at most [`Self::capacity_in`].
    pub fn out(&self, amount_in: f64) -> f64 {
        let traded = self.keep * amount_in;
        self.reserve_out * traded / (self.reserve_in + traded)
    }

    /// What is left of the range after an input.
    #[must_use]
    pub fn after(&self, amount_in: f64) -> Self {
        let reserve_in = self.reserve_in + self.keep * amount_in;
        Self {
            reserve_in,
            reserve_out: self.reserve_out * (self.reserve_in / reserve_in),
            keep: self.keep,
            capacity_in: (self.capacity_in - amount_in).max(0.0),
            capacity_out: (self.capacity_out - self.out(amount_in)).max(0.0),
        }
    }

    /// The input after which the marginal rate is `rate`, but no more than the range takes.
    pub fn input_to_rate(&self, rate: f64) -> f64 {
        let ratio = self.price() / rate;
        if ratio > 1.0 {
            ((ratio.sqrt() - 1.0) * self.reserve_in / self.keep).min(self.capacity_in)
        } else {
            0.0
        }
    }
}

/// An iterator over the ranges of a [`PoolCurve`].
#[derive(Debug, Clone)]
pub struct CurveRanges<'a>(Source<'a>);

#[derive(Debug, Clone)]
enum Source<'a> {
    Constant(Option<CurveRange>),
    Concentrated(TickWalk<'a>),
}

#[derive(Debug, Clone)]
struct TickWalk<'a> {
    cursor: TickCursor<'a>,
    sqrt_price: SqrtPriceX96,
    liquidity: Liquidity,
    keep: f64,
    direction: Direction,
    is_over: bool,
}

impl Iterator for CurveRanges<'_> {
    type Item = CurveRange;

    fn next(&mut self) -> Option<CurveRange> {
        match &mut self.0 {
            Source::Constant(range) => range.take(),
            Source::Concentrated(walk) => walk.next_range(),
        }
    }
}

impl TickWalk<'_> {
    /// The next range that is not empty: gaps without liquidity are passed as the contract passes them.
    fn next_range(&mut self) -> Option<CurveRange> {
        while !self.is_over {
            let (start, liquidity) = (self.sqrt_price, self.liquidity);
            let end = self.advance();
            if !liquidity.is_zero() && start != end {
                let prices = (start.get(), end.get());
                return Some(concentrated_range(liquidity, prices, self.keep, self.direction));
            }
        }
        None
    }

    /// Goes to the next initialized tick and across it; where there is none, to the end of all prices.
    fn advance(&mut self) -> SqrtPriceX96 {
        let Some(next) = self.cursor.next_initialized() else {
            self.is_over = true;
            return match self.direction {
                Direction::ZeroForOne => SqrtPriceX96::MIN,
                Direction::OneForZero => SqrtPriceX96::MAX,
            };
        };
        self.cursor.cross();
        self.sqrt_price = next.sqrt_price;
        let net = next.net.unwrap_or(0);
        let delta = match self.direction {
            Direction::ZeroForOne => net.wrapping_neg(),
            Direction::OneForZero => net,
        };
        match self.liquidity.add_delta(delta) {
            Ok(liquidity) => self.liquidity = liquidity,
            // The contract reverts here: nothing trades beyond.
            Err(_) => self.is_over = true,
        }
        next.sqrt_price
    }
}

fn constant_range(reserves: Reserves, fee: V2Fee, direction: Direction) -> Option<CurveRange> {
    let (reserve_in, reserve_out) = reserves.oriented(direction);
    if reserve_in == 0 || reserve_out == 0 {
        return None;
    }
    let range = CurveRange {
        reserve_in: reserve_in as f64,
        reserve_out: reserve_out as f64,
        keep: f64::from(fee.numerator()) / f64::from(fee.denominator()),
        capacity_in: MAX_RESERVE.saturating_sub(reserve_in) as f64,
        capacity_out: 0.0,
    };
    Some(CurveRange { capacity_out: range.out(range.capacity_in), ..range })
}

/// Virtual reserves are `L / sqrt(P)` and `L * sqrt(P)`. The width is taken from integers: nearby prices cancel.
fn concentrated_range(
    liquidity: Liquidity,
    (start, end): (U256, U256),
    keep: f64,
    direction: Direction,
) -> CurveRange {
    let width = to_f64(start.abs_diff(end)) / Q96;
    let (start, end) = (to_f64(start) / Q96, to_f64(end) / Q96);
    let liquidity = liquidity.get() as f64;
    let (reserve0, reserve1) = (liquidity / start, liquidity * start);
    let (amount0, amount1) = (liquidity * width / (start * end), liquidity * width);
    match direction {
        Direction::ZeroForOne => CurveRange {
            reserve_in: reserve0,
            reserve_out: reserve1,
            keep,
            capacity_in: amount0 / keep,
            capacity_out: amount1,
        },
        Direction::OneForZero => CurveRange {
            reserve_in: reserve1,
            reserve_out: reserve0,
            keep,
            capacity_in: amount1 / keep,
            capacity_out: amount0,
        },
    }
}

fn keep_of(fee_pips: u32) -> f64 {
    f64::from(MAX_FEE_PIPS.saturating_sub(fee_pips)) / f64::from(MAX_FEE_PIPS)
}

/// The nearest float or the one beside it.
fn to_f64(value: U256) -> f64 {
    value.as_limbs().iter().rev().fold(0.0, |sum, limb| sum * LIMB + *limb as f64)
}
