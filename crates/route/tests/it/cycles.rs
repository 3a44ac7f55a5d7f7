//! Enumerated cycles against all walks.

use crate::world::{World, token};
use alloy_primitives::Address;
use proptest::prelude::*;
use std::collections::BTreeSet;
use weir_amm::Direction;
use weir_arena::{PoolIdx, PoolSnapshot};
use weir_route::{CycleOptions, CycleSet, CyclesTruncated, Hop, TokenGraph, TruncationCause};

type Walk = Vec<(PoolIdx, bool)>;

/// Every closed walk from `base` over distinct tokens and pools, by trying all pools at every step.
fn walks(snapshot: &PoolSnapshot, base: Address, avoid: &[Address], hops_max: usize) -> Vec<Walk> {
    let mut found = Vec::new();
    let mut open: Vec<(Vec<Address>, Walk)> = vec![(vec![base], Vec::new())];
    while let Some((tokens, walk)) = open.pop() {
        for (idx, pool) in snapshot.pools() {
            let (token0, token1) = (pool.statics().token0, pool.statics().token1);
            let at = *tokens.last().unwrap();
            let is_used = walk.iter().any(|(used, _)| *used == idx);
            if is_used || (at != token0 && at != token1) || walk.len() == hops_max {
                continue;
            }
            let next = if at == token0 { token1 } else { token0 };
            let longer = [walk.clone(), vec![(idx, at == token0)]].concat();
            if next == base {
                found.push(longer);
            } else if !tokens.contains(&next) && !avoid.contains(&next) {
                open.push(([tokens.clone(), vec![next]].concat(), longer));
            }
        }
    }
    found
}

fn walk_of(hops: impl Iterator<Item = Hop>) -> Walk {
    hops.map(|hop| (hop.pool, hop.direction == Direction::ZeroForOne)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_simple_cycle_is_enumerated_once(seed: u64, tokens in 2..6usize, pools in 1..14usize, bases in 1..4usize, hops_max in 2..=4usize) {
        let mut world = World::new(seed, tokens, pools);
        let snapshot = world.snapshot();
        let graph = TokenGraph::new(&snapshot, None);
        let bases: Vec<Address> = (0..bases).map(token).collect();
        let set = CycleSet::enumerate(&graph, &bases, CycleOptions { hops_max, ..CycleOptions::default() });
        prop_assert_eq!(set.truncated(), None);
        let mut expected = BTreeSet::new();
        for (rank, base) in bases.iter().enumerate() {
            for walk in walks(&snapshot, *base, &bases[..rank], hops_max) {
                prop_assert!(expected.insert(walk));
            }
        }
        let mut found = BTreeSet::new();
        for cycle in 0..set.len() as u32 {
            for is_reverse in [false, true] {
                prop_assert!(found.insert(walk_of(set.hops(cycle, is_reverse))), "each once");
            }
        }
        prop_assert_eq!(&found, &expected);
        for (idx, _) in snapshot.pools() {
            let through: Vec<u32> = (0..set.len() as u32).filter(|cycle| set.hops(*cycle, false).any(|hop| hop.pool == idx)).collect();
            prop_assert_eq!(set.through(idx), &through[..]);
        }
    }

    #[test]
    fn a_bound_cuts_the_longest_cycles_and_says_so(seed: u64, cycles_max in 0..40usize) {
        let mut world = World::new(seed, 4, 12);
        let snapshot = world.snapshot();
        let graph = TokenGraph::new(&snapshot, None);
        let bases = [token(0), token(1)];
        let all = CycleSet::enumerate(&graph, &bases, CycleOptions { hops_max: 4, ..CycleOptions::default() });
        let cut = CycleSet::enumerate(&graph, &bases, CycleOptions { hops_max: 4, cycles_max });
        for cycle in 0..cut.len() as u32 {
            prop_assert_eq!(walk_of(cut.hops(cycle, false)), walk_of(all.hops(cycle, false)));
        }
        match cut.truncated() {
            None => prop_assert_eq!(cut.len(), all.len()),
            Some(CyclesTruncated { kept, hops, cause, .. }) => {
                prop_assert!(kept == cut.len() && kept <= cycles_max);
                prop_assert!(kept == cycles_max || cause == TruncationCause::Visits);
                let longest = (0..kept as u32).map(|cycle| cut.hops(cycle, false).len()).max().unwrap_or(2);
                prop_assert!(longest <= hops);
            }
        }
    }
}

#[test]
fn the_native_coin_and_its_wrapped_token_are_one() {
    use weir_arena::{ArenaConfig, PoolArena, PoolKey, PoolStatic, Protocol};
    let mut arena = PoolArena::new(ArenaConfig::new(1));
    for (number, tokens) in [(1, (Address::ZERO, token(5))), (2, (token(3), token(5)))] {
        let statics = PoolStatic {
            key: PoolKey::address(1, Address::repeat_byte(number)),
            protocol: Protocol::UniswapV3,
            token0: tokens.0,
            token1: tokens.1,
            fee_pips: 500,
            tick_spacing: 10,
            factory: Address::ZERO,
            hooks: alloy_primitives::Address::ZERO,
            decimals: None,
        };
        arena.add_pool(statics).unwrap();
    }
    let snapshot = arena.snapshot();
    let apart = TokenGraph::new(&snapshot, None);
    let options = CycleOptions::default();
    assert!(CycleSet::enumerate(&apart, &[token(5)], options).is_empty());
    assert_eq!(apart.tokens().len(), 3);
    let unified = TokenGraph::new(&snapshot, Some(token(3)));
    assert_eq!(unified.tokens(), [token(3), token(5)]);
    assert_eq!(unified.pools_between(Address::ZERO, token(5)).count(), 2);
    for base in [token(5), token(3), Address::ZERO] {
        assert_eq!(CycleSet::enumerate(&unified, &[base], options).len(), 1);
    }
}
