//! Quotes over paths against the pools one by one.

use alloy_primitives::{Address, B256, U256};
use proptest::prelude::*;
use std::sync::Arc;
use weir_amm::{Direction, Liquidity, QuoteError, Reserves, SwapKind, Tick, TickInfo, V3Slot};
use weir_arena::{
    ArenaConfig, Hydration, PoolArena, PoolKey, PoolSnapshot, PoolStatic, PoolStatus, Protocol,
};
use weir_primitives::BlockRef;
use weir_route::{HOPS_MAX, Path, RouteError, quote};

const CHAIN_ID: u64 = 1;

fn token(number: u8) -> Address {
    Address::with_last_byte(number)
}

fn key(number: u8) -> PoolKey {
    PoolKey::address(CHAIN_ID, Address::with_last_byte(0x80 + number))
}

fn row(number: u8, protocol: Protocol, tokens: (u8, u8)) -> PoolStatic {
    PoolStatic {
        key: key(number),
        protocol,
        token0: token(tokens.0),
        token1: token(tokens.1),
        fee_pips: 3000,
        tick_spacing: if protocol == Protocol::UniswapV3 { 60 } else { 0 },
        factory: Address::ZERO,
        hooks: Address::ZERO,
        decimals: None,
    }
}

/// Pool 0 (V2, tokens 1 and 2), pool 1 (V3, 2 and 3), pool 2 (V2, 1 and 3), pool 3 (V3, 1 and 3, never hydrated),
/// pool 4 (V3, 1 and 2, without a price).
fn arena() -> PoolArena {
    let mut arena = PoolArena::new(ArenaConfig::new(CHAIN_ID));
    let hash = B256::with_last_byte(7);
    arena.restart_at(BlockRef { number: 5, hash, parent_hash: B256::ZERO, timestamp: 0 });
    let rows = [
        row(0, Protocol::UniswapV2, (1, 2)),
        row(1, Protocol::UniswapV3, (2, 3)),
        row(2, Protocol::UniswapV2, (1, 3)),
        row(3, Protocol::UniswapV3, (1, 3)),
        row(4, Protocol::UniswapV3, (1, 2)),
    ];
    assert_eq!(arena.set_pools(&rows).added.len(), rows.len());
    let reserves = |reserve0, reserve1| Hydration::V2(Reserves { reserve0, reserve1 });
    arena.hydrate(&key(0), hash, reserves(10u128.pow(24), 2 * 10u128.pow(24))).unwrap();
    arena.hydrate(&key(2), hash, reserves(10u128.pow(23), 3 * 10u128.pow(23))).unwrap();
    let start = Tick::new(1234).unwrap();
    let liquidity = 10u128.pow(24);
    let slot =
        V3Slot { sqrt_price: start.sqrt_price(), tick: 1234, liquidity: Liquidity::new(liquidity) };
    let end = |tick, net| (Tick::new(tick).unwrap(), TickInfo { gross: liquidity, net });
    let ticks = vec![end(-6000, liquidity as i128), end(6000, -(liquidity as i128))];
    arena.hydrate(&key(1), hash, Hydration::V3 { slot, fee_protocol: 0, ticks }).unwrap();
    let new = Hydration::V3 { slot: V3Slot::default(), fee_protocol: 0, ticks: Vec::new() };
    arena.hydrate(&key(4), hash, new).unwrap();
    arena
}

