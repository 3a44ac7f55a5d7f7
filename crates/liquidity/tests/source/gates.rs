//! The barrier, the whitelist, what closes gates, and what the node is asked for in the background.

use crate::{
    common::{CHAIN, Dice, PAIR, TOKEN0},
    model::{Bench, Form, full, pair, pool, state, update},
};
use alloy_primitives::{Address, U256};
use std::time::Duration;
use weir_amm::Reserves;
use weir_arena::{Hydration, PoolKey, PoolStatic};
use weir_feed::Completeness;
use weir_liquidity::{
    DegradedReason, EngineInput, GateRefusal, HaltCause, HealthReason, LiquidityService,
    LiquiditySet, PoolGate, PoolRefusal, SetError, SourceBlock, SourceOptions, SourceStatus,
    SourceUpdate, TradingState, WhitelistChange, WorkDone, gate_check,
};
use weir_rpc::{PathHop, PoolBlock, PoolsBackend};

fn whitelist(change: WhitelistChange) -> EngineInput {
    EngineInput::Whitelist(change)
}

#[test]
fn no_block_is_applied_before_the_first_list() {
    let mut dice = Dice(1);
    let mut bench = Bench::new(Bench::options());
    bench.commit(3, &mut dice);
    let health = bench.handle.health();
    assert_eq!((health.live, health.ready), (true, false));
    assert!(health.reasons.contains(&HealthReason::NoWhitelist));
    let add = WhitelistChange::Add { snapshot_id: 1, pools: vec![pair()] };
    bench.take(whitelist(add));
    bench.take(whitelist(WhitelistChange::Full { snapshot_id: 2, pools: Vec::new() }));
    bench.commit(2, &mut dice);
    assert_eq!((bench.view().head.tip(), bench.open.len()), (None, 0));
    bench.take(full());
    let seen = bench.chain.tip_world().reference();
    assert_eq!(bench.view().head.tip(), Some(seen));
    assert_eq!(bench.handle.state(), TradingState::Resyncing { pools: 2 });
    // Blocks go on while the node is asked, and are not waited for.
    bench.commit(3, &mut dice);
    assert_eq!(bench.open.len(), 1);
    assert_eq!(bench.open[0].at, seen);
    bench.serve_all();
    assert_eq!(bench.handle.state(), TradingState::Live);
    bench.assert_true();
    let done = bench.engine.acknowledgements();
    assert_eq!((done.len(), done[0].snapshot_id, done[0].block), (1, 1, seen));
    assert_eq!(done[0].hydrated, [pair().key, pool().key]);
    let health = bench.handle.health();
    assert_eq!((health.live, health.ready, health.reasons.len()), (true, true, 0));
}

#[test]
fn changes_wait_for_the_blocks_end_and_are_applied_as_one() {
    let mut dice = Dice(2);
    let mut bench = Bench::live(Bench::options(), 4, &mut dice);
    drop(bench.engine.acknowledgements());
    let remove = |pool: PoolStatic, snapshot_id| {
        whitelist(WhitelistChange::Remove { snapshot_id, pools: vec![pool.key] })
    };
    bench.take(remove(pool(), 5));
    let add = WhitelistChange::Add { snapshot_id: 6, pools: vec![pool()] };
    bench.take(whitelist(add));
    bench.take(remove(pair(), 7));
    assert_eq!(bench.view().head.len(), 2);
    bench.commit(1, &mut dice);
    // Removed and added again is no change.
    assert_eq!((bench.gate(&pair()), bench.gate(&pool())), (None, Some("live")));
    let done = bench.engine.acknowledgements();
    assert_eq!((done.len(), done[0].snapshot_id, done[0].messages), (1, 7, 3));
    assert_eq!((&*done[0].removed, &*done[0].added), (&[pair().key][..], &[][..]));
    assert_eq!(done[0].block, bench.chain.tip_world().reference());
    // A pool that joins later stops nobody.
    bench.take(whitelist(WhitelistChange::Add { snapshot_id: 8, pools: vec![pair()] }));
    bench.reorg(1, 3, &mut dice);
    assert_eq!(bench.handle.state(), TradingState::Live);
    assert_eq!((bench.gate(&pair()), bench.gate(&pool())), (Some("unsynced"), Some("live")));
    // Its `Sync` events do not make it live before the contract was looked at.
    bench.commit(6, &mut dice);
    assert_eq!(bench.gate(&pair()), Some("unsynced"));
    assert!(bench.engine.acknowledgements().is_empty());
    bench.serve_all();
    assert_eq!(bench.gate(&pair()), Some("live"));
    let done = bench.engine.acknowledgements();
    assert_eq!((done[0].snapshot_id, &*done[0].hydrated), (8, &[pair().key][..]));
    bench.assert_equals_rebuild();
}

