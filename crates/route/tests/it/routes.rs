//! Routes against every simple path.

use crate::world::{World, token};
use alloy_primitives::{Address, B256, U256};
use proptest::prelude::*;
use std::collections::BTreeSet;
use weir_amm::{Direction, Reserves, SwapKind};
use weir_arena::{
    ArenaConfig, Hydration, PoolArena, PoolIdx, PoolKey, PoolSnapshot, PoolStatic, Protocol,
};
use weir_primitives::BlockRef;
use weir_route::{
    Conversion, GasSchedule, GasTerms, ROUTE_HOPS_MAX, Route, RouteError, RouteGas, RouteLeg,
    RouteOptions, TokenGraph, TokenPrice, best_route, cheapest_route,
};

const fn options(hops_max: usize, splits_max: usize) -> RouteOptions {
    RouteOptions { hops_max, splits_max, gas: None }
}

/// Every simple path between two tokens, by trying all pools at every step.
fn paths(
    snapshot: &PoolSnapshot,
    ends: (Address, Address),
    hops_max: usize,
) -> Vec<Vec<(PoolIdx, Direction)>> {
    let mut found = Vec::new();
    let mut open = vec![(vec![ends.0], Vec::new())];
    while let Some((tokens, path)) = open.pop() {
        let at = *tokens.last().unwrap();
        if at == ends.1 {
            found.push(path);
            continue;
        }
        for (idx, pool) in snapshot.pools().filter(|_| path.len() < hops_max) {
            let (token0, token1) = (pool.statics().token0, pool.statics().token1);
            let (next, direction) = match at {
                at if at == token0 => (token1, Direction::ZeroForOne),
                at if at == token1 => (token0, Direction::OneForZero),
                _ => continue,
            };
            if !tokens.contains(&next) {
                let longer = [path.clone(), vec![(idx, direction)]].concat();
                open.push(([tokens.clone(), vec![next]].concat(), longer));
            }
        }
    }
    found
}

fn out(snapshot: &PoolSnapshot, path: &[(PoolIdx, Direction)], amount: U256) -> Option<U256> {
    path.iter().try_fold(amount, |amount, (idx, direction)| {
        let pool = snapshot.pool(*idx).unwrap();
        pool.quote(*direction, SwapKind::ExactIn(amount)).ok().map(|(_, out)| out)
    })
}

fn cost(snapshot: &PoolSnapshot, path: &[(PoolIdx, Direction)], amount: U256) -> Option<U256> {
    path.iter().rev().try_fold(amount, |amount, (idx, direction)| {
        let pool = snapshot.pool(*idx).unwrap();
        pool.quote(*direction, SwapKind::ExactOut(amount)).ok().map(|(cost, _)| cost)
    })
}

fn path_of(snapshot: &PoolSnapshot, leg: &RouteLeg) -> Vec<(PoolIdx, Direction)> {
    let hop = |hop: &weir_route::HopQuote| {
        let idx = snapshot.find(&hop.pool).unwrap();
        let is_zero = snapshot.pool(idx).unwrap().statics().token0 == hop.token_in;
        (idx, if is_zero { Direction::ZeroForOne } else { Direction::OneForZero })
    };
    leg.hops.iter().map(hop).collect()
}

/// A route is what its pools give, its legs share no pool, and nothing of the input is lost.
fn check(snapshot: &PoolSnapshot, route: &Route, amount_in: U256) {
    assert_eq!(route.amount_in, amount_in);
    assert_eq!(route.legs.iter().map(|leg| leg.amount_in).sum::<U256>(), amount_in);
    assert_eq!(route.legs.iter().map(|leg| leg.amount_out).sum::<U256>(), route.amount_out);
    let mut used = BTreeSet::new();
    for leg in &route.legs {
        let path = path_of(snapshot, leg);
        assert!(path.iter().all(|(idx, _)| used.insert(*idx)), "a pool is traded with once");
        assert_eq!(out(snapshot, &path, leg.amount_in), Some(leg.amount_out));
        assert_eq!(leg.hops[0].token_in, route.token_in);
        assert_eq!(leg.hops.last().unwrap().token_out, route.token_out);
        assert!(leg.hops.windows(2).all(|pair| pair[0].amount_out == pair[1].amount_in));
        assert!(leg.conversions.is_empty());
    }
}

