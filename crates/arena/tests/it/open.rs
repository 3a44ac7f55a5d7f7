//! The open block's pools equal what the arena holds once the block is sealed.

use crate::history::{CHAIN_ID, FACTORY, World};
use alloy_primitives::map::HashSet;
use proptest::prelude::*;
use weir_arena::{
    ApplyError, ArenaConfig, BlockEnvelope, Discovery, LookupError, OpenPools, PoolArena,
    PoolSnapshot,
};

fn arena() -> PoolArena {
    let discovery = Discovery::Factories(HashSet::from_iter([FACTORY]));
    let mut arena = PoolArena::new(ArenaConfig { discovery, ..ArenaConfig::new(CHAIN_ID) });
    arena.restart_at(World::genesis().tip);
    arena
}

/// The block's events, so many a step, on top of the arena.
fn open(arena: &PoolArena, envelope: &BlockEnvelope, step: usize) -> OpenPools {
    let mut open = OpenPools::on(arena, envelope.block().timestamp).unwrap();
    for events in envelope.events().chunks(step) {
        let applied = open.apply(events).unwrap();
        assert_eq!(applied.halted, [], "possible histories halt nothing");
    }
    open
}

/// Every pool is in the open block as it is after the block, whether it was there before or the block creates it.
fn check_equal(before: &PoolSnapshot, open: &PoolSnapshot, after: &PoolSnapshot) {
    let block = open.tip().unwrap();
    assert_eq!(block.parent_hash, before.tip().unwrap().hash);
    assert_eq!(open.topology() == before.topology(), after.topology() == before.topology());
    assert_eq!((open.len(), open.digest()), (after.len(), after.digest()));
    for (_, sealed) in after.pools() {
        let pool = open.get(&sealed.statics().key).unwrap();
        assert_eq!((pool.state(), pool.status()), (sealed.state(), sealed.status()));
        assert_eq!(
            (pool.statics(), pool.is_fork_settled()),
            (sealed.statics(), sealed.is_fork_settled())
        );
    }
    for (idx, held) in before.pools() {
        let (pool, sealed) = (open.pool(idx).unwrap(), after.pool(idx).unwrap());
        assert_eq!((pool.state(), pool.status()), (sealed.state(), sealed.status()));
        assert_eq!(pool.statics(), sealed.statics(), "the fork is learned alike");
        if held.state() != sealed.state() {
            assert_ne!(pool.nonce(), held.nonce(), "a touched pool is seen to be another");
            assert_ne!(pool.nonce(), sealed.nonce(), "and is not taken for the sealed one");
        }
        let key = held.statics().key;
        assert_eq!(open.state_at(&key, block.number), after.state_at(&key, block.number));
        let older = open.state_at(&key, block.number - 1);
        assert!(matches!(older, Err(LookupError::TooDeep { .. })), "it knows no other block");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn steps_lead_where_the_sealed_block_does(
        salts in prop::collection::vec(any::<u64>(), 1..60),
        step in 1_usize..5,
    ) {
        let (mut arena, mut world) = (arena(), World::genesis());
        for salt in salts {
            let (next, envelope) = world.next(salt);
            let (before, digest) = (arena.snapshot(), arena.digest());
            let open = open(&arena, &envelope, step).snapshot();
            prop_assert_eq!(arena.digest(), digest, "the arena does not change");
            arena.apply(&envelope).unwrap();
            check_equal(&before, &open, &arena.snapshot());
            world = next;
        }
    }
}

#[test]
fn events_out_of_order_change_nothing() {
    let (mut arena, mut world, mut salt) = (arena(), World::genesis(), 0);
    let envelope = loop {
        let (next, envelope) = world.next(salt);
        if envelope.events().len() > 2 && arena.len() > 3 {
            break envelope;
        }
        arena.apply(&envelope).unwrap();
        (world, salt) = (next, salt + 1);
    };
    let mut open = OpenPools::on(&arena, envelope.block().timestamp).unwrap();
    open.apply(&envelope.events()[..2]).unwrap();
    let digest = open.snapshot().digest();
    let refused = open.apply(&envelope.events()[1..]);
    assert!(matches!(refused, Err(ApplyError::EventsOutOfOrder { .. })), "{refused:?}");
    assert_eq!(open.snapshot().digest(), digest);
    open.apply(&envelope.events()[2..]).unwrap();
    arena.apply(&envelope).unwrap();
    assert_eq!(open.snapshot().digest(), arena.digest());
}

#[test]
fn an_arena_without_a_tip_has_no_open_block() {
    let arena = PoolArena::new(ArenaConfig::new(CHAIN_ID));
    assert!(OpenPools::on(&arena, 1).is_none());
}
