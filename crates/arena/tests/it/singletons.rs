//! Pools by id: which contract may speak for them, what their fees say, and PancakeSwap's pools among V3's.

use crate::history::{CHAIN_ID, FACTORY, World};
use alloy_primitives::{Address, B256, I256, Log, LogData, U256, address};
use alloy_sol_types::{SolEvent, sol};
use weir_amm::{
    Direction, FeePips, Liquidity, QuoteError, SwapKind, Tick, TickInfo, TickList, TickSpacing,
    V3Slot, V3Terms, V4Fees,
};
use weir_arena::{
    ArenaConfig, BlockEnvelope, Discovery, Divergence, Extracted, Grade, GradeReason, Hydration,
    LookupError, LpFeeSource, PoolArena, PoolEvent, PoolId, PoolKey, PoolState, PoolStatic,
    PoolStatus, Protocol, V4_DYNAMIC_FEE, Verdict, verify_event,
};
use weir_primitives::{BlockRef, LoggedBlock, LoggedTransaction};

const FORGER: Address = address!("0xbad0000000000000000000000000000000000bad");
const PANCAKE_FACTORY: Address = address!("0x0BFbCF9fa4f9C56B0F40a671Ad40E0805A091865");
const PAIR: Address = Address::with_last_byte(0x77);

sol! {
    event Initialize(bytes32 indexed id, address indexed currency0, address indexed currency1, uint24 fee, int24 tickSpacing, address hooks, uint160 sqrtPriceX96, int24 tick);
    event ModifyLiquidity(bytes32 indexed id, address indexed sender, int24 tickLower, int24 tickUpper, int256 liquidityDelta, bytes32 salt);
}

fn v4_row(fee_pips: u32, hook_bits: u16) -> PoolStatic {
    let mut hooks = Address::ZERO;
    if hook_bits != 0 {
        hooks = Address::with_last_byte(hook_bits as u8);
        hooks.0[0] = 0x50;
        hooks.0[18] = (hook_bits >> 8) as u8;
    }
    let mut row = PoolStatic {
        key: PoolKey { chain_id: CHAIN_ID, id: PoolId::Id(B256::ZERO) },
        protocol: Protocol::UniswapV4,
        token0: Address::ZERO,
        token1: Address::with_last_byte(2),
        fee_pips,
        tick_spacing: 60,
        factory: FACTORY,
        hooks,
        decimals: None,
    };
    row.key.id = PoolId::Id(row.v4_id());
    row
}

fn id_of(row: &PoolStatic) -> B256 {
    row.v4_id()
}

fn initialize_log(row: &PoolStatic, emitter: Address) -> Log {
    let event = Initialize {
        id: id_of(row),
        currency0: row.token0,
        currency1: row.token1,
        fee: row.fee_pips.try_into().unwrap(),
        tickSpacing: row.tick_spacing.try_into().unwrap(),
        hooks: row.hooks,
        sqrtPriceX96: alloy_primitives::U160::ONE << 96,
        tick: 0.try_into().unwrap(),
    };
    Log { address: emitter, data: event.encode_log_data() }
}

fn liquidity_log(row: &PoolStatic, emitter: Address, delta: i64) -> Log {
    let event = ModifyLiquidity {
        id: id_of(row),
        sender: FORGER,
        tickLower: (-60).try_into().unwrap(),
        tickUpper: 60.try_into().unwrap(),
        liquidityDelta: I256::try_from(delta).unwrap(),
        salt: B256::ZERO,
    };
    Log { address: emitter, data: event.encode_log_data() }
}

fn arena(discovery: Discovery) -> PoolArena {
    let mut arena = PoolArena::new(ArenaConfig { discovery, ..ArenaConfig::new(CHAIN_ID) });
    arena.restart_at(World::genesis().tip);
    arena
}

fn next_block(arena: &PoolArena) -> BlockRef {
    let parent = arena.tip().unwrap();
    let number = parent.number + 1;
    let hash = B256::with_last_byte(number as u8);
    BlockRef { number, hash, parent_hash: parent.hash, timestamp: number }
}

