//! An arena that went through reorgs equals one that did not, and a naive model.

use crate::history::{CHAIN_ID, FACTORY, World};
use alloy_primitives::map::HashSet;
use proptest::prelude::*;
use std::{collections::HashMap, sync::Arc};
use weir_arena::{
    ApplyError, ArenaConfig, BlockEnvelope, Discovery, LookupError, PoolArena, PoolState,
    PoolStatus,
};
use weir_primitives::Severity;

fn arena(ring_blocks: usize) -> PoolArena {
    let discovery = Discovery::Factories(HashSet::from_iter([FACTORY]));
    let mut arena =
        PoolArena::new(ArenaConfig { ring_blocks, discovery, ..ArenaConfig::new(CHAIN_ID) });
    arena.restart_at(World::genesis().tip);
    arena
}

/// One branch: the world at each block from genesis, and the envelope that led to it.
#[derive(Clone)]
struct Branch {
    worlds: Vec<World>,
    envelopes: Vec<Arc<BlockEnvelope>>,
}

impl Branch {
    fn new() -> Self {
        Self { worlds: vec![World::genesis()], envelopes: Vec::new() }
    }

    fn grow(&mut self, arena: &mut PoolArena, salt: u64) {
        let (world, envelope) = self.worlds.last().unwrap().next(salt);
        let applied = arena.apply(&envelope).unwrap();
        assert_eq!(applied.halted, [], "possible histories halt nothing");
        assert_eq!(applied.ignored, 0);
        self.worlds.push(world);
        self.envelopes.push(Arc::new(envelope));
    }

    fn cut(&mut self, depth: usize) {
        self.worlds.truncate(self.worlds.len() - depth);
        self.envelopes.truncate(self.envelopes.len() - depth);
    }

    fn rebuilt(&self, ring_blocks: usize) -> PoolArena {
        let mut arena = arena(ring_blocks);
        for envelope in &self.envelopes {
            arena.apply(envelope).unwrap();
        }
        arena
    }
}

