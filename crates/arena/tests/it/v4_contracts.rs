//! Uniswap V4's own bytecode against the arena, to the wei.

use crate::{
    chain::CHAIN_ID,
    contracts::{TOKEN1, word_of},
    v4_world::{ABSORBING, LEARNED, OVERRIDDEN, World},
};
use alloy_primitives::{U256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use weir_amm::{Direction, QuoteError, SqrtPriceX96, SwapKind, Tick, TickSpacing, V3Terms, V4Fees};
use weir_arena::{
    ArenaConfig, Discovery, Grade, GradeReason, Hydration, LpFeeSource, PoolArena, PoolId, PoolKey,
    Protocol, V4State,
};
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock};

fn arena() -> PoolArena {
    PoolArena::new(ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN_ID) })
}

fn commit(arena: &mut PoolArena, block: ExecutedBlock) -> u64 {
    let update = ChainUpdate::Committed(ChainSegment::single(block));
    let outcome = arena.apply_update(&update).unwrap();
    assert_eq!(outcome.halted, [], "{:?}", evidence(arena));
    assert_eq!(outcome.undecodable, []);
    outcome.verified
}

fn evidence(arena: &PoolArena) -> Vec<weir_arena::Evidence> {
    arena.pools().filter_map(|(_, pool)| pool.evidence().copied()).collect()
}

fn at(tick: i32) -> U256 {
    Tick::new(tick).unwrap().sqrt_price().get()
}

/// Storage slot of `mapping(key => ...)` at `slot`.
fn mapping(key: U256, slot: U256) -> U256 {
    let bytes = [key.to_be_bytes::<32>(), slot.to_be_bytes::<32>()].concat();
    U256::from_be_bytes(keccak256(bytes).0)
}

/// A pool in the PoolManager's storage, read as `StateLibrary` does.
struct Stored<'a> {
    world: &'a World,
    slot: U256,
}

impl<'a> Stored<'a> {
    fn new(world: &'a World, pool: usize) -> Self {
        let id = U256::from_be_bytes(world.pools[pool].1.0);
        Self { world, slot: mapping(id, U256::from(6)) }
    }

    fn read(&self, slot: U256) -> U256 {
        self.world.chain.storage(self.world.manager, slot)
    }

    fn slot0(&self) -> U256 {
        self.read(self.slot)
    }

    fn liquidity(&self) -> U256 {
        self.read(self.slot + U256::from(3))
    }

    fn tick(&self, tick: i32) -> U256 {
        self.read(mapping(word_of(tick), self.slot + U256::from(4)))
    }

    fn word(&self, word: i16) -> U256 {
        self.read(mapping(word_of(i32::from(word)), self.slot + U256::from(5)))
    }

    fn fees(&self) -> V4Fees {
        let bits = |shift: usize, width: usize| -> u32 {
            let field: U256 = (self.slot0() >> shift) & ((U256::ONE << width) - U256::ONE);
            field.to()
        };
        V4Fees {
            lp: bits(208, 24),
            zero_for_one: bits(184, 12) as u16,
            one_for_zero: bits(196, 12) as u16,
        }
    }
}

/// Compares price, tick, fees, liquidity and the ticks ever used with the contract's storage.
fn compare_storage(world: &World, arena: &PoolArena) {
    for pool in 0..world.pools.len() {
        let (_, state) = world.pool(arena, pool);
        let stored = Stored::new(world, pool);
        let slot0 = stored.slot0();
        assert_eq!(state.slot.sqrt_price.get(), slot0 & (U256::MAX >> 96));
        let tick: U256 = (slot0 >> 160) & U256::from(0xff_ffff);
        assert_eq!(word_of(state.slot.tick) & U256::from(0xff_ffff), tick);
        assert_eq!(U256::from(state.slot.liquidity.get()), stored.liquidity());
        compare_fees(world, pool, state, stored.fees());
        let mut ticks: Vec<_> =
            world.used.iter().filter(|(of, _)| *of == pool).map(|(_, tick)| *tick).collect();
        ticks.sort_unstable();
        ticks.dedup();
        let spacing = TickSpacing::v4(world.pools[pool].0.tickSpacing.as_i32()).unwrap();
        for tick in &ticks {
            let (info, ours) = (stored.tick(*tick), state.ticks.info(Tick::new(*tick).unwrap()));
            let (gross, net) = (info & U256::from(u128::MAX), info >> 128usize);
            assert_eq!(U256::from(ours.map_or(0, |info| info.gross)), gross);
            assert_eq!(U256::from(ours.map_or(0, |info| info.net) as u128), net);
            let word = (spacing.compress(*tick) >> 8) as i16;
            assert_eq!(state.ticks.bitmap_word(word, spacing), stored.word(word));
        }
        assert!(state.ticks.iter().all(|(tick, _)| ticks.binary_search(&tick.get()).is_ok()));
        assert_eq!(state.ticks.liquidity_at(state.slot.tick), Some(state.slot.liquidity.get()));
    }
}