fn extract(arena: &PoolArena, logs: Vec<Log>) -> Extracted {
    let transactions = vec![LoggedTransaction { hash: B256::ZERO, logs }];
    let logged = LoggedBlock { reference: next_block(arena), base_fee: 0, transactions };
    BlockEnvelope::from_logged(CHAIN_ID, &logged, arena)
}

fn take(arena: &mut PoolArena, logs: Vec<Log>) -> weir_arena::Applied {
    let extracted = extract(arena, logs);
    assert_eq!(extracted.undecodable, []);
    arena.apply(&extracted.envelope).unwrap()
}

fn apply(arena: &mut PoolArena, events: &[(PoolKey, PoolEvent)]) -> weir_arena::Applied {
    let records = events.iter().enumerate().map(|(index, (pool, event))| weir_arena::EventRecord {
        tx_index: 0,
        log_index: index as u32,
        tx_hash: B256::ZERO,
        pool: *pool,
        event: *event,
    });
    let envelope = BlockEnvelope::new(CHAIN_ID, next_block(arena), 0, records.collect());
    arena.apply(&envelope).unwrap()
}

fn pool<'a>(arena: &'a PoolArena, key: &PoolKey) -> &'a weir_arena::Pool {
    arena.pool(arena.find(key).unwrap()).unwrap()
}

fn liquidity(arena: &PoolArena, key: &PoolKey) -> u128 {
    let PoolState::V4(state) = pool(arena, key).state() else { panic!("the pool is of V4") };
    state.slot.liquidity.get()
}

#[test]
fn only_its_own_manager_speaks_for_a_pool() {
    let row = v4_row(3_000, 0);
    let mut arena = arena(Discovery::All);
    // In the block of the creation, and in a later one, by the manager and by somebody else.
    let both = || vec![liquidity_log(&row, FORGER, 1_000_000), liquidity_log(&row, FACTORY, 7)];
    let mut logs = vec![initialize_log(&row, FACTORY), initialize_log(&row, FORGER)];
    logs.extend(both());
    let extracted = extract(&arena, logs);
    assert_eq!(extracted.envelope.events().len(), 2, "the forger's logs are nobody's");
    arena.apply(&extracted.envelope).unwrap();
    assert_eq!(liquidity(&arena, &row.key), 7);
    let mut logs = both();
    logs.insert(0, initialize_log(&row, FORGER));
    let applied = take(&mut arena, logs);
    assert_eq!((applied.touched.len(), applied.ignored, applied.halted.len()), (1, 0, 0));
    assert_eq!(liquidity(&arena, &row.key), 14);
    assert_eq!(pool(&arena, &row.key).statics().factory, FACTORY);
}

#[test]
fn a_consumer_takes_no_second_manager_for_an_id() {
    let row = v4_row(3_000, 0);
    let mut arena = arena(Discovery::All);
    take(&mut arena, vec![initialize_log(&row, FACTORY)]);
    // An envelope from elsewhere may hold it all the same.
    let again = |manager| PoolEvent::V4Initialize {
        manager,
        token0: row.token0,
        token1: row.token1,
        fee_pips: row.fee_pips,
        tick_spacing: row.tick_spacing,
        hooks: row.hooks,
        sqrt_price: U256::ONE << 97,
        tick: 6_931,
    };
    let digest = arena.digest();
    let applied = apply(&mut arena, &[(row.key, again(FORGER)), (row.key, again(FACTORY))]);
    assert_eq!((applied.ignored, applied.touched.len()), (2, 0));
    assert_eq!(arena.digest(), digest);
}

