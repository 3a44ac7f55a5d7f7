//! Random histories, reorgs, whitelist changes, lost updates and late answers: never a wrong `Live`, and always live again.

use crate::{
    common::Dice,
    model::{Bench, Form, full, pair, pool, update},
};
use proptest::prelude::*;
use weir_liquidity::{
    EngineInput, ReadError, SourceOptions, SourceUpdate, TradingState, WhitelistChange, WorkDone,
};
use weir_primitives::ChainUpdate;

/// How an update reaches the engine.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Sent(Form),
    Lost,
    /// The blocks that left are not named.
    Unnamed(Form),
    /// The source says only where it goes on.
    Reset(Form),
    Twice(Form),
}

#[derive(Debug, Clone)]
enum Action {
    Commit(u64, Fate),
    Reorg(usize, u64, Fate),
    Full,
    Add(bool),
    Remove(bool),
    Gap,
    /// Answers one of the open requests, not always the oldest.
    Serve(usize),
    /// A request fails.
    Fail(usize),
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![Just(Form::Executed), Just(Form::Logged), Just(Form::Envelope)]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => form().prop_map(Fate::Sent),
        1 => Just(Fate::Lost),
        1 => form().prop_map(Fate::Unnamed),
        1 => form().prop_map(Fate::Reset),
        1 => form().prop_map(Fate::Twice),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        5 => (1..4u64, fate()).prop_map(|(count, fate)| Action::Commit(count, fate)),
        4 => (1..12usize, 0..6u64, fate())
            .prop_map(|(depth, count, fate)| Action::Reorg(depth, count, fate)),
        1 => Just(Action::Full),
        1 => any::<bool>().prop_map(Action::Add),
        1 => any::<bool>().prop_map(Action::Remove),
        1 => Just(Action::Gap),
        5 => any::<usize>().prop_map(Action::Serve),
        1 => any::<usize>().prop_map(Action::Fail),
    ]
}

fn send(bench: &mut Bench, moved: &ChainUpdate, fate: Fate) {
    let form = match fate {
        Fate::Lost => return,
        Fate::Sent(form) | Fate::Unnamed(form) | Fate::Reset(form) | Fate::Twice(form) => form,
    };
    let mut sent = update(moved, form);
    if !matches!(fate, Fate::Sent(_) | Fate::Twice(_)) {
        sent.old.clear();
    }
    if let (Fate::Reset(_), Some(old)) = (fate, moved.old()) {
        let ancestor = old.blocks().next().unwrap().reference().number - 1;
        sent.reset = Some(bench.chain.world(ancestor).reference());
    }
    if matches!(fate, Fate::Twice(_)) {
        bench.take(EngineInput::Source(sent.clone()));
    }
    bench.take(EngineInput::Source(sent));
}

fn run(bench: &mut Bench, action: &Action, dice: &mut Dice) {
    let one = |is_pair: bool| if is_pair { pair() } else { pool() };
    match *action {
        Action::Commit(count, fate) => {
            let moved = bench.chain.commit(count, dice);
            send(bench, &moved, fate);
        }
        Action::Reorg(depth, count, fate) => {
            // The first three blocks stay: the contracts are there whatever happens.
            let height = bench.chain.tip_world().reference().number as usize;
            let depth = depth.min(height.saturating_sub(3));
            if depth > 0 {
                let moved = bench.chain.reorg(depth, count, dice);
                send(bench, &moved, fate);
            }
        }
        Action::Full => bench.take(full()),
        Action::Add(is_pair) => {
            let (snapshot_id, pools) = (2, vec![one(is_pair)]);
            bench.take(EngineInput::Whitelist(WhitelistChange::Add { snapshot_id, pools }));
        }
        Action::Remove(is_pair) => {
            let (snapshot_id, pools) = (3, vec![one(is_pair).key]);
            bench.take(EngineInput::Whitelist(WhitelistChange::Remove { snapshot_id, pools }));
        }
        Action::Gap => bench.take(EngineInput::Gap),
        Action::Serve(index) if !bench.open.is_empty() => {
            let work = bench.open.swap_remove(index % bench.open.len());
            bench.serve(&work);
        }
        Action::Fail(index) if !bench.open.is_empty() => {
            let work = bench.open.swap_remove(index % bench.open.len());
            let silence = || ReadError::Node("no answer".into());
            let reads = work.pools.iter().map(|pool| (pool.key, Err(silence()))).collect();
            let done = WorkDone { id: work.id, reads };
            assert!(bench.engine.finish(done, bench.now).is_ok());
            bench.open.extend(bench.engine.work());
        }
        Action::Serve(_) | Action::Fail(_) => {}
    }
}