#[test]
fn rows_that_contradict_the_contract_are_refused() {
    let mut dice = Dice(3);
    let mut bench = Bench::live(Bench::options(), 4, &mut dice);
    drop(bench.engine.acknowledgements());
    let other = Address::repeat_byte(0x77);
    let turned = PoolStatic { token0: other, token1: Address::repeat_byte(0x78), ..pair() };
    let absent = PoolStatic { key: PoolKey::address(CHAIN, other), ..pool() };
    let nonsense = PoolStatic { key: PoolKey::address(CHAIN + 1, other), ..pool() };
    let pools = vec![turned, pool(), absent, nonsense];
    bench.take(whitelist(WhitelistChange::Full { snapshot_id: 9, pools }));
    bench.commit(1, &mut dice);
    bench.serve_all();
    let done = bench.engine.acknowledgements();
    let mut rejected = done[0].rejected.clone();
    rejected.sort_by_key(|(key, _)| *key);
    let tokens = PoolRefusal::Tokens { token0: pair().token0, token1: pair().token1 };
    let mut expected = vec![
        (pair().key, tokens),
        (absent.key, PoolRefusal::NoContract),
        (nonsense.key, PoolRefusal::Row),
    ];
    expected.sort_by_key(|(key, _)| *key);
    assert_eq!((rejected, &*done[0].removed), (expected, &[pair().key][..]));
    assert_eq!((bench.gate(&pair()), bench.gate(&absent)), (None, Some("unsynced")));
    assert_eq!((bench.gate(&pool()), bench.handle.state()), (Some("live"), TradingState::Live));
    // The same list with the row put right.
    let pools = vec![pair(), pool()];
    bench.take(whitelist(WhitelistChange::Full { snapshot_id: 10, pools }));
    bench.commit(1, &mut dice);
    bench.serve_all();
    assert_eq!((bench.gate(&pair()), bench.view().head.len()), (Some("live"), 2));
    bench.assert_equals_rebuild();
}

/// Says that the pair holds one wei more.
fn lie(bench: &mut Bench) {
    while let Some(work) = bench.open.pop() {
        let world = bench.archive.world(work.at.hash);
        let read = |pool: &PoolStatic| {
            let Hydration::V2(reserves) = state(&world, &pool.key) else {
                return (pool.key, Ok(state(&world, &pool.key)));
            };
            let reserves = Reserves { reserve1: reserves.reserve1 + 1, ..reserves };
            (pool.key, Ok(Hydration::V2(reserves)))
        };
        let reads = work.pools.iter().map(read).collect();
        bench.engine.finish(WorkDone { id: work.id, reads }, bench.now).unwrap();
    }
}

#[test]
fn a_difference_found_in_the_background_halts_the_pool_for_good() {
    let mut dice = Dice(4);
    let options = SourceOptions { samples: 2, ..Bench::options() };
    let mut bench = Bench::new(options);
    bench.take(full());
    bench.commit(4, &mut dice);
    bench.serve_all();
    let mut gates = bench.handle.subscribe_gates();
    bench.commit(1, &mut dice);
    let block = bench.chain.tip_world().reference();
    let reserve1 = bench.chain.tip_world().reserves.reserve1;
    // The answer comes late, and is compared with the block it is about.
    let late = std::mem::take(&mut bench.open);
    bench.reorg(1, 3, &mut dice);
    bench.open = late;
    lie(&mut bench);
    let view = bench.view();
    let Some(PoolGate::Halted(HaltCause::Check(evidence))) = view.gate(&pair().key) else {
        panic!("{:?}", view.gate(&pair().key))
    };
    assert_eq!((evidence.block, &*evidence.field), (block, "reserve1"));
    assert_eq!(evidence.ours, reserve1.to_string());
    assert_eq!(evidence.theirs, (reserve1 + 1).to_string());
    let degraded = TradingState::Degraded(DegradedReason::PoolsHalted { pools: 1 });
    assert_eq!((bench.handle.state(), bench.gate(&pool())), (degraded, Some("live")));
    let event = std::iter::from_fn(|| gates.try_recv().ok()).last().unwrap();
    assert_eq!((event.chain_id, event.overall, event.changed.len()), (CHAIN, degraded, 1));
    assert_eq!((event.changed[0].0, event.changed[0].1.name()), (pair().key, "halted"));
    let refused = gate_check(&view, [pool().key, pair().key]).unwrap_err();
    assert!(refused.to_string().contains("field=reserve1"), "{refused}");
    let hop = PathHop { pool: PAIR.to_string(), token_in: TOKEN0 };
    let quote = LiquidityService::pools_only(bench.handle.clone())
        .quote(&[hop], U256::from(1000), PoolBlock::Latest)
        .unwrap_err();
    assert!(quote.to_string().contains("halted"), "{quote}");
    // Neither events nor reorgs nor a gap end it.
    bench.commit(5, &mut dice);
    bench.reorg(2, 2, &mut dice);
    drop(bench.chain.commit(1, &mut dice));
    bench.commit(1, &mut dice);
    bench.serve_all();
    assert_eq!((bench.gate(&pair()), bench.gate(&pool())), (Some("halted"), Some("live")));
    // The operator takes it off the list and puts it there again.
    bench.take(whitelist(WhitelistChange::Remove { snapshot_id: 2, pools: vec![pair().key] }));
    bench.commit(1, &mut dice);
    bench.take(full());
    bench.commit(1, &mut dice);
    bench.serve_all();
    assert_eq!((bench.gate(&pair()), bench.handle.state()), (Some("live"), TradingState::Live));
    bench.assert_equals_rebuild();
}