#[test]
fn an_id_that_is_not_the_hash_of_its_key_is_an_alarm_from_a_manager_only() {
    let row = v4_row(3_000, 0);
    let mut arena = arena(Discovery::Factories([FACTORY].into_iter().collect()));
    take(&mut arena, vec![initialize_log(&row, FACTORY)]);
    let mut topics = initialize_log(&row, FACTORY).topics().to_vec();
    topics[1] = B256::repeat_byte(9);
    let data = initialize_log(&row, FACTORY).data.data;
    let log = |address| Log { address, data: LogData::new(topics.clone(), data.clone()).unwrap() };
    let extracted = extract(&arena, vec![log(FACTORY), log(FORGER)]);
    assert_eq!(extracted.envelope.events(), []);
    assert_eq!(extracted.undecodable.len(), 1);
    assert_eq!(extracted.undecodable[0].log_index, 0);
    // A contract that is no manager creates no pools, whatever it emits.
    let other = v4_row(500, 0);
    let applied = take(&mut arena, vec![initialize_log(&other, FORGER)]);
    assert_eq!((applied.created.len(), arena.find(&other.key)), (0, None));
}

#[test]
fn creation_and_first_price_are_one_and_are_undone_together() {
    let row = v4_row(3_000, 0);
    let mut discovered = arena(Discovery::All);
    let before = discovered.digest();
    let logs = || vec![initialize_log(&row, FACTORY), liquidity_log(&row, FACTORY, 5)];
    take(&mut discovered, logs());
    assert_eq!(pool(&discovered, &row.key).status(), PoolStatus::Live);
    assert_eq!(discovered.revert_tip().unwrap().vanished, [row.key]);
    assert_eq!(discovered.digest(), before);

    // On a whitelist: unsynced, or read before its creation.
    let mut listed = arena(Discovery::Off);
    listed.add_pool(row).unwrap();
    let digest = listed.digest();
    take(&mut listed, logs());
    assert_eq!(pool(&listed, &row.key).status(), PoolStatus::Live);
    listed.revert_tip().unwrap();
    assert_eq!((pool(&listed, &row.key).status(), listed.digest()), (PoolStatus::Unsynced, digest));
    let hash = listed.tip().unwrap().hash;
    let (slot, fees, ticks) = (V3Slot::default(), V4Fees::default(), Vec::new());
    listed.hydrate(&row.key, hash, Hydration::V4 { slot, fees, ticks }).unwrap();
    assert_eq!(pool(&listed, &row.key).status(), PoolStatus::Uninitialized);
    take(&mut listed, logs());
    assert_eq!(liquidity(&listed, &row.key), 5);
    listed.revert_tip().unwrap();
    assert_eq!(pool(&listed, &row.key).status(), PoolStatus::Uninitialized);
}

fn slot_and_ticks() -> (V3Slot, Vec<(Tick, TickInfo)>) {
    let tick = Tick::new(30).unwrap();
    let liquidity = Liquidity::new(1_000_000_000);
    let slot = V3Slot { sqrt_price: tick.sqrt_price(), tick: 30, liquidity };
    let info = |net| TickInfo { gross: 1_000_000_000, net };
    let lower = (Tick::new(-60).unwrap(), info(1_000_000_000));
    (slot, vec![lower, (Tick::new(60).unwrap(), info(-1_000_000_000))])
}

/// An arena with that one pool, hydrated with these fees.
fn hydrated(row: &PoolStatic, fees: V4Fees) -> PoolArena {
    let mut arena = arena(Discovery::Off);
    arena.add_pool(*row).unwrap();
    let hash = arena.tip().unwrap().hash;
    let (slot, ticks) = slot_and_ticks();
    arena.hydrate(&row.key, hash, Hydration::V4 { slot, fees, ticks }).unwrap();
    arena
}

const FEES: V4Fees = V4Fees { lp: 3_000, zero_for_one: 500, one_for_zero: 1_000 };

