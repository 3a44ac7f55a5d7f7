//! Order books against what the pools give.

use crate::world::{World, token};
use alloy_primitives::U256;
use proptest::prelude::*;
use std::sync::Arc;
use weir_amm::{Direction, SwapKind};
use weir_arena::{Pool, PoolSnapshot};
use weir_route::{
    BookLevel, BookSide, OrderBook, OrderBookOptions, OrderBooks, RouteError, TokenGraph,
    order_book,
};

const ALL: OrderBookOptions = OrderBookOptions { levels_max: 10_000, depth_bps: 200 };

fn float(value: U256) -> f64 {
    value.to_string().parse().unwrap()
}

/// What a pool takes in a direction until its marginal rate after fee is `rate`, by bisection on integer quotes of a
/// small amount more.
fn input_to_rate(pool: &Pool, way: Direction, rate: f64) -> U256 {
    let out = |amount: u128| {
        pool.quote(way, SwapKind::ExactIn(U256::from(amount))).ok().map(|(_, out)| float(out))
    };
    let (mut low, mut high) = (0u128, 1u128 << 110);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let step = (middle >> 12) + (1 << 24);
        let gained = out(middle + step).zip(out(middle)).map(|(more, less)| more - less);
        if gained.is_some_and(|gained| gained >= rate * step as f64) {
            low = middle
        } else {
            high = middle
        }
    }
    U256::from(low)
}

fn pools<'a>(
    snapshot: &'a PoolSnapshot,
    book: &OrderBook,
    is_ask: bool,
) -> Vec<(&'a Pool, Direction)> {
    let token_in = if is_ask { book.quote } else { book.base };
    let other = if is_ask { book.base } else { book.quote };
    let way = |pool: &'a Pool| {
        let tokens = (pool.statics().token0, pool.statics().token1);
        if tokens == (token_in, other) {
            Some((pool, Direction::ZeroForOne))
        } else {
            (tokens == (other, token_in)).then_some((pool, Direction::OneForZero))
        }
    };
    snapshot.pools().filter_map(|(_, pool)| way(pool)).collect()
}

fn check_side(snapshot: &PoolSnapshot, book: &OrderBook, side: &BookSide, is_ask: bool) {
    let edge = book.mid.unwrap() * if is_ask { 1.02 } else { 0.98 };
    let is_sorted = |pair: &[BookLevel]| {
        if is_ask { pair[0].price <= pair[1].price } else { pair[0].price >= pair[1].price }
    };
    assert!(side.levels.windows(2).all(is_sorted) && !side.is_truncated);
    let is_inside = |level: &BookLevel| {
        if is_ask { level.price <= edge * 1.000_001 } else { level.price >= edge * 0.999_999 }
    };
    assert!(side.levels.iter().all(is_inside));
    // The levels integrate to the depth, and the depth is what the pools give.
    let base: f64 = side.levels.iter().map(|level| level.base).sum();
    let quote: f64 = side.levels.iter().map(|level| level.quote).sum();
    let (paid, got) = if is_ask { (quote, base) } else { (base, quote) };
    let (depth_in, depth_out) = (float(side.depth.amount_in), float(side.depth.amount_out));
    let unit = 1e6;
    assert!((paid - depth_in).abs() <= 1e-9 * depth_in + unit, "{paid} {depth_in}");
    assert!((got - depth_out).abs() <= 1e-8 * depth_out + unit, "{got} {depth_out}");
    let rate = if is_ask { 1.0 / edge } else { edge };
    let mut expected_in = 0.0;
    for (pool, way) in pools(snapshot, book, is_ask) {
        expected_in += float(input_to_rate(pool, way, rate));
    }
    // The probe looks a four-thousandth of the amount ahead.
    assert!((depth_in - expected_in).abs() <= 1e-2 * depth_in + 1e9, "{depth_in} {expected_in}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn depth_is_what_swaps_give(seed: u64) {
        let mut world = World::new(seed, 2, 4);
        let snapshot = world.snapshot();
        let graph = TokenGraph::new(&snapshot, None);
        for pair in [(token(0), token(1)), (token(1), token(0))] {
            let book = order_book(&snapshot, &graph, pair, ALL).unwrap();
            if book.mid.is_none() {
                continue;
            }
            prop_assert_eq!((book.pools, book.pools_left_out), (4, 0));
            check_side(&snapshot, &book, &book.asks, true);
            check_side(&snapshot, &book, &book.bids, false);
        }
    }

    #[test]
    fn cached_books_are_fresh_books(seed: u64, touches in prop::collection::vec(0..4usize, 1..12)) {
        let mut world = World::new(seed, 3, 8);
        let mut books = OrderBooks::new(3);
        for touched in touches {
            let dirty = world.block(touched);
            books.invalidate(&dirty);
            let snapshot = world.snapshot();
            let graph = TokenGraph::new(&snapshot, None);
            for pair in [(0, 1), (1, 2), (0, 2), (1, 0)] {
                let pair = (token(pair.0), token(pair.1));
                let options = OrderBookOptions::default();
                let cached = books.get(&snapshot, &graph, pair, options);
                let fresh = order_book(&snapshot, &graph, pair, options);
                let (Ok(cached), Ok(fresh)) = (&cached, &fresh) else {
                    prop_assert_eq!(cached.as_ref().err(), fresh.as_ref().err());
                    continue;
                };
                prop_assert!(cached.block.unwrap().number <= fresh.block.unwrap().number);
                let same = OrderBook { block: cached.block, generation: cached.generation, ..fresh.clone() };
                prop_assert_eq!(&**cached, &same);
            }
            prop_assert!(books.len() <= 3);
        }
    }
}