fn snapshot() -> Arc<PoolSnapshot> {
    arena().snapshot()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn hops_give_what_the_pools_give_one_by_one(amount in 1..10u128.pow(23), is_forward: bool) {
        let snapshot = snapshot();
        let tokens = if is_forward { [token(1), token(2), token(3), token(1)] } else { [token(1), token(3), token(2), token(1)] };
        let pools = if is_forward { [key(0), key(1), key(2)] } else { [key(2), key(1), key(0)] };
        let path = Path::from_tokens(&snapshot, &tokens, &pools).unwrap();
        prop_assert!(path.is_cycle());
        let found = quote(&snapshot, &path, SwapKind::ExactIn(U256::from(amount)));
        let mut next = U256::from(amount);
        let mut expected = Ok(());
        for hop in path.hops() {
            match snapshot.pool(hop.pool).unwrap().quote(hop.direction, SwapKind::ExactIn(next)) {
                Ok((_, out)) => next = out,
                Err(source) => {
                    expected = Err(RouteError::Refused { pool: snapshot.pool(hop.pool).unwrap().statics().key, source });
                    break;
                }
            }
        }
        match (found, expected) {
            (Ok(found), Ok(())) => {
                prop_assert_eq!((found.amount_in, found.amount_out), (U256::from(amount), next));
                prop_assert!(found.hops.windows(2).all(|pair| pair[0].amount_out == pair[1].amount_in && pair[0].token_out == pair[1].token_in));
                prop_assert_eq!(found.block.unwrap().number, 5);
            }
            (found, expected) => prop_assert_eq!(found.err(), expected.err()),
        }
    }

    #[test]
    fn exact_in_of_exact_out_gives_at_least_the_target(amount in 1..10u128.pow(22)) {
        let snapshot = snapshot();
        let path = Path::from_pools(&snapshot, token(1), &[key(0), key(1)]).unwrap();
        let target = U256::from(amount);
        let cost = quote(&snapshot, &path, SwapKind::ExactOut(target)).unwrap();
        prop_assert_eq!(cost.amount_out, target);
        let back = quote(&snapshot, &path, SwapKind::ExactIn(cost.amount_in)).unwrap();
        prop_assert!(back.amount_out >= target);
        // A cheaper input is not enough.
        if let Ok(less) = quote(&snapshot, &path, SwapKind::ExactIn(cost.amount_in - U256::ONE)) {
            prop_assert!(less.amount_out <= back.amount_out);
        }
    }
}

#[test]
fn refusals_are_typed() {
    let snapshot = snapshot();
    let from =
        |token_in, pools: &[PoolKey]| Path::from_pools(&snapshot, token_in, pools).unwrap_err();
    assert_eq!(from(token(1), &[]), RouteError::EmptyPath);
    let long = [key(0); HOPS_MAX + 1];
    assert_eq!(
        from(token(1), &long),
        RouteError::TooManyHops { hops: HOPS_MAX + 1, max: HOPS_MAX }
    );
    assert_eq!(from(token(1), &[key(9)]), RouteError::UnknownPool { pool: key(9) });
    assert_eq!(
        from(token(3), &[key(0)]),
        RouteError::TokenNotInPool { pool: key(0), token: token(3) }
    );
    assert_eq!(from(token(1), &[key(0), key(0)]), RouteError::PoolRepeated { pool: key(0) });
    let mut foreign = key(0);
    foreign.chain_id = 2;
    assert_eq!(from(token(1), &[foreign]), RouteError::UnknownPool { pool: foreign });
    let mismatch = Path::from_tokens(&snapshot, &[token(1)], &[key(0)]);
    assert_eq!(mismatch, Err(RouteError::LengthMismatch { tokens: 1, pools: 1 }));
    let broken = [(key(0), Direction::ZeroForOne), (key(2), Direction::ZeroForOne)];
    let expected = RouteError::Unconnected { pool: key(2), expected: token(2), found: token(1) };
    assert_eq!(Path::from_hops(&snapshot, &broken), Err(expected));

    let ask = |pool, amount: u128| {
        let path = Path::from_pools(&snapshot, token(1), &[pool]).unwrap();
        quote(&snapshot, &path, SwapKind::ExactIn(U256::from(amount))).unwrap_err()
    };
    let not_live = |pool, status| RouteError::NotLive { pool, status };
    assert_eq!(ask(key(3), 1), not_live(key(3), PoolStatus::Unsynced));
    assert_eq!(ask(key(4), 1), not_live(key(4), PoolStatus::Uninitialized));
    assert_eq!(
        ask(key(0), 0),
        RouteError::Refused { pool: key(0), source: QuoteError::AmountZero }
    );
    let path = Path::from_pools(&snapshot, token(2), &[key(1)]).unwrap();
    let huge = quote(&snapshot, &path, SwapKind::ExactOut(U256::from(u128::MAX)));
    let Err(RouteError::Refused {
        source: QuoteError::InsufficientLiquidity { available, .. },
        ..
    }) = huge
    else {
        panic!("the pool does not hold that much: {huge:?}");
    };
    assert!(
        quote(&snapshot, &path, SwapKind::ExactOut(available)).is_ok(),
        "what it holds, it gives"
    );
}

#[test]
fn a_path_does_not_outlive_its_topology() {
    let mut arena = arena();
    let path = Path::from_pools(&arena.snapshot(), token(1), &[key(0)]).unwrap();
    arena.add_pool(row(6, Protocol::UniswapV2, (4, 5))).unwrap();
    let snapshot = arena.snapshot();
    let stale = quote(&snapshot, &path, SwapKind::ExactIn(U256::from(1000)));
    assert!(matches!(stale, Err(RouteError::StalePath { .. })));
}
