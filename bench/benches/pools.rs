//! Pool arithmetic and the pool arena against `amms` and `uniswap_v3_math`, in one run on the same pools.
//!
//! Every result is compared with the peer's before it is timed, so that a faster wrong answer cannot win.

use alloy_primitives::{I256, U256};
use amms::amms::amm::AutomatedMarketMaker;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::{
    hint::black_box,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};
use weir_amm::{Direction, SqrtPriceX96, StepAmount, SwapKind, Tick, V2Fee, compute_swap_step};
use weir_arena::{BlockEnvelope, PoolArena};
use weir_bench::pool_world::{
    CHAIN_ID, Dice, EVENTS, TOKEN0, TOKEN1, V2Book, V3Book, World, peer_log, peer_space,
    pool_address, terms,
};
use weir_bench::sdk::SdkPool;
use weir_primitives::ExecutedBlock;

const POOLS: usize = 100;

const DIRECTIONS: [Direction; 2] = [Direction::ZeroForOne, Direction::OneForZero];

fn base_token(direction: Direction) -> alloy_primitives::Address {
    if direction.is_zero_for_one() { TOKEN0 } else { TOKEN1 }
}

fn id(who: &str, what: &str) -> BenchmarkId {
    BenchmarkId::from_parameter(if what.is_empty() {
        format!("who={who}")
    } else {
        format!("{what} who={who}")
    })
}

/// Cycles through inputs, so that no branch predictor learns one of them by heart.
struct Cycle<'a, T> {
    inputs: &'a [T],
    next: usize,
}

impl<'a, T> Cycle<'a, T> {
    fn new(inputs: &'a [T]) -> Self {
        Self { inputs, next: 0 }
    }

    fn next(&mut self) -> &'a T {
        self.next = if self.next + 1 == self.inputs.len() { 0 } else { self.next + 1 };
        &self.inputs[self.next]
    }
}

fn v3_quote(c: &mut Criterion) {
    // How long does the exact output of a concentrated-liquidity swap take that crosses so many ticks?
    let book = V3Book::new(pool_address(0), &mut Dice::new(1));
    let (peer, sdk) = (book.peer(), SdkPool::of(&book));
    let terms = terms();
    let mut group = c.benchmark_group("amm::v3_quote");
    for crossed in [0, 3, 20] {
        let swaps: Vec<_> = DIRECTIONS
            .into_iter()
            .flat_map(|way| {
                book.amounts_crossing(way, crossed, 8).into_iter().map(move |amount| (way, amount))
            })
            .collect();
        for (way, amount) in &swaps {
            let swap = book.swap(*way, SwapKind::ExactIn(*amount));
            let token = base_token(*way);
            assert_eq!(swap.amount_out, peer.simulate_swap(token, TOKEN1, *amount).expect("deep"));
            assert_eq!(sdk.quote(*way, *amount), swap.amount_out);
            assert_eq!(swap.ticks_crossed, crossed);
        }
        let what = format!("ticks={crossed}");
        group.bench_function(id("weir", &what), |b| {
            let mut cycle = Cycle::new(&swaps);
            b.iter(|| {
                let (way, amount) = cycle.next();
                book.slot.quote(&book.ticks, terms, *way, SwapKind::ExactIn(*amount))
            });
        });
        group.bench_function(id("amms", &what), |b| {
            let mut cycle = Cycle::new(&swaps);
            b.iter(|| {
                let (way, amount) = cycle.next();
                peer.simulate_swap(base_token(*way), TOKEN1, *amount)
            });
        });
        group.bench_function(id("uniswap-v3-sdk", &what), |b| {
            let mut cycle = Cycle::new(&swaps);
            b.iter(|| {
                let (way, amount) = cycle.next();
                sdk.quote(*way, *amount)
            });
        });
    }
    group.finish();
}

