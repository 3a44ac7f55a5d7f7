//! `UniswapV3Pool.swap`: a whole swap over ticks, as the contract computes it.

use crate::{
    Direction, FeePips, Liquidity, MathError, NextTick, QuoteError, SqrtPriceX96, StepAmount,
    SwapKind, Tick, TickCursor, TickList, TickSpacing,
    swap_step::{StepTotal, step_total},
};
use alloy_primitives::U256;

/// What a pool fixes at its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct V3Terms {
    /// Swap fee.
    pub fee: FeePips,
    /// Distance between usable ticks.
    pub spacing: TickSpacing,
}

/// The part of a pool that each swap sets: `slot0` and `liquidity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct V3Slot {
    /// Current price; zero before `initialize`.
    pub sqrt_price: SqrtPriceX96,
    /// Stored tick. After a swap down that ended exactly on an initialized tick it is one less than the price's own.
    pub tick: i32,
    /// Active liquidity.
    pub liquidity: Liquidity,
}

/// A swap that was carried out on values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V3Swap {
    /// What the pool takes, fee included.
    pub amount_in: U256,
    /// What the pool gives.
    pub amount_out: U256,
    /// What of the fixed amount was left when the price limit or the end of the ticks was reached.
    pub remaining: U256,
    /// The pool afterwards.
    pub slot: V3Slot,
    /// Initialized ticks crossed.
    pub ticks_crossed: u32,
}

/// The running state of the contract's loop.
struct Run<'a> {
    slot: V3Slot,
    cursor: TickCursor<'a>,
    terms: V3Terms,
    direction: Direction,
    limit: SqrtPriceX96,
    remaining: StepAmount,
    calculated: U256,
    ticks_crossed: u32,
}

impl V3Slot {
    /// Swaps until the amount is used up or the price limit is reached.
    ///
    /// Without a limit the swap may go to the end of the ticks, as routers ask for (`MIN_SQRT_RATIO + 1`,
    /// `MAX_SQRT_RATIO - 1`). A swap that ends early is not an error here, as it is none in the contract: look at
    /// [`V3Swap::remaining`], or use [`Self::quote`].
    pub fn swap(
        &self,
        ticks: &TickList,
        terms: V3Terms,
        direction: Direction,
        kind: SwapKind,
        limit: Option<SqrtPriceX96>,
    ) -> Result<V3Swap, QuoteError> {
        let amount = kind.amount();
        if amount.is_zero() {
            return Err(QuoteError::AmountZero);
        }
        if amount.bit(255) {
            return Err(QuoteError::AmountTooLarge { amount });
        }
        if self.sqrt_price.is_zero() {
            return Err(QuoteError::Uninitialized);
        }
        let limit = self.require_limit(direction, limit)?;
        let remaining = match kind {
            SwapKind::ExactIn(amount) => StepAmount::In(amount),
            SwapKind::ExactOut(amount) => StepAmount::Out(amount),
        };
        let cursor = TickCursor::new(ticks, terms.spacing, direction, self.tick);
        let mut run = Run {
            slot: *self,
            cursor,
            terms,
            direction,
            limit,
            remaining,
            calculated: U256::ZERO,
            ticks_crossed: 0,
        };
        while !run.is_done() {
            run.step()?;
        }
        run.outcome(amount)
    }

    /// Swaps the whole amount without a price limit, or says how much of it the pool can take or give.
    pub fn quote(
        &self,
        ticks: &TickList,
        terms: V3Terms,
        direction: Direction,
        kind: SwapKind,
    ) -> Result<V3Swap, QuoteError> {
        self.swap(ticks, terms, direction, kind, None)?.require_whole(kind.amount())
    }

    #[inline]
    fn require_limit(
        &self,
        direction: Direction,
        limit: Option<SqrtPriceX96>,
    ) -> Result<SqrtPriceX96, QuoteError> {
        let sqrt_price = self.sqrt_price;
        let lowest = SqrtPriceX96::from_raw(SqrtPriceX96::MIN.get() + U256::ONE);
        let highest = SqrtPriceX96::from_raw(SqrtPriceX96::MAX.get() - U256::ONE);
        let (limit, is_valid) = match direction {
            Direction::ZeroForOne => {
                let limit = limit.unwrap_or(lowest);
                (limit, lowest <= limit && limit < sqrt_price)
            }
            Direction::OneForZero => {
                let limit = limit.unwrap_or(highest);
                (limit, sqrt_price < limit && limit <= highest)
            }
        };
        if is_valid { Ok(limit) } else { Err(QuoteError::LimitOutOfRange { limit, sqrt_price }) }
    }
}

