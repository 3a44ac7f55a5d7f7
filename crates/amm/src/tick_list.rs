//! The initialized ticks of a pool, sorted.

use crate::{Direction, MathError, SqrtPriceX96, Tick, TickSpacing};
use alloy_primitives::U256;

/// Liquidity at an initialized tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickInfo {
    /// Liquidity of all positions that begin or end here; never zero.
    pub gross: u128,
    /// What is added to the active liquidity when the price rises through the tick.
    pub net: i128,
}

/// One cache line: what crossing the tick needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    info: TickInfo,
    /// A function of the tick, kept because computing it costs more than a crossing.
    sqrt_price: SqrtPriceX96,
}

/// The initialized ticks of one pool in ascending order, with what the contract's bitmap and tick mapping say.
///
/// The bitmap is not stored: [`Self::bitmap_word`] derives it, and [`TickCursor`] walks as the contract does,
/// stopping at the borders of the 256-tick words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickList {
    ticks: Vec<i32>,
    entries: Vec<Entry>,
}

impl TickList {
    /// No tick.
    pub const fn new() -> Self {
        Self { ticks: Vec::new(), entries: Vec::new() }
    }

    /// Number of initialized ticks.
    pub fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether no tick is initialized.
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// The tick's liquidity, `None` if it is not initialized.
    pub fn info(&self, tick: Tick) -> Option<TickInfo> {
        self.ticks.binary_search(&tick.get()).ok().map(|index| self.entries[index].info)
    }

    /// All initialized ticks in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Tick, TickInfo)> + ExactSizeIterator {
        self.ticks.iter().zip(&self.entries).map(|(tick, entry)| (Tick::clamped(*tick), entry.info))
    }

    /// The word of the contract's `tickBitmap` at `word`, whose bit `b` is tick `(word * 256 + b) * spacing`.
    pub fn bitmap_word(&self, word: i16, spacing: TickSpacing) -> U256 {
        let mut bits = U256::ZERO;
        for tick in &self.ticks[self.word_range(word, spacing)] {
            bits.set_bit((spacing.compress(*tick) & 0xff) as usize, true);
        }
        bits
    }

    fn word_range(&self, word: i16, spacing: TickSpacing) -> std::ops::Range<usize> {
        let first = i64::from(word) * 256 * i64::from(spacing.get());
        let end = first + 256 * i64::from(spacing.get());
        self.ticks.partition_point(|tick| i64::from(*tick) < first)
            ..self.ticks.partition_point(|tick| i64::from(*tick) < end)
    }

    /// Sets a tick as read from the contract, replacing what was there.
    pub fn set(&mut self, tick: Tick, info: TickInfo) {
        match self.ticks.binary_search(&tick.get()) {
            Ok(index) => self.entries[index].info = info,
            Err(index) => self.insert(index, tick, info),
        }
    }

    /// Adds `delta` to the range's ticks as `Tick.update` does for both, or changes nothing.
    ///
    /// Initializes ticks that had nothing and removes those left with nothing. A delta of zero is a poke and
    /// changes nothing.
    pub fn update_range(
        &mut self,
        lower: Tick,
        upper: Tick,
        delta: i128,
        spacing: TickSpacing,
    ) -> Result<(), MathError> {
        if lower >= upper {
            return Err(MathError::RangeEmpty { lower, upper });
        }
        if delta == 0 {
            return Ok(());
        }
        let changed_lower = self.changed(lower, delta, delta, spacing)?;
        let net_upper =
            delta.checked_neg().ok_or(MathError::LiquidityOutOfRange { liquidity: 0, delta })?;
        let changed_upper = self.changed(upper, delta, net_upper, spacing)?;
        self.put(lower, changed_lower);
        self.put(upper, changed_upper);
        Ok(())
    }

    fn changed(
        &self,
        tick: Tick,
        gross_delta: i128,
        net_delta: i128,
        spacing: TickSpacing,
    ) -> Result<TickInfo, MathError> {
        if !spacing.is_aligned(tick) {
            return Err(MathError::TickUnaligned { tick, spacing: spacing.get() });
        }
        let before = self.info(tick).unwrap_or(TickInfo { gross: 0, net: 0 });
        let out_of_range =
            MathError::LiquidityOutOfRange { liquidity: before.gross, delta: gross_delta };
        let gross = before.gross.checked_add_signed(gross_delta).ok_or(out_of_range)?;
        let max = spacing.max_liquidity_per_tick();
        if gross > max {
            return Err(MathError::TickLiquidityExceeded { tick, gross, max });
        }
        let net = before.net.checked_add(net_delta).ok_or(out_of_range)?;
        Ok(TickInfo { gross, net })
    }

    fn put(&mut self, tick: Tick, info: TickInfo) {
        match self.ticks.binary_search(&tick.get()) {
            Ok(index) if info.gross == 0 => {
                self.ticks.remove(index);
                self.entries.remove(index);
            }
            Ok(index) => self.entries[index].info = info,
            Err(index) => self.insert(index, tick, info),
        }
    }

    fn insert(&mut self, index: usize, tick: Tick, info: TickInfo) {
        self.ticks.insert(index, tick.get());
        self.entries.insert(index, Entry { info, sqrt_price: tick.sqrt_price() });
    }

    /// The sum of the nets of all ticks at or below `tick`: what the active liquidity must be there.
    ///
    /// `None` if the sum is negative or overflows, which no history of the contract gives.
    pub fn liquidity_at(&self, tick: i32) -> Option<u128> {
        let end = self.ticks.partition_point(|other| *other <= tick);
        let sum = self.entries[..end]
            .iter()
            .try_fold(0i128, |sum, entry| sum.checked_add(entry.info.net))?;
        u128::try_from(sum).ok()
    }

    /// Whether the nets of all ticks sum to zero, as every position adds and subtracts the same.
    pub fn is_balanced(&self) -> bool {
        self.entries.iter().try_fold(0i128, |sum, entry| sum.checked_add(entry.info.net)) == Some(0)
    }
}