fn swap_step(c: &mut Criterion) {
    // How long does one step of a swap take, as a bare function, whether it reaches its target or not?
    let book = V3Book::new(pool_address(0), &mut Dice::new(1));
    let mut group = c.benchmark_group("amm::compute_swap_step");
    for (what, crossed) in [("end=amount", 0), ("end=target", 1)] {
        let steps: Vec<_> = DIRECTIONS
            .into_iter()
            .flat_map(|way| {
                book.amounts_crossing(way, crossed, 8).into_iter().map(move |amount| (way, amount))
            })
            .map(|(way, amount)| {
                let near = if way.is_zero_for_one() { -1 } else { 1 };
                let target = Tick::new((book.slot.tick / 60 + near) * 60).expect("in range");
                (target.sqrt_price(), amount)
            })
            .collect();
        let (price, liquidity, fee) = (book.slot.sqrt_price, book.slot.liquidity, terms().fee);
        let weir = |(target, amount): &(SqrtPriceX96, U256)| {
            compute_swap_step(price, *target, liquidity, StepAmount::In(*amount), fee)
        };
        let peer = |(target, amount): &(SqrtPriceX96, U256)| {
            let amount = I256::from_raw(*amount);
            let (price, target) = (price.get(), target.get());
            uniswap_v3_math::swap_math::compute_swap_step(
                price,
                target,
                liquidity.get(),
                amount,
                fee.get(),
            )
        };
        for step in &steps {
            let ours = weir(step).expect("in range");
            let theirs = peer(step).expect("in range");
            assert_eq!((ours.sqrt_price.get(), ours.amount_in, ours.amount_out, ours.fee), theirs);
        }
        group.bench_function(id("weir", what), |b| {
            let mut cycle = Cycle::new(&steps);
            b.iter(|| weir(cycle.next()));
        });
        group.bench_function(id("uniswap_v3_math", what), |b| {
            let mut cycle = Cycle::new(&steps);
            b.iter(|| peer(cycle.next()));
        });
    }
    group.finish();
}

fn v2_quote(c: &mut Criterion) {
    // How long does the exact output of a constant-product swap take?
    let mut dice = Dice::new(2);
    let book = V2Book::new(pool_address(0), &mut dice);
    let peer = book.peer();
    let fee = V2Fee::UNISWAP;
    let swaps: Vec<_> = (0..16)
        .map(|index| {
            let amount = U256::from(10u128.pow(18) + u128::from(dice.below(10u64.pow(19))) * 100);
            (DIRECTIONS[index % 2], amount)
        })
        .collect();
    for (way, amount) in &swaps {
        let (_, out) = book.reserves.quote(fee, *way, SwapKind::ExactIn(*amount)).expect("deep");
        assert_eq!(out, peer.simulate_swap(base_token(*way), TOKEN1, *amount).expect("deep"));
    }
    let mut group = c.benchmark_group("amm::v2_quote");
    group.bench_function(id("weir", ""), |b| {
        let mut cycle = Cycle::new(&swaps);
        b.iter(|| {
            let (way, amount) = cycle.next();
            black_box(&book.reserves).quote(fee, *way, SwapKind::ExactIn(*amount))
        });
    });
    group.bench_function(id("amms", ""), |b| {
        let mut cycle = Cycle::new(&swaps);
        b.iter(|| {
            let (way, amount) = cycle.next();
            black_box(&peer).simulate_swap(base_token(*way), TOKEN1, *amount)
        });
    });
    group.finish();
}