#[test]
fn impossible_rows_and_states_are_refused() {
    let row = v4_row(3_000, 0);
    let mut arena = arena(Discovery::Off);
    let mut dynamic = v4_row(V4_DYNAMIC_FEE, 0);
    for bad in [
        PoolStatic { factory: Address::ZERO, ..row },
        PoolStatic { fee_pips: 500, ..row },
        PoolStatic { hooks: FORGER, ..row },
        PoolStatic { key: PoolKey::address(CHAIN_ID, PAIR), ..row },
        dynamic,
    ] {
        let refused = Err(LookupError::BadStatic { pool: bad.key });
        assert_eq!(arena.add_pool(bad), refused, "{bad:?}");
    }
    arena.add_pool(row).unwrap();
    dynamic = v4_row(V4_DYNAMIC_FEE, 0x1000);
    arena.add_pool(dynamic).unwrap();
    let hash = arena.tip().unwrap().hash;
    let (slot, ticks) = slot_and_ticks();
    let with = |fees| Hydration::V4 { slot, fees, ticks: ticks.clone() };
    let refused = Err(LookupError::BadState { pool: row.key });
    assert_eq!(arena.hydrate(&row.key, hash, with(V4Fees { lp: 500, ..FEES })), refused);
    assert_eq!(
        arena.hydrate(&row.key, hash, with(V4Fees { zero_for_one: 1_001, ..FEES })),
        refused
    );
    let v3 = Hydration::V3 { slot, fee_protocol: 0, ticks: ticks.clone() };
    assert_eq!(arena.hydrate(&row.key, hash, v3), refused);
    let unpriced = Hydration::V4 { slot: V3Slot::default(), fees: FEES, ticks: Vec::new() };
    assert_eq!(arena.hydrate(&row.key, hash, unpriced), refused);
    assert!(arena.hydrate(&row.key, hash, with(FEES)).is_ok());
    assert!(arena.hydrate(&dynamic.key, hash, with(V4Fees { lp: 0, ..FEES })).is_ok());
}

/// The event of a swap of `amount` in that the hydrated pool carries out at this whole fee.
fn swap_event(fee_pips: u32, amount: u64) -> PoolEvent {
    let spacing = TickSpacing::v4(60).unwrap();
    let (slot, rows) = slot_and_ticks();
    let mut ticks = TickList::new();
    for (tick, info) in rows {
        ticks.set(tick, info);
    }
    let terms = V3Terms { fee: FeePips::at_most_whole(fee_pips).unwrap(), spacing };
    let kind = SwapKind::ExactIn(U256::from(amount));
    let swap = slot.quote_v4(&ticks, terms, Direction::ZeroForOne, kind).unwrap();
    PoolEvent::V4Swap {
        amount0: -i128::from(amount),
        amount1: swap.amount_out.to::<u128>() as i128,
        sqrt_price: swap.slot.sqrt_price.get(),
        liquidity: swap.slot.liquidity.get(),
        tick: swap.slot.tick,
        fee_pips,
    }
}

#[test]
fn a_fee_other_than_the_keys_and_the_protocols_halts_a_static_pool() {
    let row = v4_row(3_000, 0);
    let arena = hydrated(&row, FEES);
    let verdict = |event| verify_event(pool(&arena, &row.key), &event);
    assert!(matches!(verdict(swap_event(3_499, 1_000)), Verdict::VerifiedSwap(_)));
    // The amounts agree with the fee told, but the fee is not this pool's: a missed protocol fee.
    assert_eq!(verdict(swap_event(3_000, 1_000)), Verdict::Diverged(Divergence::Fee));
    let PoolEvent::V4Swap { amount0, amount1, sqrt_price, liquidity, tick, fee_pips } =
        swap_event(3_499, 1_000)
    else {
        unreachable!()
    };
    let bent =
        PoolEvent::V4Swap { amount0, amount1: amount1 + 1, sqrt_price, liquidity, tick, fee_pips };
    assert_eq!(verdict(bent), Verdict::Diverged(Divergence::Swap));
    let mut arena = hydrated(&row, FEES);
    assert_eq!(apply(&mut arena, &[(row.key, swap_event(3_000, 1_000))]).halted.len(), 1);
    assert_eq!(pool(&arena, &row.key).accuracy().reason, GradeReason::Halted);
}