#[test]
fn a_book_is_made_once_until_a_pool_changes() {
    let mut world = World::new(9, 2, 3);
    let mut books = OrderBooks::default();
    let pair = (token(0), token(1));
    let mut ask = |world: &mut World, dirty: &[_]| {
        books.invalidate(dirty);
        let snapshot = world.snapshot();
        let graph = TokenGraph::new(&snapshot, None);
        books.get(&snapshot, &graph, pair, OrderBookOptions::default()).unwrap()
    };
    let first = ask(&mut world, &[]);
    let dirty = world.block(0);
    assert!(Arc::ptr_eq(&first, &ask(&mut world, &dirty)));
    let dirty = world.block(1);
    assert!(!dirty.is_empty());
    let second = ask(&mut world, &dirty);
    assert!(!Arc::ptr_eq(&first, &second));
    // A halted pool leaves the book.
    let key = world.arena.pools().next().unwrap().1.statics().key;
    let event = world.contradiction(key);
    let dirty = world.apply(vec![event]);
    let third = ask(&mut world, &dirty);
    assert_eq!((second.pools, second.pools_left_out), (3, 0));
    assert_eq!((third.pools, third.pools_left_out), (2, 1));
}

#[test]
fn levels_left_out_are_told_and_still_count_as_depth() {
    let mut world = World::new(4, 2, 6);
    let snapshot = world.snapshot();
    let graph = TokenGraph::new(&snapshot, None);
    let pair = (token(0), token(1));
    let all = order_book(&snapshot, &graph, pair, ALL).unwrap();
    let few = OrderBookOptions { levels_max: 3, ..ALL };
    let few = order_book(&snapshot, &graph, pair, few).unwrap();
    assert!(few.asks.is_truncated && few.bids.is_truncated);
    assert_eq!(few.asks.levels, all.asks.levels[..3]);
    assert_eq!((few.asks.depth, few.bids.depth), (all.asks.depth, all.bids.depth));
    assert_eq!((few.mid, few.spread_bps), (all.mid, all.spread_bps));
}

#[test]
fn refusals_are_typed() {
    let mut world = World::new(4, 2, 6);
    let snapshot = world.snapshot();
    let graph = TokenGraph::new(&snapshot, None);
    let ask = |pair, options| order_book(&snapshot, &graph, pair, options).unwrap_err();
    let pair = (token(0), token(1));
    let wide = OrderBookOptions { depth_bps: 5001, ..ALL };
    let range = |option, value, max| RouteError::OptionOutOfRange { option, value, min: 1, max };
    assert_eq!(ask(pair, wide), range("depth_bps", 5001, 5000));
    assert_eq!(
        ask(pair, OrderBookOptions { levels_max: 0, ..ALL }),
        range("levels_max", 0, 10_000)
    );
    assert_eq!(ask((token(0), token(0)), ALL), RouteError::SameToken { token: token(0) });
    assert_eq!(ask((token(7), token(0)), ALL), RouteError::UnknownToken { token: token(7) });
}
