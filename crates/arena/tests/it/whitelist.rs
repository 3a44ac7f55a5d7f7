//! Pools that join and leave, and where their first state comes from.

use crate::history::{CHAIN_ID, FACTORY, World};
use alloy_primitives::{Address, B256, U256};
use weir_amm::{Liquidity, Reserves, Tick, TickInfo, V3Slot};
use weir_arena::{
    ArenaConfig, BlockEnvelope, EventRecord, Hydration, LookupError, PoolArena, PoolEvent, PoolKey,
    PoolState, PoolStatic, PoolStatus, Protocol, SwapState52,
};
use weir_primitives::BlockRef;

pub(crate) fn row(protocol: Protocol, last_byte: u8) -> PoolStatic {
    PoolStatic {
        key: PoolKey::address(CHAIN_ID, Address::with_last_byte(last_byte)),
        protocol,
        token0: Address::with_last_byte(1),
        token1: Address::with_last_byte(2),
        fee_pips: 3000,
        tick_spacing: if protocol == Protocol::UniswapV3 { 60 } else { 0 },
        factory: FACTORY,
        hooks: Address::ZERO,
        decimals: None,
    }
}

pub(crate) fn child(parent: BlockRef, events: &[(PoolKey, PoolEvent)]) -> BlockEnvelope {
    let number = parent.number + 1;
    let hash = B256::with_last_byte(number as u8);
    let block = BlockRef { number, hash, parent_hash: parent.hash, timestamp: number };
    let events = events.iter().enumerate().map(|(index, (pool, event))| EventRecord {
        tx_index: 0,
        log_index: index as u32,
        tx_hash: B256::ZERO,
        pool: *pool,
        event: *event,
    });
    BlockEnvelope::new(CHAIN_ID, block, 0, events.collect())
}

pub(crate) fn extend(
    arena: &mut PoolArena,
    events: &[(PoolKey, PoolEvent)],
) -> weir_arena::Applied {
    let envelope = child(arena.tip().unwrap(), events);
    arena.apply(&envelope).unwrap()
}

pub(crate) fn arena() -> PoolArena {
    let mut arena = PoolArena::new(ArenaConfig::new(CHAIN_ID));
    arena.restart_at(World::genesis().tip);
    arena
}

pub(crate) fn status(arena: &PoolArena, key: &PoolKey) -> PoolStatus {
    arena.pool(arena.find(key).unwrap()).unwrap().status()
}

fn v3_state() -> Hydration {
    let tick = Tick::new(30).unwrap();
    let slot = V3Slot { sqrt_price: tick.sqrt_price(), tick: 30, liquidity: Liquidity::new(500) };
    let info = |net| TickInfo { gross: 500, net };
    let ticks = vec![(Tick::new(60).unwrap(), info(-500)), (Tick::new(-60).unwrap(), info(500))];
    Hydration::V3 { slot, fee_protocol: 0, ticks }
}

const MINT: PoolEvent =
    PoolEvent::V3Mint { lower: 60, upper: 120, amount: 7, amount0: U256::ONE, amount1: U256::ZERO };