#[test]
fn trouble_of_the_source_closes_all_gates() {
    let mut dice = Dice(5);
    let mut bench = Bench::live(Bench::options(), 4, &mut dice);
    let tip = bench.chain.tip_world().reference().number;
    let status = |is_connected, head| EngineInput::Status(SourceStatus { is_connected, head });
    bench.take(status(false, None));
    let disconnected = TradingState::Degraded(DegradedReason::SourceDisconnected);
    assert_eq!(bench.handle.state(), disconnected);
    let refused = gate_check(&bench.view(), [pair().key]);
    assert_eq!(refused, Err(GateRefusal::Overall { state: disconnected }));
    assert_eq!(bench.gate(&pair()), Some("degraded"));
    let health = bench.handle.health();
    assert_eq!((health.live, health.ready), (true, false));
    assert_eq!(health.reasons, [HealthReason::State(disconnected)]);
    bench.take(status(true, Some(tip + 9)));
    let lagging = TradingState::Degraded(DegradedReason::SourceLagging { blocks: 9 });
    assert_eq!(bench.handle.state(), lagging);
    bench.commit(9, &mut dice);
    assert_eq!(bench.handle.state(), TradingState::Live);
    bench.take(EngineInput::Gap);
    assert_eq!(bench.handle.state(), TradingState::Degraded(DegradedReason::FeedGap));
    // What comes next proves that nothing was lost.
    bench.commit(1, &mut dice);
    assert_eq!(bench.handle.state(), TradingState::Live);
    assert!(bench.open.is_empty());
    // An old whitelist is said, and does not stop the pools that are known.
    bench.now += Duration::from_secs(601);
    bench.engine.tick(bench.now);
    let stale = TradingState::Degraded(DegradedReason::WhitelistStale { seconds: 601 });
    assert_eq!((bench.handle.state(), bench.gate(&pair())), (stale, Some("live")));
    bench.take(whitelist(WhitelistChange::Confirmed));
    assert_eq!(bench.handle.state(), TradingState::Live);
}

#[test]
fn unproven_blocks_are_not_traded_on_and_end_in_a_new_reading() {
    let mut dice = Dice(6);
    let completeness_min = Completeness::BlockHashPinnedLogs;
    let options = SourceOptions { completeness_min, ..Bench::options() };
    let mut bench = Bench::live(options, 4, &mut dice);
    let weaken = |update: SourceUpdate| SourceUpdate {
        new: update
            .new
            .into_iter()
            .map(|block| match block {
                SourceBlock::Logged(block, _) => SourceBlock::Logged(block, Completeness::Unproven),
                block => block,
            })
            .collect(),
        ..update
    };
    let weak = bench.chain.commit(2, &mut dice);
    bench.take(EngineInput::Source(weaken(update(&weak, Form::Logged))));
    let completeness = Completeness::Unproven;
    let unproven = TradingState::Degraded(DegradedReason::Unproven { completeness });
    assert_eq!((bench.handle.state(), bench.gate(&pair())), (unproven, Some("degraded")));
    // A reorg that takes them off makes it good without any reading.
    bench.reorg(2, 2, &mut dice);
    assert_eq!((bench.handle.state(), bench.open.len()), (TradingState::Live, 0));
    let weak = bench.chain.commit(1, &mut dice);
    bench.take(EngineInput::Source(weaken(update(&weak, Form::Logged))));
    bench.commit(1, &mut dice);
    assert_eq!(bench.handle.state(), TradingState::Resyncing { pools: 2 });
    bench.serve_all();
    assert_eq!(bench.handle.state(), TradingState::Live);
    bench.assert_equals_rebuild();
}

#[test]
fn a_set_has_one_engine_a_chain() {
    let mut dice = Dice(7);
    let bench = Bench::live(Bench::options(), 4, &mut dice);
    let (_, other) = weir_liquidity::SourceEngine::new(SourceOptions::new(5), None);
    let mut set = LiquiditySet::new();
    set.insert(other).unwrap();
    set.insert(bench.handle.clone()).unwrap();
    let again = set.insert(bench.handle);
    assert_eq!(again, Err(SetError::Occupied { chain_id: CHAIN }));
    assert_eq!(set.iter().map(|(chain, _)| chain).collect::<Vec<_>>(), [5, CHAIN]);
    assert_eq!(set.gate_check(pair().key), Ok(()));
    let foreign = PoolKey::address(5, PAIR);
    assert!(matches!(set.gate_check(foreign), Err(GateRefusal::Overall { .. })));
    let unknown = PoolKey::address(6, PAIR);
    assert_eq!(set.gate_check(unknown), Err(GateRefusal::Unknown { pool: unknown }));
    let ready: Vec<_> = set.health().iter().map(|(_, health)| health.ready).collect();
    assert_eq!(ready, [false, true]);
}