fn lp(arena: &PoolArena, key: &PoolKey) -> (u32, LpFeeSource) {
    let PoolState::V4(state) = pool(arena, key).state() else { panic!("the pool is of V4") };
    (state.fees.lp, state.lp_source)
}

#[test]
fn a_dynamic_fee_is_learned_from_swaps_and_unlearned_on_revert() {
    let row = v4_row(V4_DYNAMIC_FEE, 0x1000);
    let mut arena = hydrated(&row, FEES);
    let tip = arena.tip().unwrap().number;
    let accuracy = pool(&arena, &row.key).accuracy_at(tip);
    assert_eq!(accuracy.grade, Grade::AStar);
    assert_eq!(accuracy.reason, GradeReason::DynamicFeeRead { block: tip });
    // The hooks have changed it to 700 meanwhile: 500 + 700 - 0.35, rounded up.
    let applied = apply(&mut arena, &[(row.key, swap_event(1_200, 1_000))]);
    assert_eq!((applied.verified, applied.halted.len()), (1, 0));
    assert_eq!(lp(&arena, &row.key), (700, LpFeeSource::Learned { block: tip + 1 }));
    let accuracy = pool(&arena, &row.key).accuracy();
    assert_eq!(accuracy.grade, Grade::C);
    assert_eq!(accuracy.reason, GradeReason::DynamicFeeLearned { block: tip + 1 });
    arena.revert_tip().unwrap();
    // Hydration leaves nothing to go back to below it, but its own block is.
    assert_eq!(lp(&arena, &row.key), (3_000, LpFeeSource::Read { block: tip }));
    // Below the protocol's fee there is no other.
    let less = swap_event(499, 1_000);
    let verdict = verify_event(pool(&arena, &row.key), &less);
    assert_eq!(verdict, Verdict::Diverged(Divergence::Fee));
}

#[test]
fn quotes_that_hooks_decide_are_refused_with_the_reason() {
    let ask = |row: &PoolStatic, fees| {
        let arena = hydrated(row, fees);
        let pool = pool(&arena, &row.key);
        let quote = pool.quote(Direction::ZeroForOne, SwapKind::ExactIn(U256::from(1_000)));
        (pool.accuracy(), quote.err())
    };
    let (accuracy, error) = ask(&v4_row(V4_DYNAMIC_FEE, 0x0080), FEES);
    assert_eq!((accuracy.grade, accuracy.reason), (Grade::D, GradeReason::HooksSetFee));
    assert_eq!(error, Some(QuoteError::SimulationOnly));
    for bits in [0x0088, 0x0044, 0x00cc] {
        let (accuracy, error) = ask(&v4_row(3_000, bits), FEES);
        assert_eq!((accuracy.grade, accuracy.reason), (Grade::D, GradeReason::HooksChangeAmounts));
        assert_eq!(error, Some(QuoteError::SimulationOnly));
    }
    // Hooks that merely run, and hooks about liquidity.
    let (accuracy, error) = ask(&v4_row(3_000, 0x0080), FEES);
    assert_eq!(
        (accuracy.grade, accuracy.reason, error),
        (Grade::C, GradeReason::HooksRunOnSwap, None)
    );
    let (accuracy, error) = ask(&v4_row(3_000, 0x0f03), FEES);
    assert_eq!((accuracy.grade, accuracy.reason, error), (Grade::A, GradeReason::Events, None));

    let mut arena = arena(Discovery::All);
    let dynamic = v4_row(V4_DYNAMIC_FEE, 0x1000);
    take(&mut arena, vec![initialize_log(&dynamic, FACTORY), liquidity_log(&dynamic, FACTORY, 99)]);
    let pool = pool(&arena, &dynamic.key);
    assert_eq!(pool.accuracy().reason, GradeReason::DynamicFeeUnknown);
    let quote = pool.quote(Direction::ZeroForOne, SwapKind::ExactIn(U256::from(10)));
    assert_eq!(quote, Err(QuoteError::FeeUnknown));
}

