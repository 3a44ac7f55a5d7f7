//! The engine against brute force, and against itself from scratch.

use crate::world::World;
use alloy_primitives::U256;
use proptest::prelude::*;
use std::collections::BTreeMap;
use weir_amm::SwapKind;
use weir_arena::{PoolIdx, PoolKey, PoolSnapshot, PoolStatus};
use weir_route::{
    CycleSet, GasTerms, Gone, Hop, Opportunity, OpportunityDelta, OpportunityId, PathEngine,
    PathOptions, TokenGraph,
};

const TERMS: GasTerms = GasTerms { base_fee: 7, priority_fee: 1 };

fn out(snapshot: &PoolSnapshot, hops: &[Hop], amount: U256) -> Option<U256> {
    let mut amount = amount;
    for hop in hops {
        let pool = snapshot.pool(hop.pool).unwrap();
        (_, amount) = pool.quote(hop.direction, SwapKind::ExactIn(amount)).ok()?;
    }
    Some(amount)
}

/// Profit as a signed number; refusals are worse than any loss.
fn profit(snapshot: &PoolSnapshot, hops: &[Hop], amount: u128) -> i128 {
    let out = out(snapshot, hops, U256::from(amount)).and_then(|out| i128::try_from(out).ok());
    out.map_or(i128::MIN, |out| out - amount as i128)
}

/// The most profit on a grid of five points an octave, then by ternary search in integers around the best of them.
fn brute_force(snapshot: &PoolSnapshot, hops: &[Hop]) -> (u128, i128) {
    let grid = (0..500).map(|step| 2f64.powf(f64::from(step) / 5.0) as u128);
    let best = grid.max_by_key(|amount| profit(snapshot, hops, *amount)).unwrap();
    let (mut low, mut high) = ((best / 2).max(1), best * 2);
    while high - low > 2 {
        let third = (high - low) / 3;
        let (left, right) = (low + third, high - third);
        if profit(snapshot, hops, left) < profit(snapshot, hops, right) {
            low = left;
        } else {
            high = right;
        }
    }
    let candidates = [best, low, low + 1, high];
    let best = candidates.into_iter().max_by_key(|amount| profit(snapshot, hops, *amount)).unwrap();
    (best, profit(snapshot, hops, best))
}

/// All that counts of an opportunity: the block it was found at may be any since its pools last changed.
fn essence(opportunity: &Opportunity) -> impl PartialEq + std::fmt::Debug + use<> {
    let Opportunity { id, base, amount_in, amount_out, profit, gas, net, hops, .. } = *opportunity;
    let hops: Vec<_> = hops.as_slice().to_vec();
    (id, base, amount_in, amount_out, profit, gas, net, hops)
}

fn by_id(engine: &PathEngine) -> BTreeMap<OpportunityId, Opportunity> {
    engine.opportunities().map(|opportunity| (opportunity.id, *opportunity)).collect()
}

fn assert_same(found: &PathEngine, expected: &PathEngine) {
    let (found, expected) = (by_id(found), by_id(expected));
    let list = |map: &BTreeMap<_, Opportunity>| map.values().map(essence).collect::<Vec<_>>();
    assert_eq!(list(&found), list(&expected));
}

fn from_scratch(options: &PathOptions, snapshot: &PoolSnapshot, terms: GasTerms) -> PathEngine {
    let mut engine = PathEngine::new(options.clone());
    engine.evaluate(snapshot, &[], terms);
    engine
}

/// What a subscriber of deltas knows.
#[derive(Debug, Default)]
struct Shadow(BTreeMap<OpportunityId, (U256, U256)>);