/// All pools listed, all blocks delivered, all requests answered.
fn settle(bench: &mut Bench, dice: &mut Dice) {
    bench.take(full());
    let newest = bench.chain.commit(1, dice);
    bench.take(EngineInput::Source(update(&newest, Form::Logged)));
    bench.serve_all();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn never_a_wrong_live_and_always_live_again(
        seed in any::<u64>(),
        ring_blocks in 0..10usize,
        window_blocks in 0..12usize,
        batch_pools in 1..3usize,
        actions in prop::collection::vec(action(), 1..60),
    ) {
        let mut dice = Dice(seed);
        let options = SourceOptions {
            ring_blocks,
            window_blocks,
            batch_pools,
            samples: 1,
            ..Bench::options()
        };
        let mut bench = Bench::new(options);
        bench.chain.commit(4, &mut dice);
        for action in &actions {
            run(&mut bench, action, &mut dice);
            bench.assert_true();
        }
        settle(&mut bench, &mut dice);
        bench.assert_true();
        prop_assert_eq!(bench.handle.state(), TradingState::Live);
        prop_assert_eq!(bench.view().head.len(), 2);
        bench.assert_equals_rebuild();
    }
}

#[test]
fn a_deep_reorg_keeps_the_pools_that_it_did_not_touch() {
    let mut kept = 0;
    for seed in 0..40 {
        let mut dice = Dice(seed);
        let options = SourceOptions { ring_blocks: 1, ..Bench::options() };
        let mut bench = Bench::live(options, 6, &mut dice);
        bench.commit(3, &mut dice);
        let logs = |number: u64, address| {
            let block = bench.chain.world(number).block;
            block
                .receipts
                .iter()
                .flat_map(|receipt| &receipt.logs)
                .any(|log| log.address == address)
        };
        let is_touched = |address| (7..=9).any(|number| logs(number, address));
        let touched = [crate::common::PAIR, crate::common::POOL].map(is_touched);
        bench.reorg(3, 0, &mut dice);
        for (pool, is_touched) in [pair(), pool()].iter().zip(touched) {
            let expected = if is_touched { "resyncing" } else { "live" };
            assert_eq!(bench.gate(pool), Some(expected), "seed={seed}");
            kept += u32::from(!is_touched);
        }
        bench.assert_true();
        bench.serve_all();
        assert_eq!(bench.handle.state(), TradingState::Live);
        bench.assert_equals_rebuild();
    }
    assert!(kept > 0, "no history leaves a pool untouched");
}

#[test]
fn a_reorg_within_the_ring_asks_no_node() {
    let mut dice = Dice(11);
    let mut bench = Bench::live(Bench::options(), 2, &mut dice);
    for round in 0..30 {
        bench.commit(4, &mut dice);
        bench.reorg(1 + round % 3, 3, &mut dice);
        assert!(bench.open.is_empty(), "round={round}");
        assert_eq!(bench.handle.state(), TradingState::Live);
        bench.assert_true();
    }
    bench.assert_equals_rebuild();
}

#[test]
fn blocks_that_do_not_connect_begin_anew() {
    let mut dice = Dice(12);
    let mut bench = Bench::live(Bench::options(), 5, &mut dice);
    drop(bench.chain.commit(2, &mut dice));
    bench.commit(1, &mut dice);
    assert_eq!(bench.handle.state(), TradingState::Resyncing { pools: 2 });
    bench.assert_true();
    bench.serve_all();
    assert_eq!(bench.handle.state(), TradingState::Live);
    bench.assert_equals_rebuild();
    // The same, with nothing lost: a fork that nobody announced is found by its parent's hash.
    let fork = bench.chain.reorg(2, 4, &mut dice);
    let unnamed = SourceUpdate { old: Vec::new(), ..update(&fork, Form::Logged) };
    bench.take(EngineInput::Source(unnamed));
    bench.serve_all();
    assert_eq!(bench.handle.state(), TradingState::Live);
    bench.assert_equals_rebuild();
}