#[test]
fn a_swap_that_hooks_took_whole_contradicts_nothing_unless_they_may_not() {
    let (slot, _) = slot_and_ticks();
    let nothing = PoolEvent::V4Swap {
        amount0: 0,
        amount1: 0,
        sqrt_price: slot.sqrt_price.get(),
        liquidity: slot.liquidity.get(),
        tick: slot.tick,
        fee_pips: 3_499,
    };
    let absorbing = v4_row(3_000, 0x0088);
    let arena = hydrated(&absorbing, FEES);
    assert_eq!(verify_event(pool(&arena, &absorbing.key), &nothing), Verdict::Absorbed);
    let plain = v4_row(3_000, 0x0044);
    let arena = hydrated(&plain, FEES);
    let diverged = Verdict::Diverged(Divergence::Swap);
    assert_eq!(verify_event(pool(&arena, &plain.key), &nothing), diverged);
}

/// PancakeSwap's factory is an npm package of another compiler's artifacts that is not at hand: its events are made here.
mod pancake {
    use super::*;

    fn created(factory: Address) -> PoolEvent {
        let (token0, token1) = (Address::with_last_byte(1), Address::with_last_byte(2));
        PoolEvent::V3Created { factory, token0, token1, fee_pips: 500, tick_spacing: 10 }
    }

    const KEY: PoolKey = PoolKey::address(CHAIN_ID, PAIR);

    fn initialize() -> PoolEvent {
        PoolEvent::V3Initialize { sqrt_price: U256::ONE << 96, tick: 0 }
    }

    fn mint() -> PoolEvent {
        // Symmetric about the price: both amounts are L(1 - 1.0001^-5), rounded up.
        let slot = V3Slot {
            sqrt_price: Tick::new(0).unwrap().sqrt_price(),
            tick: 0,
            liquidity: Liquidity::ZERO,
        };
        let (lower, upper) = (Tick::new(-10).unwrap(), Tick::new(10).unwrap());
        let amounts =
            weir_amm::range_amounts(&slot, lower, upper, Liquidity::new(1 << 40), true).unwrap();
        let (amount0, amount1) = amounts;
        PoolEvent::V3Mint { lower: -10, upper: 10, amount: 1 << 40, amount0, amount1 }
    }

    /// A possible swap of the pool so made, as either fork tells it.
    fn swap(is_pancake: bool) -> PoolEvent {
        let spacing = TickSpacing::new(10).unwrap();
        let mut ticks = TickList::new();
        let (lower, upper) = (Tick::new(-10).unwrap(), Tick::new(10).unwrap());
        ticks.update_range(lower, upper, 1 << 40, spacing).unwrap();
        let (sqrt_price, tick) = (Tick::new(0).unwrap().sqrt_price(), 0);
        let slot = V3Slot { sqrt_price, tick, liquidity: Liquidity::new(1 << 40) };
        let terms = V3Terms { fee: FeePips::new(500).unwrap(), spacing };
        let kind = SwapKind::ExactIn(U256::from(1_000_000));
        let swap = slot.quote(&ticks, terms, Direction::OneForZero, kind).unwrap();
        let (amount0, amount1) = (-I256::from_raw(swap.amount_out), I256::from_raw(swap.amount_in));
        let (sqrt_price, liquidity) = (swap.slot.sqrt_price.get(), swap.slot.liquidity.get());
        let tick = swap.slot.tick;
        if is_pancake {
            let (protocol_fee0, protocol_fee1) = (0, 170);
            PoolEvent::PancakeV3Swap {
                amount0,
                amount1,
                sqrt_price,
                liquidity,
                tick,
                protocol_fee0,
                protocol_fee1,
            }
        } else {
            PoolEvent::V3Swap { amount0, amount1, sqrt_price, liquidity, tick }
        }
    }

