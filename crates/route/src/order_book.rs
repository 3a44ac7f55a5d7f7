//! Pools of a pair as an order book.

use crate::{
    RouteError, TokenGraph,
    float::{from_f64, to_f64},
};
use alloy_primitives::{Address, U256};
use std::cmp::Ordering;
use weir_amm::{Direction, SwapKind};
use weir_arena::{CurveRange, Pool, PoolSnapshot};
use weir_primitives::BlockRef;

/// Basis points of a whole.
const BPS: f64 = 10_000.0;
/// The widest window of a book, to either side.
pub const DEPTH_BPS_MAX: u32 = 5_000;
/// The most levels of a side.
pub const LEVELS_MAX: usize = 10_000;
/// How far the price moves within one level, at most.
const LEVEL_BPS: f64 = 10.0;

/// What of a book is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderBookOptions {
    /// The most levels of a side, one to [`LEVELS_MAX`]; the best are kept.
    pub levels_max: usize,
    /// How far from the middle, in hundredths of a per cent, one to [`DEPTH_BPS_MAX`].
    pub depth_bps: u32,
}

impl Default for OrderBookOptions {
    /// Fifty levels, two per cent.
    fn default() -> Self {
        Self { levels_max: 50, depth_bps: 200 }
    }
}

/// An amount that may be traded at about one price.
///
/// A level is a liquidity range of one pool, or a part of it in which the price moves by a tenth of a per cent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BookLevel {
    /// Average price of the level, fee included: quote units for a base unit, both the smallest of their tokens.
    pub price: f64,
    /// Amount of the base token, in its smallest unit.
    pub base: f64,
    /// Amount of the quote token, in its smallest unit.
    pub quote: f64,
}

/// What a side takes and gives until the price has gone to the edge of the window, by quotes in integers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BookDepth {
    /// Of the quote token for asks, of the base token for bids.
    pub amount_in: U256,
    /// Of the base token for asks, of the quote token for bids.
    pub amount_out: U256,
}

/// One side of a book.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BookSide {
    /// The best price first.
    pub levels: Vec<BookLevel>,
    /// All that is in the window, levels left out included.
    pub depth: BookDepth,
    /// Whether levels were left out.
    pub is_truncated: bool,
}

/// Prices and amounts of all live pools of a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderBook {
    /// The block on whose state the book was made. It holds until an event says otherwise.
    pub block: Option<BlockRef>,
    /// Generation of that state.
    pub generation: u64,
    /// The token that is bought and sold.
    pub base: Address,
    /// The token that it is paid in.
    pub quote: Address,
    /// Decimals of base and quote where a pool knows them, for display only.
    pub decimals: Option<(u8, u8)>,
    /// The middle of the best ask and the best bid, in quote units for a base unit; `None` if a side has no pool.
    pub mid: Option<f64>,
    /// The best ask less the best bid, in hundredths of a per cent of the middle; negative if pools cross each other.
    pub spread_bps: Option<f64>,
    /// What sells the base token. A taker pays quote.
    pub asks: BookSide,
    /// What buys the base token. A taker pays base.
    pub bids: BookSide,
    /// Live pools in the book.
    pub pools: usize,
    /// Pools of the pair that are not live, and not in the book.
    pub pools_left_out: usize,
}

impl OrderBook {
    /// What a price is multiplied with to be in whole tokens; `None` if decimals are not known.
    pub fn price_scale(&self) -> Option<f64> {
        self.decimals.map(|(base, quote)| 10f64.powi(i32::from(base) - i32::from(quote)))
    }
}

/// The book of a pair, from pools that trade the two tokens for each other.
pub fn order_book(
    snapshot: &PoolSnapshot,
    graph: &TokenGraph,
    (base, quote): (Address, Address),
    options: OrderBookOptions,
) -> Result<OrderBook, RouteError> {
    graph.require_of(snapshot)?;
    options.validate()?;
    let (base_idx, quote_idx) = (graph.require_token(base)?, graph.require_token(quote)?);
    if base_idx == quote_idx {
        return Err(RouteError::SameToken { token: base });
    }
    let edges = graph.edges_between(base_idx, quote_idx);
    let pools: Vec<(&Pool, Direction)> = edges
        .iter()
        .filter_map(|edge| Some((snapshot.pool(edge.pool)?, edge.direction)))
        .filter(|(pool, selling)| pool.curve(*selling).is_some())
        .collect();
    // Selling base is the direction of the edge from base to quote.
    let bid = best_rate(pools.iter().copied());
    let ask = best_rate(pools.iter().map(|(pool, selling)| (*pool, selling.opposite())))
        .map(|rate| 1.0 / rate);
    let mid = bid.zip(ask).map(|(bid, ask)| f64::midpoint(bid, ask));
    let depth = f64::from(options.depth_bps) / BPS;
    let mut book = OrderBook {
        block: snapshot.tip(),
        generation: snapshot.generation(),
        base,
        quote,
        decimals: decimals(&pools),
        mid,
        spread_bps: bid.zip(ask).zip(mid).map(|((bid, ask), mid)| (ask - bid) / mid * BPS),
        asks: BookSide::default(),
        bids: BookSide::default(),
        pools: pools.len(),
        pools_left_out: edges.len() - pools.len(),
    };
    if let Some(mid) = mid {
        let buying = pools.iter().map(|(pool, selling)| (*pool, selling.opposite()));
        book.asks = side(buying, 1.0 / (mid * (1.0 + depth)), options.levels_max, true);
        book.bids = side(pools.iter().copied(), mid * (1.0 - depth), options.levels_max, false);
    }
    Ok(book)
}