fn tick_math(c: &mut Criterion) {
    // How long does it take to get the price of a tick, and the tick of a price?
    let mut dice = Dice::new(3);
    let ticks: Vec<Tick> = (0..256)
        .map(|_| Tick::new(dice.below(400_001) as i32 - 200_000).expect("in range"))
        .collect();
    let prices: Vec<SqrtPriceX96> = ticks
        .iter()
        .map(|tick| {
            let (low, high) =
                (tick.sqrt_price().get(), Tick::new(tick.get() + 1).expect("in range"));
            let width = high.sqrt_price().get() - low;
            let inside = low + width * U256::from(dice.below(1000)) / U256::from(1000);
            SqrtPriceX96::new(inside).expect("in range")
        })
        .collect();
    for (tick, price) in ticks.iter().zip(&prices) {
        let (theirs, own) =
            (uniswap_v3_math::tick_math::get_sqrt_ratio_at_tick(tick.get()), tick.sqrt_price());
        assert_eq!(own.get(), theirs.expect("in range"));
        let theirs = uniswap_v3_math::tick_math::get_tick_at_sqrt_ratio(price.get());
        assert_eq!(price.tick().expect("in range").get(), theirs.expect("in range"));
    }
    let mut group = c.benchmark_group("amm::price_of_tick");
    group.bench_function(id("weir", ""), |b| {
        let mut cycle = Cycle::new(&ticks);
        b.iter(|| cycle.next().sqrt_price());
    });
    group.bench_function(id("uniswap_v3_math", ""), |b| {
        let mut cycle = Cycle::new(&ticks);
        b.iter(|| uniswap_v3_math::tick_math::get_sqrt_ratio_at_tick(cycle.next().get()));
    });
    group.finish();
    let mut group = c.benchmark_group("amm::tick_of_price");
    group.bench_function(id("weir", ""), |b| {
        let mut cycle = Cycle::new(&prices);
        b.iter(|| cycle.next().tick());
    });
    group.bench_function(id("uniswap_v3_math", ""), |b| {
        let mut cycle = Cycle::new(&prices);
        b.iter(|| uniswap_v3_math::tick_math::get_tick_at_sqrt_ratio(cycle.next().get()));
    });
    group.finish();
}

/// Times `run` on a state that `undo` puts back, and gives the share of `count` things for `iters` of them.
fn timed<S>(
    iters: u64,
    count: u64,
    state: &mut S,
    run: impl Fn(&mut S),
    undo: impl Fn(&mut S),
) -> Duration {
    let rounds = iters.div_ceil(count);
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        let start = Instant::now();
        run(state);
        total += start.elapsed();
        undo(state);
    }
    total.mul_f64(iters as f64 / (rounds * count) as f64)
}

fn apply_block(arena: &mut PoolArena, block: &ExecutedBlock) {
    let extracted = BlockEnvelope::from_block(CHAIN_ID, block, &*arena);
    let applied = arena.apply(&extracted.envelope).expect("the child of the tip");
    debug_assert!(extracted.undecodable.is_empty() && applied.halted.is_empty());
}

fn revert(arena: &mut PoolArena) {
    arena.revert_tip().expect("a block is there");
}

fn assert_block(arena: &mut PoolArena, world: &World, block: &ExecutedBlock, verified: u32) {
    let envelope = BlockEnvelope::from_block(CHAIN_ID, block, &*arena).envelope;
    assert_eq!(envelope.events().len(), EVENTS);
    let applied = arena.apply(&envelope).expect("the child of the tip");
    assert_eq!((applied.verified, applied.halted.len()), (verified, 0));
    assert_eq!(world.tip, applied.block);
    revert(arena);
}

fn event(c: &mut Criterion) {
    // What does one event cost from log to applied state with its undo record, in a block of 500 over 100 pools?
    for (protocol, mut world) in [
        ("v3_swap", World::new(POOLS, 0)),
        ("v2_sync", World::new(0, POOLS)),
        ("v4_swap", World::v4(POOLS)),
    ] {
        let mut space = peer_space(&world.v3, &world.v2);
        let mut arenas = [world.arena(true), world.arena(false)];
        let (block, logs) = world.block();
        let mut group = c.benchmark_group(format!("arena::decode_and_apply/{protocol}"));
        for (arena, is_verifying) in arenas.iter_mut().zip([true, false]) {
            let verified = if is_verifying && !world.v3.is_empty() { EVENTS as u32 } else { 0 };
            assert_block(arena, &world, &block, verified);
            group.bench_function(id("weir", &format!("verify={is_verifying}")), |b| {
                b.iter_custom(|iters| {
                    timed(iters, EVENTS as u64, arena, |arena| apply_block(arena, &block), revert)
                });
            });
        }
        if protocol == "v4_swap" {
            // The peers know no V4.
            group.finish();
            continue;
        }
        let logs: Vec<_> = logs.iter().map(|log| peer_log(log, 1)).collect();
        group.bench_function(id("amms", "StateSpace::sync"), |b| {
            b.iter_custom(|iters| {
                let run = |space: &mut amms::state_space::StateSpace| {
                    black_box(space.sync(&logs).expect("known events"));
                };
                timed(iters, EVENTS as u64, &mut space, run, |_| {})
            });
        });
        let address = logs[0].inner.address;
        let own: Vec<_> = logs.iter().filter(|log| log.inner.address == address).collect();
        let pool = space.get_mut(&address).expect("known");
        group.bench_function(id("amms", "bare sync, no undo"), |b| {
            let mut cycle = Cycle::new(&own);
            b.iter(|| pool.sync(cycle.next()));
        });
        group.finish();
    }
}