fn float(value: U256) -> f64 {
    value.to_string().parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_best_single_path_is_the_best_of_all(seed: u64, tokens in 2..6usize, pools in 1..13usize, bits in 10..90u32, hops_max in 1..=ROUTE_HOPS_MAX) {
        let mut world = World::new(seed, tokens, pools);
        let snapshot = world.snapshot();
        let graph = TokenGraph::new(&snapshot, None);
        let (ends, amount) = ((token(0), token(1)), U256::from(1u128 << bits));
        let known = graph.tokens().contains(&token(0)) && graph.tokens().contains(&token(1));
        let all = paths(&snapshot, ends, hops_max);
        let most = all.iter().filter_map(|path| out(&snapshot, path, amount)).max();
        match best_route(&snapshot, &graph, ends, amount, &options(hops_max, 1)) {
            Ok(route) => {
                check(&snapshot, &route, amount);
                prop_assert!(route.is_exhaustive && route.legs.len() == 1);
                prop_assert_eq!(Some(route.amount_out), most);
            }
            Err(RouteError::UnknownToken { .. }) => prop_assert!(!known),
            Err(error) => {
                prop_assert_eq!(error, RouteError::NoRoute { token_in: ends.0, token_out: ends.1, amount, hops_max });
                prop_assert_eq!(most, None);
            }
        }
        let least = all.iter().filter_map(|path| cost(&snapshot, path, amount)).min();
        match cheapest_route(&snapshot, &graph, ends, amount, &options(hops_max, 1)) {
            Ok(route) => {
                prop_assert_eq!((Some(route.amount_in), route.amount_out), (least, amount));
                prop_assert_eq!(cost(&snapshot, &path_of(&snapshot, &route.legs[0]), amount), least);
            }
            Err(_) => prop_assert_eq!(least, None),
        }
    }

    #[test]
    fn a_split_gives_at_least_what_any_single_path_gives(seed: u64, bits in 30..85u32, splits_max in 2..5usize, shifts in prop::collection::vec((0..5usize, 0..5usize, 1..1000u64), 20)) {
        let mut world = World::new(seed, 4, 14);
        let snapshot = world.snapshot();
        let graph = TokenGraph::new(&snapshot, None);
        let (ends, amount) = ((token(0), token(1)), U256::from(1u128 << bits));
        let most = paths(&snapshot, ends, 3).iter().filter_map(|path| out(&snapshot, path, amount)).max();
        let Ok(route) = best_route(&snapshot, &graph, ends, amount, &options(3, splits_max)) else {
            prop_assert_eq!(most, None);
            return Ok(());
        };
        check(&snapshot, &route, amount);
        prop_assert!(route.legs.len() <= splits_max);
        prop_assert!(Some(route.amount_out) >= most);
        if let Some(bound) = route.bound {
            prop_assert!(float(route.amount_out) <= bound * (1.0 + 1e-9), "{} {bound}", route.amount_out);
            // Rounding loses units of tokens of which one may be worth ten thousand of another.
            prop_assert!(float(route.amount_out) >= bound * (1.0 - 1e-6) - 1e6, "{} {bound}", route.amount_out);
        }
        // Moving a part of the input from one leg to another does not help, up to rounding.
        let legs: Vec<_> = route.legs.iter().map(|leg| (path_of(&snapshot, leg), leg.amount_in)).collect();
        for (from, to, permille) in shifts {
            let (from, to) = (from % legs.len(), to % legs.len());
            let moved = legs[from].1 * U256::from(permille) / U256::from(1000);
            let shifted = legs.iter().enumerate().map(|(index, (path, share))| {
                let share = if index == from { *share - moved } else { *share };
                let share = if index == to { share + moved } else { share };
                if share.is_zero() { Some(U256::ZERO) } else { out(&snapshot, path, share) }
            });
            if let Some(sum) = shifted.sum::<Option<U256>>() {
                prop_assert!(float(sum) <= float(route.amount_out) * (1.0 + 1e-9) + 1e5);
            }
        }
    }
}

#[test]
fn gas_keeps_trades_simple() {
    let mut simpler = 0;
    for seed in 0..20 {
        let mut world = World::new(seed, 4, 14);
        let snapshot = world.snapshot();
        let graph = TokenGraph::new(&snapshot, None);
        let (ends, amount) = ((token(0), token(1)), U256::from(10u128.pow(19)));
        let free = best_route(&snapshot, &graph, ends, amount, &options(4, 4)).unwrap();
        let gas = RouteGas {
            terms: GasTerms { base_fee: 10u64.pow(12), priority_fee: 0 },
            schedule: GasSchedule::default(),
            price: TokenPrice::NATIVE,
        };
        let dear = RouteOptions { gas: Some(gas), ..options(4, 4) };
        let route = best_route(&snapshot, &graph, ends, amount, &dear).unwrap();
        check(&snapshot, &route, amount);
        let net = |route: &Route| {
            gas.price
                .value(route.amount_out)
                .unwrap()
                .saturating_sub(gas.terms.cost(route.gas).try_into().unwrap())
        };
        assert!(net(&route) >= net(&free) && route.amount_out <= free.amount_out);
        simpler += u32::from(route.gas < free.gas);
    }
    assert!(simpler > 5, "gas this dear is worth saving: simpler={simpler}");
}