fn compare_fees(world: &World, pool: usize, state: &V4State, stored: V4Fees) {
    assert_eq!(V4Fees { lp: 0, ..state.fees }, V4Fees { lp: 0, ..stored });
    match state.lp_source {
        LpFeeSource::Static => assert_eq!(state.fees.lp, stored.lp),
        LpFeeSource::Learned { .. } => {
            assert!(pool == LEARNED);
            assert!(world.is_fee_stale || state.fees.lp == stored.lp);
        }
        LpFeeSource::Unknown => assert!(pool == LEARNED || pool == OVERRIDDEN),
        LpFeeSource::Read { .. } => panic!("nothing was read"),
    }
}

/// Every word of every bitmap.
fn compare_bitmaps(world: &World, arena: &PoolArena) {
    for pool in 0..world.pools.len() {
        let spacing = TickSpacing::v4(world.pools[pool].0.tickSpacing.as_i32()).unwrap();
        let last = (spacing.compress(887_272) >> 8) as i16;
        for word in -last - 1..=last {
            let ours = world.pool(arena, pool).1.ticks.bitmap_word(word, spacing);
            assert_eq!(ours, Stored::new(world, pool).word(word));
        }
    }
}

/// Executes random swaps on the contract, without keeping them, and in the arithmetic.
fn compare_quotes(world: &World, rng: &mut StdRng, arena: &PoolArena, count: usize) -> usize {
    let mut answered = 0;
    for _ in 0..count {
        let pool = rng.random_range(0..world.pools.len());
        let (held, state) = world.pool(arena, pool);
        let swap = world.random_swap(rng, arena, pool);
        let quote = held.quote(swap.direction, swap.kind);
        match held.accuracy().grade {
            Grade::D => {
                assert_eq!(quote, Err(QuoteError::SimulationOnly));
                continue;
            }
            Grade::U => {
                assert_eq!(quote, Err(QuoteError::FeeUnknown));
                continue;
            }
            _ if pool == LEARNED && world.is_fee_stale => continue,
            _ => {}
        }
        let spacing = TickSpacing::v4(world.pools[pool].0.tickSpacing.as_i32()).unwrap();
        let terms = V3Terms { fee: state.fees.swap_fee(swap.direction).unwrap(), spacing };
        let ours = state.slot.swap_v4(&state.ticks, terms, swap.direction, swap.kind, swap.limit);
        let signed = ours.as_ref().ok().map(|ours| {
            let paid = (ours.amount_in.to::<u128>() as i128).wrapping_neg();
            let received = ours.amount_out.to::<u128>() as i128;
            match swap.direction {
                Direction::ZeroForOne => (paid, received),
                Direction::OneForZero => (received, paid),
            }
        });
        let theirs = world.outcome(&swap);
        let context = (swap.direction, swap.kind, swap.limit, state.slot, state.fees);
        assert_eq!(signed, theirs, "{ours:?} {context:?}");
        if let (Ok(quote), Ok(ours), None) = (&quote, &ours, swap.limit) {
            assert_eq!(*quote, (ours.amount_in, ours.amount_out));
        }
        answered += usize::from(theirs.is_some());
    }
    answered
}

/// Random histories on real contracts; after each block all state, and some quotes, are compared.
fn follow(seed: u64, prices: [U256; 8], blocks: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut arena = arena();
    let Some(mut world) = World::new(prices, |block| {
        commit(&mut arena, block);
    }) else {
        return;
    };
    let (mut answered, mut verified) = (0, 0);
    for _ in 0..blocks {
        let block = world.random_block(&mut rng, &arena);
        verified += commit(&mut arena, block);
        compare_storage(&world, &arena);
        answered += compare_quotes(&world, &mut rng, &arena, 16);
    }
    compare_bitmaps(&world, &arena);
    let (crossed, absorbed) = (world.used.len(), world.absorbed);
    println!("answered={answered} verified={verified} absorbed={absorbed} range_ends={crossed}");
    assert!(answered > blocks, "most swaps are possible: answered={answered}");
    assert!(verified > blocks as u64 / 2 && world.absorbed > 0, "verified={verified}");
}

#[test]
fn arena_equals_the_manager_at_ordinary_prices() {
    let prices = [0, 200_311, -73_140, 46_054, 5, -5, 12_345, 100].map(at);
    follow(11, prices, 220);
}

#[test]
fn arena_equals_the_manager_at_borders_of_ticks_and_words() {
    let mut prices = [15_360, 256, -2_560, 51_200, 0, 0, 2_560, -15_360].map(at);
    prices[0] -= U256::ONE;
    prices[3] += U256::ONE;
    follow(12, prices, 220);
}

#[test]
fn arena_equals_the_manager_at_the_ends_of_the_prices() {
    let (lowest, highest) = (SqrtPriceX96::MIN.get(), SqrtPriceX96::MAX.get() - U256::ONE);
    let far = [-880_000, 880_000].map(at);
    follow(13, [lowest, highest, far[0], far[1], lowest, highest, far[1], far[0]], 140);
}