fn update(c: &mut Criterion) {
    // How long does a block of 500 decoded updates of 100 pools take, alone and with the snapshot that readers get?
    let mut world = World::new(POOLS, 0);
    let mut arenas = [world.arena(true), world.arena(false)];
    let (block, _) = world.block();
    let mut group = c.benchmark_group("arena::apply/updates=500");
    for (arena, is_verifying) in arenas.iter_mut().zip([true, false]) {
        let envelope = BlockEnvelope::from_block(CHAIN_ID, &block, &*arena).envelope;
        let apply = |arena: &mut PoolArena| {
            black_box(arena.apply(&envelope).expect("the child of the tip"));
        };
        group.bench_function(id("weir", &format!("verify={is_verifying}")), |b| {
            b.iter_custom(|iters| timed(iters, 1, arena, apply, revert));
        });
        let mut state = (arena, None);
        group.bench_function(id("weir", &format!("verify={is_verifying} published=true")), |b| {
            b.iter_custom(|iters| {
                let run = |(arena, held): &mut (&mut PoolArena, _)| {
                    apply(arena);
                    *held = Some(arena.snapshot());
                };
                timed(iters, 1, &mut state, run, |(arena, _)| revert(arena))
            });
        });
    }
    group.finish();
}

fn revert_blocks(c: &mut Criterion) {
    // How long does a reorg of so many blocks of 500 events take with 1,000 pools? The peer keeps 30 blocks.
    let mut world = World::new(1000, 0);
    let mut arena = world.arena(false);
    let before = arena.digest();
    let blocks: Vec<_> = (0..128).map(|_| world.block()).collect();
    let envelopes: Vec<_> = blocks
        .iter()
        .map(|(block, _)| BlockEnvelope::from_block(CHAIN_ID, block, &arena).envelope)
        .collect();
    let apply = |arena: &mut PoolArena, depth: usize| {
        for envelope in &envelopes[..depth] {
            arena.apply(envelope).expect("the child of the tip");
        }
    };
    let mut group = c.benchmark_group("arena::revert");
    for depth in [128, 30] {
        group.bench_function(id("weir", &format!("blocks={depth}")), |b| {
            apply(&mut arena, depth);
            b.iter_custom(|iters| {
                let run = |arena: &mut PoolArena| (0..depth).for_each(|_| revert(arena));
                timed(iters, 1, &mut arena, run, |arena| apply(arena, depth))
            });
            (0..depth).for_each(|_| revert(&mut arena));
        });
        assert_eq!(arena.digest(), before);
    }
    let logs: Vec<Vec<_>> = (1..)
        .zip(&blocks[..30])
        .map(|(number, (_, logs))| logs.iter().map(|log| peer_log(log, number)).collect())
        .collect();
    let fill = |space: &mut amms::state_space::StateSpace| {
        space.latest_block.store(0, Ordering::Relaxed);
        for logs in &logs {
            space.sync(logs).expect("known events");
        }
        space.latest_block.store(30, Ordering::Relaxed);
    };
    group.bench_function(id("amms", "blocks=30"), |b| {
        // The unwinding comes with the first log of the replacing block; its one event is part of the time.
        let replacing = &logs[0][..1];
        b.iter_custom(|iters| {
            let mut total = Duration::ZERO;
            for _ in 0..iters {
                let mut space = peer_space(&world.v3, &[]);
                fill(&mut space);
                let start = Instant::now();
                black_box(space.sync(replacing).expect("known events"));
                total += start.elapsed();
            }
            total
        });
    });
    group.finish();
}

criterion_group!(benches, v3_quote, swap_step, v2_quote, tick_math, event, update, revert_blocks);
criterion_main!(benches);