impl V3Swap {
    /// The swap, if it used up the whole amount.
    #[inline]
    pub(crate) fn require_whole(self, amount: U256) -> Result<Self, QuoteError> {
        if self.remaining.is_zero() {
            return Ok(self);
        }
        let available = amount - self.remaining;
        Err(QuoteError::InsufficientLiquidity { amount, available })
    }
}

impl Run<'_> {
    #[inline]
    fn is_done(&self) -> bool {
        let (StepAmount::In(left) | StepAmount::Out(left)) = self.remaining;
        left.is_zero() || self.slot.sqrt_price == self.limit
    }

    #[inline]
    fn step(&mut self) -> Result<(), QuoteError> {
        if self.slot.liquidity.is_zero() {
            return Ok(self.cross_gap()?);
        }
        let next = self.cursor.next_within_word(self.slot.tick);
        let start = self.slot.sqrt_price;
        let target =
            if self.is_beyond_limit(next.sqrt_price) { self.limit } else { next.sqrt_price };
        let step = step_total(start, target, self.slot.liquidity, self.remaining, self.terms.fee)?;
        self.account(&step)?;
        self.slot.sqrt_price = step.sqrt_price;
        if step.sqrt_price == next.sqrt_price {
            self.arrive(&next)?;
        } else if step.sqrt_price != start {
            self.slot.tick = step.sqrt_price.tick()?.get();
        }
        Ok(())
    }

    /// Leaves a range without liquidity at once: nothing is traded in it, so the contract's steps from word to word
    /// change nothing but the price and the tick.
    fn cross_gap(&mut self) -> Result<(), MathError> {
        let end =
            self.cursor.next_initialized().filter(|next| !self.is_beyond_limit(next.sqrt_price));
        if let Some(next) = end {
            self.slot.sqrt_price = next.sqrt_price;
            return self.arrive(&next);
        }
        self.slot.sqrt_price = self.limit;
        let tick = self.limit.tick()?;
        // A limit on the border of a word ends a step of the contract, which then stores the tick below the border.
        let is_border = self.terms.spacing.is_word_border(tick) && tick.sqrt_price() == self.limit;
        let down = i32::from(is_border && self.direction.is_zero_for_one());
        self.slot.tick = tick.get() - down;
        Ok(())
    }

    #[inline]
    fn is_beyond_limit(&self, price: SqrtPriceX96) -> bool {
        match self.direction {
            Direction::ZeroForOne => price < self.limit,
            Direction::OneForZero => price > self.limit,
        }
    }

    #[inline]
    fn account(&mut self, step: &StepTotal) -> Result<(), QuoteError> {
        let paid = step.paid;
        let (left, calculated) = match &mut self.remaining {
            StepAmount::In(left) => {
                *left -= paid;
                (*left, step.amount_out)
            }
            StepAmount::Out(left) => {
                *left -= step.amount_out;
                (*left, paid)
            }
        };
        debug_assert!(!left.bit(255), "the amount left never grows");
        let sum = self.calculated.checked_add(calculated).filter(|sum| !sum.bit(255));
        self.calculated = sum.ok_or(QuoteError::AmountTooLarge { amount: calculated })?;
        Ok(())
    }

    #[inline]
    fn arrive(&mut self, next: &NextTick) -> Result<(), MathError> {
        if let Some(net) = next.net {
            let delta = match self.direction {
                // The negation of the lowest `int128` wraps in the contract, too.
                Direction::ZeroForOne => net.wrapping_neg(),
                Direction::OneForZero => net,
            };
            self.slot.liquidity = self.slot.liquidity.add_delta(delta)?;
            self.cursor.cross();
            self.ticks_crossed += 1;
        }
        let down = i32::from(self.direction.is_zero_for_one());
        self.slot.tick = next.tick.get() - down;
        Ok(())
    }

    #[inline]
    fn outcome(self, amount: U256) -> Result<V3Swap, QuoteError> {
        let (amount_in, amount_out, remaining) = match self.remaining {
            StepAmount::In(left) => (amount - left, self.calculated, left),
            StepAmount::Out(left) => (self.calculated, amount - left, left),
        };
        debug_assert!(self.slot.tick >= Tick::MIN.get() - 1 && self.slot.tick <= Tick::MAX.get());
        let ticks_crossed = self.ticks_crossed;
        Ok(V3Swap { amount_in, amount_out, remaining, slot: self.slot, ticks_crossed })
    }
}