/// Where a swap may go in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextTick {
    /// The tick, clamped to the range of ticks.
    pub tick: Tick,
    /// Its price.
    pub sqrt_price: SqrtPriceX96,
    /// Its net liquidity; `None` if it is not initialized but the border of a bitmap word.
    pub net: Option<i128>,
}

/// A walk over the ticks in one direction, as `TickBitmap.nextInitializedTickWithinOneWord` steps.
#[derive(Debug, Clone)]
pub struct TickCursor<'a> {
    list: &'a TickList,
    spacing: TickSpacing,
    direction: Direction,
    /// Number of ticks at or below the current one.
    below: usize,
}

impl<'a> TickCursor<'a> {
    /// Starts at a pool's stored tick.
    pub fn new(list: &'a TickList, spacing: TickSpacing, direction: Direction, tick: i32) -> Self {
        let below = list.ticks.partition_point(|other| *other <= tick);
        Self { list, spacing, direction, below }
    }

    /// The index of the next initialized tick in the walk's direction.
    #[inline]
    fn candidate(&self) -> Option<usize> {
        match self.direction {
            Direction::ZeroForOne => self.below.checked_sub(1),
            Direction::OneForZero => (self.below < self.list.len()).then_some(self.below),
        }
    }

    /// The next initialized tick from `tick` in the same bitmap word, or else the word's border.
    #[inline]
    pub fn next_within_word(&self, tick: i32) -> NextTick {
        let spacing = self.spacing.get();
        let compressed = self.spacing.compress(tick);
        let border = match self.direction {
            Direction::ZeroForOne => (compressed >> 8) << 8,
            Direction::OneForZero => (compressed + 1) | 0xff,
        };
        if let Some(index) = self.candidate() {
            let candidate = self.list.ticks[index];
            let is_within = match self.direction {
                Direction::ZeroForOne => candidate >= border * spacing,
                Direction::OneForZero => candidate <= border * spacing,
            };
            if is_within {
                return self.initialized(index);
            }
        }
        let tick = Tick::clamped(border * spacing);
        NextTick { tick, sqrt_price: tick.sqrt_price(), net: None }
    }

    /// The next initialized tick, in whatever word.
    pub fn next_initialized(&self) -> Option<NextTick> {
        self.candidate().map(|index| self.initialized(index))
    }

    #[inline]
    fn initialized(&self, index: usize) -> NextTick {
        let entry = &self.list.entries[index];
        NextTick {
            tick: Tick::clamped(self.list.ticks[index]),
            sqrt_price: entry.sqrt_price,
            net: Some(entry.info.net),
        }
    }

    /// Moves past the initialized tick that the walk has reached.
    #[inline]
    pub fn cross(&mut self) {
        match self.direction {
            Direction::ZeroForOne => self.below = self.below.saturating_sub(1),
            Direction::OneForZero => self.below = (self.below + 1).min(self.list.len()),
        }
    }
}