impl Shadow {
    fn apply(&mut self, delta: &OpportunityDelta) {
        for (id, _) in &delta.disappeared {
            assert!(self.0.remove(id).is_some(), "only what was there disappears");
        }
        for fresh in &delta.appeared {
            let amounts = (fresh.amount_in, fresh.amount_out);
            assert!(self.0.insert(fresh.id, amounts).is_none(), "only what was not there appears");
        }
        for changed in &delta.changed {
            let amounts = (changed.amount_in, changed.amount_out);
            let before = self.0.insert(changed.id, amounts);
            assert!(before.is_some_and(|before| before != amounts), "a change is one");
        }
    }

    fn assert_is(&self, engine: &PathEngine) {
        let known = engine.opportunities().map(|held| (held.id, (held.amount_in, held.amount_out)));
        assert_eq!(self.0, known.collect());
    }
}

/// A random thing that may happen between two evaluations; the pools that it touched.
fn happen(world: &mut World, kind: u64) -> Vec<PoolIdx> {
    let keys: Vec<PoolKey> = world.arena.pools().map(|(_, pool)| pool.statics().key).collect();
    let key = keys[world.dice.below(keys.len() as u64) as usize];
    let idx = world.arena.find(&key).unwrap();
    match kind {
        0..=5 => world.block(1 + kind as usize),
        6 => {
            let event = world.contradiction(key);
            world.apply(vec![event])
        }
        7 => vec![world.hydrate(&key)],
        8 => {
            let key = world.add_pool();
            vec![world.hydrate(&key)]
        }
        9 if keys.len() > 2 => {
            world.arena.remove_pool(&key).unwrap();
            vec![idx]
        }
        10 => world.arena.revert_tip().map(|reverted| reverted.touched).unwrap_or_default(),
        _ => Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn incremental_equals_from_scratch(seed: u64, kinds in prop::collection::vec(0..12u64, 1..30), hops_max in 2..=4usize) {
        let mut world = World::new(seed, 5, 14);
        let options = world.options(2, hops_max);
        let mut engine = PathEngine::new(options.clone());
        let mut detecting = PathEngine::new(options.clone());
        let mut shadow = Shadow::default();
        for (step, kind) in (0..).zip(kinds) {
            let dirty = happen(&mut world, kind);
            let snapshot = world.snapshot();
            let terms = GasTerms { base_fee: 7 + step / 3, priority_fee: 1 };
            let delta = engine.evaluate(&snapshot, &dirty, terms);
            let coverage = delta.coverage;
            prop_assert_eq!(coverage.dirty_cycles, coverage.pruned + coverage.sized);
            prop_assert!(coverage.profitable <= coverage.simulated && coverage.simulated <= coverage.sized);
            shadow.apply(delta);
            shadow.assert_is(&engine);
            let expected = from_scratch(&options, &snapshot, terms);
            assert_same(&engine, &expected);
            let detected = detecting.evaluate_changed(&snapshot, terms).clone();
            prop_assert!(detected.coverage.dirty_pools <= coverage.dirty_pools);
            assert_same(&detecting, &expected);
            // Nothing happened: nothing is found out.
            let quiet = detecting.evaluate_changed(&snapshot, terms);
            prop_assert_eq!(quiet, &OpportunityDelta::default());
        }
    }

    #[test]
    fn sizes_are_as_good_as_brute_force(seed: u64, hops_max in 2..=4usize) {
        let mut world = World::new(seed, 4, 8);
        let snapshot = world.snapshot();
        let options = world.options(1, hops_max);
        let engine = from_scratch(&options, &snapshot, TERMS);
        let held = by_id(&engine);
        for opportunity in held.values() {
            let hops: Vec<Hop> = opportunity.hops.as_slice().iter().map(|hop| hop.hop).collect();
            prop_assert_eq!(out(&snapshot, &hops, opportunity.amount_in), Some(opportunity.amount_out), "what is reported was simulated");
            prop_assert_eq!(opportunity.amount_out - opportunity.amount_in, opportunity.profit);
        }
        let graph = TokenGraph::new(&snapshot, None);
        let set = CycleSet::enumerate(&graph, &[options.bases[0].token], options.cycles);
        for cycle in 0..set.len() as u32 {
            for is_reverse in [false, true] {
                let hops: Vec<Hop> = set.hops(cycle, is_reverse).collect();
                let (amount, most) = brute_force(&snapshot, &hops);
                let found = held.values().find(|held| held.hops.as_slice().iter().map(|hop| hop.hop).eq(hops.iter().copied()));
                let found = found.map_or(0, |held| i128::try_from(held.profit).unwrap());
                // A unit of another token may be worth ten thousand of the base token's.
                let slack = most / 1_000_000 + amount as i128 / 1_000_000_000_000_000 + 100_000;
                prop_assert!(found >= most - slack, "found={found} most={most} amount={amount} hops={hops:?}");
            }
        }
    }
}

#[test]
fn threads_do_not_change_what_is_found() {
    let mut world = World::new(11, 10, 260);
    let options = world.options(3, 3);
    let mut alone = PathEngine::new(options.clone());
    let mut many = PathEngine::new(PathOptions { workers: 3, ..options });
    for _ in 0..4 {
        let dirty = world.block(40);
        let snapshot = world.snapshot();
        let expected = alone.evaluate(&snapshot, &dirty, TERMS).clone();
        assert!(expected.coverage.dirty_cycles > 4096, "{:?}", expected.coverage);
        assert!(!expected.appeared.is_empty());
        assert_eq!(*many.evaluate(&snapshot, &dirty, TERMS), expected);
    }
}

#[test]
fn opportunities_leave_with_a_reason() {
    let mut world = World::new(3, 4, 24);
    let mut engine = PathEngine::new(world.options(2, 3));
    engine.evaluate(&world.snapshot(), &[], TERMS);
    let first = engine.ranked(1)[0];
    let pool = first.hops.as_slice()[1].pool;
    let event = world.contradiction(pool);
    let dirty = world.apply(vec![event]);
    let delta = engine.evaluate(&world.snapshot(), &dirty, TERMS);
    let reason = Gone::NotLive { pool, status: PoolStatus::Halted };
    assert!(delta.disappeared.contains(&(first.id, reason)));
    assert!(delta.appeared.is_empty());

    let dirty = [world.hydrate(&pool)];
    engine.evaluate(&world.snapshot(), &dirty, TERMS);
    let first = engine.ranked(1)[0];
    let pool = first.hops.as_slice()[0].pool;
    world.arena.remove_pool(&pool).unwrap();
    let delta = engine.evaluate(&world.snapshot(), &[], TERMS);
    assert!(delta.disappeared.contains(&(first.id, Gone::PoolRemoved { pool })));
}

#[test]
fn ranking_is_by_worth_less_gas() {
    let mut world = World::new(5, 5, 40);
    let options = world.options(3, 3);
    let mut engine = from_scratch(&options, &world.snapshot(), TERMS);
    let ranked = engine.ranked(usize::MAX);
    assert_eq!(ranked.len(), engine.len());
    assert!(ranked.len() > 10);
    let priced = ranked.iter().take_while(|held| held.net.is_some()).count();
    assert!(ranked[priced..].iter().all(|held| held.net.is_none()), "what has no price comes last");
    assert!(ranked[..priced].windows(2).all(|pair| pair[0].net >= pair[1].net));
    assert!(ranked[priced..].windows(2).all(|pair| pair[0].profit >= pair[1].profit));
    let nets: BTreeMap<_, _> = ranked.iter().map(|held| (held.id, held.net)).collect();
    let dearer = GasTerms { base_fee: 1_000_007, ..TERMS };
    assert_eq!(*engine.evaluate(&world.snapshot(), &[], dearer), OpportunityDelta::default());
    for held in engine.opportunities() {
        let more = alloy_primitives::I256::try_from(1_000_000 * u128::from(held.gas)).unwrap();
        assert_eq!(held.net, nets[&held.id].map(|net| net - more), "a dearer block costs more");
    }
}