impl OrderBookOptions {
    fn validate(&self) -> Result<(), RouteError> {
        let values = [
            ("levels_max", self.levels_max as u64, LEVELS_MAX as u64),
            ("depth_bps", u64::from(self.depth_bps), u64::from(DEPTH_BPS_MAX)),
        ];
        for (option, value, max) in values {
            if !(1..=max).contains(&value) {
                return Err(RouteError::OptionOutOfRange { option, value, min: 1, max });
            }
        }
        Ok(())
    }
}

fn best_rate<'a>(pools: impl Iterator<Item = (&'a Pool, Direction)>) -> Option<f64> {
    let rates = pools.filter_map(|(pool, way)| Some(pool.curve(way)?.ranges().next()?.price()));
    rates.filter(|rate| *rate > 0.0).max_by(|a, b| a.total_cmp(b))
}

/// Decimals as the first pool that knows them has them, in the order base, quote.
fn decimals(pools: &[(&Pool, Direction)]) -> Option<(u8, u8)> {
    pools.iter().find_map(|(pool, selling)| {
        let (decimals0, decimals1) = pool.statics().decimals?;
        Some(if selling.is_zero_for_one() {
            (decimals0, decimals1)
        } else {
            (decimals1, decimals0)
        })
    })
}

/// All that the pools give at a marginal rate of at least `rate`, output for input.
fn side<'a>(
    pools: impl Iterator<Item = (&'a Pool, Direction)>,
    rate: f64,
    levels_max: usize,
    is_ask: bool,
) -> BookSide {
    let mut side = BookSide::default();
    for (pool, way) in pools {
        let Some(curve) = pool.curve(way) else { continue };
        let mut taken = 0.0;
        for range in curve.ranges() {
            let input = range.input_to_rate(rate);
            if input <= 0.0 {
                break;
            }
            taken += input;
            push_levels(&mut side.levels, range, input, is_ask);
        }
        side.depth = side.depth.plus(exact_depth(pool, way, taken));
    }
    side.levels.sort_by(|a, b| {
        let order = a.price.partial_cmp(&b.price).unwrap_or(Ordering::Equal);
        if is_ask { order } else { order.reverse() }
    });
    side.is_truncated = side.levels.len() > levels_max;
    side.levels.truncate(levels_max);
    side
}

/// Cuts the first `input` of a range into levels.
fn push_levels(levels: &mut Vec<BookLevel>, range: CurveRange, input: f64, is_ask: bool) {
    let (mut rest, mut left) = (range, input);
    while left > 0.0 {
        let step = rest.input_to_rate(rest.price() / (1.0 + LEVEL_BPS / BPS));
        // What would be less than a hundredth of a level joins the last one.
        let amount_in = if step <= 0.0 || left < step * 1.01 { left } else { step };
        let amount_out = rest.out(amount_in);
        let (base, quote) = if is_ask { (amount_out, amount_in) } else { (amount_in, amount_out) };
        levels.push(BookLevel { price: quote / base, base, quote });
        rest = rest.after(amount_in);
        left -= amount_in;
    }
}

/// The whole part of an input, or as much of it as the pool takes, quoted in integers.
fn exact_depth(pool: &Pool, way: Direction, amount_in: f64) -> BookDepth {
    let Some(amount_in) = from_f64(amount_in) else { return BookDepth::default() };
    let quoted = pool.quote(way, SwapKind::ExactIn(amount_in)).or_else(|error| match error {
        weir_amm::QuoteError::InsufficientLiquidity { available, .. } => {
            pool.quote(way, SwapKind::ExactIn(available))
        }
        _ => Err(error),
    });
    // An amount that gives nothing is no depth.
    let (amount_in, amount_out) = quoted.unwrap_or_default();
    BookDepth { amount_in, amount_out }
}

impl BookDepth {
    fn plus(self, other: Self) -> Self {
        Self {
            amount_in: self.amount_in.saturating_add(other.amount_in),
            amount_out: self.amount_out.saturating_add(other.amount_out),
        }
    }

    /// Average output for one unit of input; `None` if there is nothing.
    pub fn rate(&self) -> Option<f64> {
        (!self.amount_in.is_zero()).then(|| to_f64(self.amount_out) / to_f64(self.amount_in))
    }
}