#[test]
fn a_whitelisted_pool_is_silent_until_hydrated_and_again_below() {
    let mut arena = arena();
    let row = row(Protocol::UniswapV3, 9);
    let change = arena.set_pools(&[row]);
    assert_eq!((change.added.len(), change.removed.len(), change.rejected.len()), (1, 0, 0));
    let applied = extend(&mut arena, &[(row.key, MINT)]);
    assert_eq!((applied.touched.len(), applied.ignored), (0, 1));
    assert_eq!(status(&arena, &row.key), PoolStatus::Unsynced);
    assert_eq!(arena.state_at(&row.key, 1), Err(LookupError::Unsynced { pool: row.key }));

    let other = B256::with_last_byte(99);
    assert_eq!(
        arena.hydrate(&row.key, other, v3_state()),
        Err(LookupError::NotTip { found: other })
    );
    let tip = arena.tip().unwrap();
    arena.hydrate(&row.key, tip.hash, v3_state()).unwrap();
    assert_eq!(status(&arena, &row.key), PoolStatus::Live);
    let hydrated = arena.digest();
    assert!(arena.state_at(&row.key, 1).is_ok());
    assert_eq!(arena.state_at(&row.key, 0), Err(LookupError::Unsynced { pool: row.key }));

    let applied = extend(&mut arena, &[(row.key, MINT)]);
    assert_eq!((applied.touched.len(), applied.halted.len(), applied.verified), (1, 0, 1));
    let idx = arena.find(&row.key).unwrap();
    let PoolState::V3(state) = arena.pool(idx).unwrap().state() else {
        panic!("the pool is of V3")
    };
    assert_eq!(state.ticks.len(), 3);
    arena.revert_tip().unwrap();
    assert_eq!(arena.digest(), hydrated);
    assert_eq!(status(&arena, &row.key), PoolStatus::Live);
    arena.revert_tip().unwrap();
    assert_eq!(
        status(&arena, &row.key),
        PoolStatus::Unsynced,
        "nothing is known below the hydration"
    );
    let applied = extend(&mut arena, &[(row.key, MINT)]);
    assert_eq!(applied.ignored, 1);
}

#[test]
fn hydration_of_a_live_pool_reaches_no_older_undo_record() {
    let mut arena = arena();
    let row = row(Protocol::UniswapV3, 9);
    arena.add_pool(row).unwrap();
    extend(&mut arena, &[]);
    let hash = arena.tip().unwrap().hash;
    arena.hydrate(&row.key, hash, v3_state()).unwrap();
    for _ in 0..3 {
        extend(&mut arena, &[(row.key, MINT)]);
    }
    let hash = arena.tip().unwrap().hash;
    arena.hydrate(&row.key, hash, v3_state()).unwrap();
    arena.revert_tip().unwrap();
    assert_eq!(status(&arena, &row.key), PoolStatus::Unsynced);
    while arena.revert_tip().is_ok() {
        assert_eq!(
            status(&arena, &row.key),
            PoolStatus::Unsynced,
            "pre-images of older ticks stay out"
        );
    }
}

#[test]
fn impossible_states_are_refused() {
    let mut arena = arena();
    let v3 = row(Protocol::UniswapV3, 9);
    arena.add_pool(v3).unwrap();
    let hash = arena.tip().unwrap().hash;
    let refused = Err(LookupError::BadState { pool: v3.key });
    let Hydration::V3 { slot, fee_protocol, ticks } = v3_state() else { unreachable!() };
    let mut cases = vec![Hydration::V2(Reserves::default())];
    let with = |slot, ticks: &[(Tick, TickInfo)]| Hydration::V3 {
        slot,
        fee_protocol,
        ticks: ticks.to_vec(),
    };
    cases.push(with(slot, &ticks[..1]));
    cases.push(with(V3Slot { tick: 31, ..slot }, &ticks));
    cases.push(with(V3Slot { liquidity: Liquidity::new(499), ..slot }, &ticks));
    cases.push(with(slot, &[ticks[0], ticks[1], ticks[1]]));
    let unaligned = [(Tick::new(61).unwrap(), ticks[0].1), ticks[1]];
    cases.push(with(slot, &unaligned));
    for case in cases {
        assert_eq!(arena.hydrate(&v3.key, hash, case), refused);
        assert_eq!(status(&arena, &v3.key), PoolStatus::Unsynced);
    }
    let below = V3Slot { tick: 29, ..slot };
    assert!(
        arena.hydrate(&v3.key, hash, with(below, &ticks)).is_ok(),
        "a swap down may end on a tick"
    );
}