#[test]
fn arena_follows_reorgs_of_the_manager_and_equals_a_rebuild() {
    let mut rng = StdRng::seed_from_u64(14);
    let mut arena = arena();
    let mut deployment = Vec::new();
    let prices = [1, -10, 59, 200, 7, 3, -4, 60].map(at);
    let Some(world) = World::new(prices, |block| {
        deployment.push(block.clone());
        commit(&mut arena, block);
    }) else {
        return;
    };
    // The world at each block, and the block that made it.
    let mut trunk: Vec<(World, Option<ExecutedBlock>)> = vec![(world, None)];
    for round in 0..60 {
        let depth = if round % 2 == 0 { 0 } else { rng.random_range(1..=trunk.len().min(20)) - 1 };
        let old: Vec<ExecutedBlock> = trunk
            .split_off(trunk.len() - depth)
            .into_iter()
            .filter_map(|(_, block)| block)
            .collect();
        let mut new = Vec::new();
        for _ in 0..rng.random_range(1..=4) {
            let mut next = trunk.last().unwrap().0.clone();
            let block = next.random_block(&mut rng, &arena);
            trunk.push((next, Some(block.clone())));
            new.push(block);
        }
        let new = ChainSegment::new(new).unwrap();
        let update = match ChainSegment::new(old) {
            Ok(old) => ChainUpdate::Reorged { old, new },
            Err(_) => ChainUpdate::Committed(new),
        };
        let outcome = arena.apply_update(&update).unwrap();
        assert_eq!(outcome.halted, [], "{:?}", evidence(&arena));
        let world = &trunk.last().unwrap().0;
        compare_storage(world, &arena);
        compare_quotes(world, &mut rng, &arena, 8);
    }
    let mut rebuilt = self::arena();
    let blocks = trunk.iter().filter_map(|(_, block)| block.clone());
    for block in deployment.into_iter().chain(blocks) {
        commit(&mut rebuilt, block);
    }
    assert_eq!(arena.digest(), rebuilt.digest());
    compare_bitmaps(&trunk.last().unwrap().0, &arena);
}

#[test]
fn pools_are_graded_and_hydrated_from_the_managers_storage() {
    let mut rng = StdRng::seed_from_u64(15);
    let mut arena = arena();
    let prices = [0, 1, 2, 3, 4, 5, 6, 7].map(at);
    let Some(mut world) = World::new(prices, |block| {
        commit(&mut arena, block);
    }) else {
        return;
    };
    let grades: Vec<_> = (0..8).map(|pool| world.pool(&arena, pool).0.accuracy()).collect();
    assert!(grades[..5].iter().all(|accuracy| accuracy.grade == Grade::A));
    assert_eq!(grades[LEARNED].reason, GradeReason::DynamicFeeUnknown);
    assert_eq!(grades[OVERRIDDEN].reason, GradeReason::HooksSetFee);
    assert_eq!(grades[ABSORBING].reason, GradeReason::HooksChangeAmounts);
    for _ in 0..40 {
        let block = world.random_block(&mut rng, &arena);
        commit(&mut arena, block);
    }
    let mut hydrated = PoolArena::new(ArenaConfig::new(CHAIN_ID));
    let tip = arena.tip().unwrap();
    hydrated.restart_at(tip);
    for pool in 0..world.pools.len() {
        let (held, state) = world.pool(&arena, pool);
        let statics = *held.statics();
        assert_eq!((statics.protocol, statics.factory), (Protocol::UniswapV4, world.manager));
        assert_eq!((statics.token1, statics.v4_id()), (TOKEN1, world.pools[pool].1));
        hydrated.add_pool(statics).unwrap();
        let fees = Stored::new(&world, pool).fees();
        let ticks = state.ticks.iter().collect();
        let read = Hydration::V4 { slot: state.slot, fees, ticks };
        hydrated.hydrate(&statics.key, tip.hash, read).unwrap();
    }
    let key = PoolKey { chain_id: CHAIN_ID, id: PoolId::Id(world.pools[LEARNED].1) };
    let pool = hydrated.pool(hydrated.find(&key).unwrap()).unwrap();
    assert_eq!(pool.accuracy_at(tip.number).grade, Grade::AStar);
    assert_eq!(pool.accuracy_at(tip.number + 1).grade, Grade::C);
    let quote = pool.quote(Direction::ZeroForOne, SwapKind::ExactIn(U256::ONE));
    assert_ne!(quote, Err(QuoteError::FeeUnknown));
    // A whitelist of these pools is followed from there on as well as from the beginning.
    for _ in 0..40 {
        let block = world.random_block(&mut rng, &arena);
        commit(&mut arena, block.clone());
        commit(&mut hydrated, block);
        compare_fees_known(&world, &hydrated);
    }
    for pool in 0..world.pools.len() {
        let (ours, theirs) = (world.pool(&hydrated, pool).1, world.pool(&arena, pool).1);
        assert_eq!((ours.slot, &ours.ticks), (theirs.slot, &theirs.ticks));
    }
}

/// Fees of static pools after hydration.
fn compare_fees_known(world: &World, arena: &PoolArena) {
    for pool in 0..5 {
        assert_eq!(world.pool(arena, pool).1.fees, Stored::new(world, pool).fees());
    }
}