#[test]
fn refusals_are_typed() {
    let mut world = World::new(2, 3, 6);
    let snapshot = world.snapshot();
    let graph = TokenGraph::new(&snapshot, None);
    let ask = |ends, options| {
        best_route(&snapshot, &graph, ends, U256::from(1000), &options).unwrap_err()
    };
    let ends = (token(0), token(1));
    assert_eq!(ask((token(0), token(0)), options(3, 1)), RouteError::SameToken { token: token(0) });
    assert_eq!(
        ask((token(0), token(9)), options(3, 1)),
        RouteError::UnknownToken { token: token(9) }
    );
    let range = |option, value, max| RouteError::OptionOutOfRange { option, value, min: 1, max };
    assert_eq!(ask(ends, options(5, 1)), range("hops_max", 5, 4));
    assert_eq!(ask(ends, options(3, 0)), range("splits_max", 0, 8));
    let amount = U256::MAX;
    let huge = best_route(&snapshot, &graph, ends, amount, &options(3, 2)).unwrap_err();
    assert_eq!(
        huge,
        RouteError::NoRoute { token_in: ends.0, token_out: ends.1, amount, hops_max: 3 }
    );
    let zero = best_route(&snapshot, &graph, ends, U256::ZERO, &options(3, 2)).unwrap_err();
    assert!(matches!(zero, RouteError::NoRoute { .. }));
    world.add_pool();
    let stale = best_route(&world.snapshot(), &graph, ends, amount, &options(3, 2)).unwrap_err();
    assert!(matches!(stale, RouteError::StaleGraph { .. }));
}

#[test]
fn the_native_coin_is_wrapped_on_the_way() {
    let mut arena = PoolArena::new(ArenaConfig::new(1));
    let hash = B256::with_last_byte(1);
    arena.restart_at(BlockRef { number: 1, hash, parent_hash: B256::ZERO, timestamp: 0 });
    let (wrapped, usd, other) = (token(3), token(5), token(7));
    for (number, tokens) in [(1, (Address::ZERO, usd)), (2, (wrapped, other))] {
        let statics = PoolStatic {
            key: PoolKey::address(1, Address::repeat_byte(number)),
            protocol: Protocol::UniswapV2,
            token0: tokens.0,
            token1: tokens.1,
            fee_pips: 3000,
            tick_spacing: 0,
            factory: Address::ZERO,
            hooks: alloy_primitives::Address::ZERO,
            decimals: None,
        };
        arena.add_pool(statics).unwrap();
        let reserves = Reserves { reserve0: 10u128.pow(24), reserve1: 10u128.pow(24) };
        arena.hydrate(&statics.key, hash, Hydration::V2(reserves)).unwrap();
    }
    let snapshot = arena.snapshot();
    let graph = TokenGraph::new(&snapshot, Some(wrapped));
    let amount = U256::from(10u128.pow(18));
    let conversions = |from, to| {
        let route = best_route(&snapshot, &graph, (from, to), amount, &options(2, 1)).unwrap();
        let schedule = GasSchedule::default();
        let hops = schedule.constant_hop * route.legs[0].hops.len() as u64;
        let wraps = schedule.conversion * route.legs[0].conversions.len() as u64;
        assert_eq!(route.gas, schedule.transaction + hops + wraps);
        route.legs[0].conversions.clone()
    };
    let change = |before_hop, from, to| vec![Conversion { before_hop, from, to }];
    assert_eq!(conversions(usd, other), change(1, Address::ZERO, wrapped));
    assert_eq!(conversions(other, usd), change(1, wrapped, Address::ZERO));
    assert_eq!(conversions(usd, Address::ZERO), vec![]);
    assert_eq!(conversions(usd, wrapped), change(1, Address::ZERO, wrapped));
    assert_eq!(conversions(wrapped, usd), change(0, wrapped, Address::ZERO));
    let same = best_route(&snapshot, &graph, (wrapped, Address::ZERO), amount, &options(2, 1));
    assert_eq!(same.unwrap_err(), RouteError::SameToken { token: wrapped });
}
