//! A whole chain of programs: an engine publishes a feed, another follows it over the socket and reads states from a node.

use crate::{
    common::{CHAIN, Chain, Dice, steps_of},
    model::{Archive, full, is_state, pair, pool, state},
};
use std::sync::Arc;
use weir_arena::PoolSnapshot;
use weir_feed::{ConsumerOptions, FeedProducer, FeedServer, ServerOptions};
use weir_liquidity::{
    BlockSource, FeedSource, LiquidityDriver, LiquidityHandle, LiquidityInput, LiquidityOptions,
    LiquidityView, OpenView, SourceDriver, SourceOptions, TradingState,
};
use weir_primitives::{BlockRef, ChainUpdate};
use weir_runtime::{Shutdown, ShutdownReason};

async fn live_at(handle: &LiquidityHandle, tip: BlockRef) -> Arc<LiquidityView> {
    let mut changes = handle.subscribe();
    loop {
        changes.mark_unchanged();
        let view = handle.view();
        if view.state == TradingState::Live && view.head.tip() == Some(tip) {
            return view;
        }
        changes.changed().await.unwrap();
    }
}

/// The open block on `parent` after so many steps.
async fn open_at(handle: &LiquidityHandle, parent: BlockRef, steps: usize) -> Arc<OpenView> {
    let mut changes = handle.subscribe();
    loop {
        changes.mark_unchanged();
        let open = handle.view().open.clone();
        let is_wanted = |open: &Arc<OpenView>| {
            open.block.parent_hash == parent.hash && open.steps as usize == steps
        };
        if let Some(open) = open.filter(is_wanted) {
            return open;
        }
        changes.changed().await.unwrap();
    }
}

fn assert_same(left: &PoolSnapshot, right: &PoolSnapshot) {
    for row in [pair(), pool()] {
        let state = right.get(&row.key).map(|pool| pool.state());
        assert_eq!(left.get(&row.key).map(|pool| pool.state()), state);
    }
}

#[tokio::test]
async fn a_follower_behind_a_feed_equals_the_contracts_through_reorgs_and_new_epochs() {
    let (mut dice, chain) = (Dice(21), Chain::new());
    let archive = Arc::new(Archive::default());
    chain.commit(3, &mut dice);
    archive.keep(&chain);
    let (feed, shutdown) = (FeedProducer::new(CHAIN, 1, 128), Shutdown::new());
    let store: Arc<dyn BlockSource> = Arc::<Chain>::clone(&chain);
    let options = LiquidityOptions { ring_blocks: 8, ..LiquidityOptions::own_chain(CHAIN) };
    let (driver, own, updates) = LiquidityDriver::new(options, store, feed.clone());
    let mut tasks = vec![tokio::spawn(async { driver.run(Shutdown::new()).await.unwrap() })];
    live_at(&own, chain.tip_world().reference()).await;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("feed.sock");
    let server = FeedServer::bind(feed, ServerOptions::at(path.clone())).unwrap();
    let stop = shutdown.clone();
    tasks.push(tokio::spawn(async move { server.run(stop).await.unwrap() }));
    let republished = FeedProducer::new(CHAIN, 7, 128);
    let options = SourceOptions { samples: 1, ring_blocks: 8, ..SourceOptions::new(CHAIN) };
    let (driver, handle, mut ports) =
        SourceDriver::new(options, Arc::<Archive>::clone(&archive) as _, Some(republished.clone()));
    let stop = shutdown.clone();
    tasks.push(tokio::spawn(async move { driver.run(stop).await.unwrap() }));
    let source = FeedSource::new(ConsumerOptions::at(path), ports.inputs.clone());
    let stop = shutdown.clone();
    tasks.push(tokio::spawn(async move { source.run(stop).await.unwrap() }));
    ports.inputs.send(full()).await.unwrap();
    // A feed that is followed from now on must be connected before the next block: its first heartbeat says so.
    let mut changes = handle.subscribe();
    while handle.view().source.head.is_none() {
        changes.changed().await.unwrap();
    }

    let mut steps = 0;
    for round in 0..24u64 {
        let moved = match round % 4 {
            // Deeper than both rings: the producer begins a new epoch.
            3 if round == 15 => chain.reorg(14, 3, &mut dice),
            3 => chain.reorg(3, 1 + round % 3, &mut dice),
            _ => chain.commit(2, &mut dice),
        };
        archive.keep(&chain);
        // Before its first block the follower stands nowhere, and an open block is on top of nothing.
        if let ChainUpdate::Committed(new) = &moved
            && handle.view().head.tip().is_some()
        {
            let parent = chain.world(new.first().reference().number - 1).reference();
            for (index, step) in steps_of(parent, new.first()).into_iter().enumerate() {
                updates.send(LiquidityInput::Open(step)).await.unwrap();
                let open = open_at(&own, parent, index + 1).await;
                let followed = open_at(&handle, parent, index + 1).await;
                steps += 1;
                assert_same(&followed.pools, &open.pools);
            }
        }
        updates.send(LiquidityInput::Chain(moved)).await.unwrap();
        let world = chain.tip_world();
        live_at(&own, world.reference()).await;
        let view = live_at(&handle, world.reference()).await;
        for row in [pair(), pool()] {
            let pool = view.head.get(&row.key).unwrap();
            assert!(is_state(pool, &state(&world, &row.key)), "round={round}");
        }
        assert_eq!(view.head.digest(), own.view().head.digest(), "round={round}");
        // A block at which reading begins has no events to pass on.
        let head = republished.heartbeat();
        let expected = if head.next_seq == 0 { 0 } else { world.reference().number };
        assert_eq!(head.head_number, expected);
    }
    assert!(steps > 10, "open blocks were followed: {steps}");
    let applied = ports.applied.recv().await.unwrap();
    assert_eq!(applied.hydrated, [pair().key, pool().key]);
    shutdown.trigger(ShutdownReason::Done);
    drop(updates);
    for task in tasks {
        task.await.unwrap();
    }
}
