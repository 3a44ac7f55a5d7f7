//! States that come from elsewhere, pools held back, and beginnings below the ring.

use crate::whitelist::{arena, child, extend, row, status};
use weir_amm::Reserves;
use weir_arena::{
    ArenaConfig, Hold, Hydration, LookupError, PoolArena, PoolEvent, PoolKey, PoolStatic,
    PoolStatus, Protocol,
};

fn sync(pool: PoolKey, reserve0: u128) -> (PoolKey, PoolEvent) {
    (pool, PoolEvent::V2Sync { reserve0, reserve1: 1_000 })
}

fn hydrate(arena: &mut PoolArena, pool: &PoolStatic, reserve0: u128) {
    let reserves = Reserves { reserve0, reserve1: 1_000 };
    let tip = arena.tip().unwrap().hash;
    arena.hydrate(&pool.key, tip, Hydration::V2(reserves)).unwrap();
}

#[test]
fn a_state_read_in_the_past_is_adopted_at_the_tip() {
    let (mut arena, pool) = (arena(), row(Protocol::UniswapV2, 9));
    arena.add_pool(pool).unwrap();
    arena.hold(&pool.key, Hold::Unverified).unwrap();
    let read_at = arena.tip().unwrap();
    extend(&mut arena, &[]);
    let envelope = child(arena.tip().unwrap(), &[sync(pool.key, 7)]);
    arena.apply(&envelope).unwrap();
    // Absolute reserves do not vouch for the tokens.
    assert_eq!(status(&arena, &pool.key), PoolStatus::Unsynced);

    let mut other = PoolArena::new(ArenaConfig::new(pool.key.chain_id));
    other.restart_at(read_at);
    other.add_pool(pool).unwrap();
    hydrate(&mut other, &pool, 5);
    let found = read_at.hash;
    assert_eq!(arena.adopt(&other, &pool.key), Err(LookupError::NotTip { found }));
    extend(&mut other, &[]);
    other.apply(&envelope).unwrap();
    let idx = arena.adopt(&other, &pool.key).unwrap();
    assert_eq!(arena.pool(idx).unwrap().state(), other.pool(idx).unwrap().state());
    assert_eq!((status(&arena, &pool.key), arena.digest()), (PoolStatus::Live, other.digest()));
    // Below the tip nothing is known.
    arena.revert_tip().unwrap();
    assert_eq!(status(&arena, &pool.key), PoolStatus::Unsynced);
}

#[test]
fn other_facts_are_not_adopted() {
    let (mut arena, pool) = (arena(), row(Protocol::UniswapV2, 9));
    arena.add_pool(pool).unwrap();
    let mut other = crate::whitelist::arena();
    other.add_pool(PoolStatic { fee_pips: 2500, ..pool }).unwrap();
    hydrate(&mut other, &PoolStatic { fee_pips: 2500, ..pool }, 5);
    let conflict = LookupError::Conflict { pool: pool.key };
    assert_eq!(arena.adopt(&other, &pool.key), Err(conflict));
    let stranger = row(Protocol::UniswapV2, 10).key;
    let unknown = LookupError::UnknownPool { pool: stranger };
    assert_eq!(arena.adopt(&other, &stranger), Err(unknown));
    assert_eq!(arena.hold(&stranger, Hold::Contradicted), Err(unknown));
    assert_eq!(arena.forget(&stranger), Err(unknown));
}

#[test]
fn a_contradicted_pool_stays_halted_until_it_is_read_again() {
    let (mut arena, pool) = (arena(), row(Protocol::UniswapV2, 9));
    arena.add_pool(pool).unwrap();
    hydrate(&mut arena, &pool, 5);
    extend(&mut arena, &[sync(pool.key, 6)]);
    arena.hold(&pool.key, Hold::Contradicted).unwrap();
    assert_eq!(status(&arena, &pool.key), PoolStatus::Halted);
    extend(&mut arena, &[sync(pool.key, 7)]);
    arena.revert_tip().unwrap();
    arena.revert_tip().unwrap();
    assert_eq!(status(&arena, &pool.key), PoolStatus::Halted);
    let anchor = arena.tip().unwrap();
    arena.restart_at(anchor);
    assert_eq!(status(&arena, &pool.key), PoolStatus::Halted);
    hydrate(&mut arena, &pool, 5);
    assert_eq!(status(&arena, &pool.key), PoolStatus::Live);
}

#[test]
fn a_forgotten_state_does_not_come_back_by_a_revert() {
    let (mut arena, pool) = (arena(), row(Protocol::UniswapV2, 9));
    arena.add_pool(pool).unwrap();
    hydrate(&mut arena, &pool, 5);
    extend(&mut arena, &[]);
    extend(&mut arena, &[sync(pool.key, 6)]);
    arena.forget(&pool.key).unwrap();
    assert_eq!(status(&arena, &pool.key), PoolStatus::Unsynced);
    arena.revert_tip().unwrap();
    assert_eq!(status(&arena, &pool.key), PoolStatus::Unsynced);
}

#[test]
fn below_the_ring_untouched_pools_stay() {
    let mut arena = arena();
    let [quiet, busy] = [9, 10].map(|byte| row(Protocol::UniswapV2, byte));
    for pool in [&quiet, &busy] {
        arena.add_pool(*pool).unwrap();
        hydrate(&mut arena, pool, 5);
    }
    extend(&mut arena, &[sync(quiet.key, 6)]);
    let ancestor = arena.tip().unwrap();
    extend(&mut arena, &[sync(busy.key, 7)]);
    extend(&mut arena, &[]);
    let late = row(Protocol::UniswapV2, 11);
    arena.add_pool(late).unwrap();
    hydrate(&mut arena, &late, 8);
    let lost = arena.restart_below(ancestor);
    let find = |pool: &PoolStatic| arena.find(&pool.key).unwrap();
    assert_eq!(lost, [find(&busy), find(&late)]);
    assert_eq!((arena.tip(), arena.depth()), (Some(ancestor), 0));
    let all = [quiet, busy, late].map(|pool| status(&arena, &pool.key));
    assert_eq!(all, [PoolStatus::Live, PoolStatus::Unsynced, PoolStatus::Unsynced]);
    // The quiet pool goes on as if nothing had happened.
    extend(&mut arena, &[sync(quiet.key, 9)]);
    arena.revert_tip().unwrap();
    let state = arena.state_at(&quiet.key, ancestor.number).unwrap();
    assert_eq!(state.v2(), Reserves { reserve0: 6, reserve1: 1_000 });
}