#[test]
fn absolute_reserves_sync_a_pair_and_reverting_them_unsyncs_it() {
    let mut arena = arena();
    let row = row(Protocol::UniswapV2, 8);
    arena.add_pool(row).unwrap();
    let swap = PoolEvent::V2Swap {
        amount0_in: U256::ONE,
        amount1_in: U256::ZERO,
        amount0_out: U256::ZERO,
        amount1_out: U256::ONE,
    };
    extend(&mut arena, &[(row.key, swap)]);
    assert_eq!(status(&arena, &row.key), PoolStatus::Unsynced);
    let sync = |reserve0, reserve1| PoolEvent::V2Sync { reserve0, reserve1 };
    extend(&mut arena, &[(row.key, sync(1000, 5000)), (row.key, swap)]);
    assert_eq!(status(&arena, &row.key), PoolStatus::Live);
    extend(&mut arena, &[]);
    let expected = SwapState52::from_v2(&Reserves { reserve0: 1000, reserve1: 5000 });
    assert_eq!(arena.state_at(&row.key, 2), Ok(expected));
    assert_eq!(arena.state_at(&row.key, 3), Ok(expected));
    assert_eq!(arena.state_at(&row.key, 1), Err(LookupError::Unsynced { pool: row.key }));
    // Reserves that the amounts do not explain: another fee, or a token that does as it likes.
    let applied = extend(&mut arena, &[(row.key, sync(1002, 4000)), (row.key, swap)]);
    assert_eq!(applied.halted.len(), 1);
    assert_eq!(status(&arena, &row.key), PoolStatus::Halted);
    let hash = arena.tip().unwrap().hash;
    arena
        .hydrate(&row.key, hash, Hydration::V2(Reserves { reserve0: 1001, reserve1: 4000 }))
        .unwrap();
    assert_eq!(status(&arena, &row.key), PoolStatus::Live, "hydration ends a halt");
    for _ in 0..3 {
        arena.revert_tip().unwrap();
    }
    assert_eq!(status(&arena, &row.key), PoolStatus::Unsynced);
}

#[test]
fn a_pool_that_left_is_not_reached_by_undo_records() {
    let mut arena = arena();
    let (old, new) = (row(Protocol::UniswapV2, 8), row(Protocol::UniswapV2, 7));
    arena.add_pool(old).unwrap();
    let sync = |reserve| PoolEvent::V2Sync { reserve0: reserve, reserve1: reserve };
    extend(&mut arena, &[(old.key, sync(10))]);
    extend(&mut arena, &[(old.key, sync(20))]);
    let topology = arena.snapshot().topology();
    let change = arena.set_pools(&[new]);
    assert_eq!((change.removed, change.added.len()), (vec![old.key], 1));
    assert!(arena.snapshot().topology() > topology);
    extend(&mut arena, &[(new.key, sync(30))]);
    assert_eq!(arena.find(&old.key), None);
    let held = arena.snapshot();
    arena.revert_tip().unwrap();
    arena.revert_tip().unwrap();
    assert_eq!(status(&arena, &new.key), PoolStatus::Unsynced);
    assert_eq!(
        held.get(&new.key).unwrap().status(),
        PoolStatus::Live,
        "a snapshot stays as it was"
    );
}

#[test]
fn bad_rows_are_rejected_one_by_one() {
    let mut arena = arena();
    let good = row(Protocol::UniswapV3, 9);
    let mut rows = vec![good];
    rows.push(PoolStatic { token1: good.token0, ..row(Protocol::UniswapV3, 10) });
    rows.push(PoolStatic { fee_pips: 1_000_000, ..row(Protocol::UniswapV3, 11) });
    rows.push(PoolStatic { tick_spacing: 0, ..row(Protocol::UniswapV3, 12) });
    rows.push(PoolStatic { fee_pips: 500, ..good });
    let mut foreign = row(Protocol::UniswapV2, 13);
    foreign.key.chain_id = 2;
    rows.push(foreign);
    let change = arena.set_pools(&rows);
    assert_eq!(change.added.len(), 1);
    let reasons: Vec<_> = change.rejected.iter().map(|(_, error)| *error).collect();
    let bad = |row: &PoolStatic| LookupError::BadStatic { pool: row.key };
    let conflict = LookupError::Conflict { pool: good.key };
    assert_eq!(reasons, [bad(&rows[1]), bad(&rows[2]), bad(&rows[3]), conflict, bad(&foreign)]);
    assert_eq!(arena.len(), 1);
}