    fn fee_protocol(arena: &PoolArena) -> u32 {
        let PoolState::V3(state) = pool(arena, &KEY).state() else { panic!("the pool is of V3") };
        state.fee_protocol
    }

    #[test]
    fn its_factory_is_known_and_its_swaps_are_verified() {
        let mut arena = arena(Discovery::All);
        let events = [(KEY, created(PANCAKE_FACTORY)), (KEY, initialize()), (KEY, mint())];
        apply(&mut arena, &events);
        assert_eq!(pool(&arena, &KEY).statics().protocol, Protocol::PancakeV3);
        assert_eq!(fee_protocol(&arena), 3_400 | (3_400 << 16), "what initialize sets at 0.05 %");
        let applied = apply(&mut arena, &[(KEY, swap(true))]);
        assert_eq!((applied.verified, applied.halted.len()), (1, 0));
        let set = PoolEvent::PancakeV3SetFeeProtocol { fee_protocol0: 1_000, fee_protocol1: 0 };
        apply(&mut arena, &[(KEY, set)]);
        assert_eq!(fee_protocol(&arena), 1_000);
        arena.revert_tip().unwrap();
        assert_eq!(fee_protocol(&arena), 3_400 | (3_400 << 16));
        assert_eq!(pool(&arena, &KEY).accuracy().grade, Grade::A);
    }

    #[test]
    fn an_event_of_the_other_fork_halts_a_pool_whose_fork_is_known() {
        for (factory, is_pancake) in [(PANCAKE_FACTORY, false), (FACTORY, true)] {
            let mut arena = arena(Discovery::All);
            apply(&mut arena, &[(KEY, created(factory)), (KEY, initialize()), (KEY, mint())]);
            if is_pancake {
                // It has told that it is Uniswap's.
                let set = PoolEvent::V3SetFeeProtocol { fee_protocol0: 0, fee_protocol1: 0 };
                assert_eq!(apply(&mut arena, &[(KEY, set)]).halted, []);
            }
            assert_eq!(apply(&mut arena, &[(KEY, swap(is_pancake))]).halted.len(), 1);
            let evidence = *pool(&arena, &KEY).evidence().unwrap();
            assert_eq!(evidence.divergence, Divergence::Protocol);
        }
        let row = PoolStatic {
            key: KEY,
            protocol: Protocol::PancakeV3,
            token0: Address::with_last_byte(1),
            token1: Address::with_last_byte(2),
            fee_pips: 500,
            tick_spacing: 10,
            factory: Address::ZERO,
            hooks: Address::ZERO,
            decimals: None,
        };
        let mut arena = arena(Discovery::Off);
        arena.add_pool(row).unwrap();
        // The creation by a factory not known fits what the whitelist says.
        apply(&mut arena, &[(KEY, created(FACTORY)), (KEY, initialize()), (KEY, mint())]);
        assert_eq!(pool(&arena, &KEY).status(), PoolStatus::Live);
        assert_eq!(apply(&mut arena, &[(KEY, swap(false))]).halted.len(), 1);
    }

    #[test]
    fn a_pool_of_a_factory_not_known_shows_its_fork_and_forgets_it_on_revert() {
        let mut arena = arena(Discovery::All);
        apply(&mut arena, &[(KEY, created(FACTORY)), (KEY, initialize()), (KEY, mint())]);
        assert_eq!(pool(&arena, &KEY).statics().protocol, Protocol::UniswapV3);
        let digest = arena.digest();
        for is_pancake in [true, false, true] {
            let applied = apply(&mut arena, &[(KEY, swap(is_pancake))]);
            assert_eq!((applied.verified, applied.halted.len()), (1, 0));
            let expected = if is_pancake { Protocol::PancakeV3 } else { Protocol::UniswapV3 };
            assert_eq!(pool(&arena, &KEY).statics().protocol, expected);
            arena.revert_tip().unwrap();
            assert_eq!(arena.digest(), digest);
            assert_eq!(pool(&arena, &KEY).statics().protocol, Protocol::UniswapV3);
        }
    }
}
