//! Opportunities after a block: the cycles through touched pools, against all cycles from scratch, in one run.
//!
//! What the incremental engine holds is compared with what a fresh one finds before anything is timed.

use alloy_primitives::U256;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use weir_arena::PoolIdx;
use weir_bench::{
    market::{BLOCKS, HUBS, POOLS, TERMS, blocks, market, options, token},
    pool_world::Dice,
};
use weir_route::{OrderBookOptions, PathEngine, RouteOptions, TokenGraph, best_route, order_book};

fn id(who: &str) -> BenchmarkId {
    BenchmarkId::from_parameter(format!("who={who}"))
}

fn evaluate(c: &mut Criterion) {
    // How long after a block are its opportunities known: 2,000 pools, about 200,000 cycles, 100 pools touched?
    let blocks = blocks();
    let mut engine = PathEngine::new(options(1));
    engine.evaluate(&blocks[2 * BLOCKS - 1].1, &[], TERMS);
    let cycles = engine.cycles().expect("built").len();
    for (dirty, snapshot) in &blocks {
        let coverage = engine.evaluate(snapshot, dirty, TERMS).coverage;
        let mut fresh = PathEngine::new(options(1));
        fresh.evaluate(snapshot, &[], TERMS);
        let mut expected: Vec<_> =
            fresh.opportunities().map(|held| (held.id, held.profit)).collect();
        let mut found: Vec<_> = engine.opportunities().map(|held| (held.id, held.profit)).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{coverage:?}");
    }
    let coverage = engine.delta().coverage;
    println!("cycles={cycles} opportunities={} {coverage:?}", engine.len());
    let mut group = c.benchmark_group("route::evaluate");
    let all: Vec<PoolIdx> = (0..POOLS as u32).map(PoolIdx).collect();
    for (who, workers, is_all) in
        [("touched", 1, false), ("touched_two_threads", 2, false), ("all", 1, true)]
    {
        let mut engine = PathEngine::new(options(workers));
        engine.evaluate(&blocks[2 * BLOCKS - 1].1, &[], TERMS);
        let mut next = 0;
        group.bench_function(id(who), |b| {
            b.iter(|| {
                let (dirty, snapshot) = &blocks[next % blocks.len()];
                next += 1;
                let dirty = if is_all { &all } else { dirty };
                engine.evaluate(snapshot, dirty, TERMS).coverage
            });
        });
    }
    let snapshot = &blocks[0].1;
    group.bench_function(id("topology"), |b| {
        b.iter(|| {
            let mut engine = PathEngine::new(options(1));
            engine.evaluate(snapshot, &[], TERMS).coverage
        });
    });
    group.finish();
}

fn answers(c: &mut Criterion) {
    // How long does a caller wait for a route or a book?
    let mut dice = Dice::new(1);
    let snapshot = market(&mut dice).snapshot();
    let graph = TokenGraph::new(&snapshot, None);
    let amount = U256::from(10u128.pow(21));
    let mut group = c.benchmark_group("route::answers");
    for (who, from, to) in [("hub_to_hub", 0, 1), ("leaf_to_leaf", HUBS + 1, HUBS + 2)] {
        for splits_max in [1, 3] {
            let options = RouteOptions { splits_max, ..RouteOptions::default() };
            let id = BenchmarkId::from_parameter(format!("route={who} splits={splits_max}"));
            group.bench_function(id, |b| {
                b.iter(|| {
                    best_route(&snapshot, &graph, (token(from), token(to)), amount, &options)
                });
            });
        }
    }
    group.bench_function(BenchmarkId::from_parameter("book=hub_to_hub"), |b| {
        let pair = (token(0), token(1));
        b.iter(|| order_book(&snapshot, &graph, pair, OrderBookOptions::default()));
    });
    group.finish();
}

criterion_group!(benches, evaluate, answers);
criterion_main!(benches);