/// Every pool and every block in the ring, touched or quiet, against the model.
fn check_against_model(arena: &mut PoolArena, branch: &Branch) {
    let world = branch.worlds.last().unwrap();
    assert_eq!(arena.tip().unwrap().hash, world.tip.hash);
    assert_eq!(arena.len() as usize, world.states().len());
    for (key, ticks) in world.ticks() {
        let pool = arena.pool(arena.find(&key).unwrap()).unwrap();
        let held = match pool.state() {
            PoolState::V2(_) => panic!("the pool has ticks"),
            PoolState::V3(state) => &state.ticks,
            PoolState::V4(state) => &state.ticks,
        };
        assert_eq!(&**held, ticks);
    }
    for (key, fees) in world.v4_fees() {
        let pool = arena.pool(arena.find(&key).unwrap()).unwrap();
        let PoolState::V4(state) = pool.state() else { panic!("the pool is of V4") };
        assert_eq!(state.fees, fees);
    }
    let snapshot = arena.snapshot();
    let tip = world.tip.number;
    let oldest = tip - arena.depth() as u64;
    let newest: HashMap<_, _> = world.states().into_iter().collect();
    for number in oldest..=tip {
        let then: HashMap<_, _> = branch.worlds[number as usize].states().into_iter().collect();
        for key in newest.keys() {
            let expected = then.get(key).copied().ok_or(LookupError::Unsynced { pool: *key });
            assert_eq!(arena.state_at(key, number), expected);
            assert_eq!(snapshot.state_at(key, number), expected);
        }
    }
    if let Some(key) = newest.keys().next() {
        let ahead = LookupError::AheadOfTip { block: tip + 1, tip };
        assert_eq!(arena.state_at(key, tip + 1), Err(ahead));
        if oldest > 0 {
            let too_deep = LookupError::TooDeep { block: oldest - 1, oldest };
            assert_eq!(arena.state_at(key, oldest - 1), Err(too_deep));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn reorgs_of_any_depth_leave_what_a_rebuild_gives(
        salt: u64,
        reorgs in proptest::collection::vec((1..200usize, 0..60usize, any::<u64>()), 1..6),
        first in 1..220usize,
    ) {
        const RING: usize = 128;
        let mut arena = arena(RING);
        let mut branch = Branch::new();
        for block in 0..first {
            branch.grow(&mut arena, salt.wrapping_add(block as u64));
        }
        for (depth, growth, salt) in reorgs {
            let held = arena.snapshot();
            let (digest, available) = (held.digest(), arena.depth());
            let depth = depth.min(branch.envelopes.len());
            let reachable = depth.min(available);
            for _ in 0..reachable {
                let reverted = arena.revert_tip().unwrap();
                prop_assert!(reverted.touched.iter().all(|idx| arena.pool(*idx).is_some()));
            }
            branch.cut(reachable);
            if depth > available {
                let error = arena.revert_tip().unwrap_err();
                prop_assert_eq!(error, ApplyError::TooDeep { depth: 1, available: 0 });
                prop_assert_eq!(error.severity(), Severity::Reset);
            }
            for block in 0..growth {
                branch.grow(&mut arena, salt.wrapping_add(block as u64));
            }
            prop_assert_eq!(held.digest(), digest, "snapshots do not change");
            prop_assert_eq!(arena.digest(), branch.rebuilt(RING).digest());
            check_against_model(&mut arena, &branch);
        }
    }

    #[test]
    fn applying_and_reverting_each_block_restores_the_digest(salt: u64, blocks in 1..100usize) {
        let mut arena = arena(128);
        let mut branch = Branch::new();
        let mut digests = vec![arena.digest()];
        for block in 0..blocks {
            branch.grow(&mut arena, salt.wrapping_add(block as u64));
            digests.push(arena.digest());
        }
        for digest in digests.iter().rev() {
            prop_assert_eq!(arena.digest(), *digest);
            let _ = arena.revert_tip();
        }
        prop_assert_eq!(arena.depth(), 0);
        prop_assert!(arena.is_empty(), "pools vanish with the blocks that created them");
    }
}

#[test]
fn blocks_that_do_not_fit_change_nothing() {
    let mut arena = arena(16);
    let mut branch = Branch::new();
    for salt in 0..20 {
        branch.grow(&mut arena, salt);
    }
    let digest = arena.digest();
    let (tip, last) = (arena.tip().unwrap(), branch.envelopes.last().unwrap());
    let found = arena.apply(last).unwrap_err();
    assert_eq!(found, ApplyError::NotChildOfTip { block: last.block(), tip });
    let (_, next) = (0..)
        .map(|salt| branch.worlds[20].next(salt))
        .find(|(_, next)| next.events().len() > 2)
        .unwrap();
    let mut events = next.events().to_vec();
    events.swap(0, 1);
    let shuffled = BlockEnvelope::new(CHAIN_ID, next.block(), 0, events);
    assert!(matches!(arena.apply(&shuffled), Err(ApplyError::EventsOutOfOrder { .. })));
    let mut events = next.events().to_vec();
    events.insert(0, events[0]);
    let doubled = BlockEnvelope::new(CHAIN_ID, next.block(), 0, events);
    assert!(matches!(arena.apply(&doubled), Err(ApplyError::EventsOutOfOrder { .. })));
    let foreign = BlockEnvelope::new(2, next.block(), 0, Vec::new());
    assert_eq!(arena.apply(&foreign), Err(ApplyError::WrongChain { expected: CHAIN_ID, found: 2 }));
    let mut events = next.events().to_vec();
    events.last_mut().unwrap().pool.chain_id = 2;
    let mixed = BlockEnvelope::new(CHAIN_ID, next.block(), 0, events);
    assert!(matches!(arena.apply(&mixed), Err(ApplyError::ForeignPool { .. })));
    assert_eq!((arena.digest(), arena.tip()), (digest, Some(tip)));
    assert!(arena.apply(&next).is_ok());
}

#[test]
fn the_ring_is_bounded_by_count_and_by_time() {
    let mut by_count = arena(16);
    let mut by_time = {
        let discovery = Discovery::All;
        let config = ArenaConfig {
            ring_blocks: 16,
            ring_seconds: 600,
            discovery,
            ..ArenaConfig::new(CHAIN_ID)
        };
        let mut arena = PoolArena::new(config);
        arena.restart_at(World::genesis().tip);
        arena
    };
    let mut branch = Branch::new();
    for salt in 0..200 {
        branch.grow(&mut by_count, salt);
        by_time.apply(branch.envelopes.last().unwrap()).unwrap();
    }
    assert_eq!(by_count.depth(), 16);
    // Blocks are twelve seconds apart: those at most 600 seconds old stay.
    assert_eq!(by_time.depth(), 51);
    assert!(by_count.undo_bytes() < by_time.undo_bytes());
    assert!(by_count.undo_bytes() < 16 * 6 * 400);
}

#[test]
fn an_event_that_the_state_does_not_predict_halts_its_pool_and_no_other() {
    let mut arena = arena(128);
    let mut branch = Branch::new();
    for salt in 0..60 {
        branch.grow(&mut arena, salt);
    }
    let (world, envelope) = (1_000..)
        .map(|salt| branch.worlds[60].next(salt))
        .find(|(_, envelope)| {
            envelope
                .events()
                .iter()
                .any(|r| matches!(r.event, weir_arena::PoolEvent::V3Swap { .. }))
        })
        .unwrap();
    let mut events = envelope.events().to_vec();
    let index = events
        .iter()
        .position(|r| matches!(r.event, weir_arena::PoolEvent::V3Swap { .. }))
        .unwrap();
    let weir_arena::PoolEvent::V3Swap { amount0, .. } = &mut events[index].event else {
        unreachable!()
    };
    *amount0 += alloy_primitives::I256::ONE;
    let forged = BlockEnvelope::new(CHAIN_ID, envelope.block(), 7, events.clone());
    let applied = arena.apply(&forged).unwrap();
    let idx = arena.find(&events[index].pool).unwrap();
    assert_eq!(applied.halted, [idx]);
    let pool = arena.pool(idx).unwrap();
    assert_eq!(pool.status(), PoolStatus::Halted);
    assert_eq!(pool.evidence().unwrap().event, events[index].event);
    assert_eq!(pool.evidence().unwrap().block, world.tip);
    let halted = arena.pools().filter(|(_, pool)| pool.status() == PoolStatus::Halted).count();
    assert_eq!(halted, 1);
    // The halt outlives the block: what was wrong was not the branch.
    arena.revert_tip().unwrap();
    assert_eq!(arena.pool(idx).unwrap().status(), PoolStatus::Halted);
    assert_eq!(arena.digest(), branch.rebuilt(128).digest());
}
