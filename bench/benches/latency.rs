//! How late the slowest are: percentiles that means hide, over blocks that are all different.
//!
//! Run it as `cargo bench --bench latency`; every line is one path with its 50th and 99th percentile and its maximum.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};
use weir_arena::{BlockEnvelope, OpenPools, PoolArena};
use weir_bench::{
    market::{BLOCKS, TERMS, blocks, options},
    pool_world::{CHAIN_ID, World},
};
use weir_feed::{
    Completeness, ConsumerOptions, FeedConsumer, FeedEvent, FeedProducer, FeedServer, FeedUpdate,
    ServerOptions, Start,
};
use weir_primitives::ExecutedBlock;
use weir_route::PathEngine;
use weir_runtime::{Shutdown, ShutdownReason};

/// Blocks of 500 events over 100 pools that each path takes.
const ROUNDS: usize = 2_000;
const POOLS: usize = 100;
/// Evaluations of opportunities.
const EVALUATIONS: usize = 2_000;

fn main() {
    for is_verifying in [true, false] {
        in_process(is_verifying);
        over_the_socket(is_verifying);
    }
    open_block();
    undo_bytes();
    opportunities();
}

/// Prints the percentiles of what `what` took.
fn report(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100];
    println!("{what:60} p50={:>10.1?} p99={:>10.1?} max={:>10.1?}", at(50), at(99), at(100));
}

/// Applies a block's logs and makes the arena's new state readable.
fn apply(arena: &mut PoolArena, block: &ExecutedBlock) {
    let extracted = BlockEnvelope::from_block(CHAIN_ID, block, &*arena);
    let applied = arena.apply(&extracted.envelope).expect("the child of the tip");
    assert!(applied.halted.is_empty(), "exact events halt nothing");
    black_box(arena.snapshot());
}

/// From an executed block's logs to a readable arena.
fn in_process(is_verifying: bool) {
    let mut world = World::new(POOLS, 0);
    let mut arena = world.arena(is_verifying);
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let (block, _) = world.block();
        let started = Instant::now();
        apply(&mut arena, &block);
        took.push(started.elapsed());
    }
    report(&format!("500 updates, logs to readable arena, verify={is_verifying}"), took);
}

/// From a producer that has decoded a block to an arena that is readable behind its socket.
fn over_the_socket(is_verifying: bool) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let took = runtime.expect("a runtime starts").block_on(async {
        let mut world = World::new(POOLS, 0);
        let (mut arena, filter) = (world.arena(is_verifying), world.arena(false));
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("feed.sock");
        let feed = FeedProducer::new(CHAIN_ID, 1, 128);
        let server = FeedServer::bind(feed.clone(), ServerOptions::at(path.clone()));
        let shutdown = Shutdown::new();
        let serving = tokio::spawn(server.expect("the socket binds").run(shutdown.clone()));
        let options = ConsumerOptions { start: Start::Live, ..ConsumerOptions::at(path) };
        let mut consumer = FeedConsumer::connect(options).await.expect("the producer answers");
        let mut took = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let (block, _) = world.block();
            let envelope = BlockEnvelope::from_block(CHAIN_ID, &block, &filter).envelope;
            let update = FeedUpdate::Committed(vec![envelope.into()]);
            let started = Instant::now();
            feed.publish(update, Completeness::ExecutedInNode).expect("it continues the stream");
            loop {
                if let FeedEvent::Block(block) = consumer.next().await.expect("the stream goes on")
                {
                    arena.apply(&block.envelope).expect("the child of the tip");
                    black_box(arena.snapshot());
                    break;
                }
            }
            took.push(started.elapsed());
        }
        shutdown.trigger(ShutdownReason::Done);
        serving.await.expect("the server ends").expect("without an error");
        took
    });
    report(
        &format!("500 updates, published to readable behind a socket, verify={is_verifying}"),
        took,
    );
}

/// From a step's events to the readable pools of the open block: steps of ten events on top of a tip.
fn open_block() {
    let mut world = World::new(POOLS, 0);
    let mut arena = world.arena(true);
    let mut took = Vec::new();
    for _ in 0..ROUNDS / 50 {
        let (block, _) = world.block();
        let envelope = BlockEnvelope::from_block(CHAIN_ID, &block, &arena).envelope;
        let mut open = OpenPools::on(&arena, envelope.block().timestamp).expect("it has a tip");
        for events in envelope.events().chunks(10) {
            let started = Instant::now();
            open.apply(events).expect("in order");
            black_box(open.snapshot());
            took.push(started.elapsed());
        }
        apply(&mut arena, &block);
    }
    report("10 updates of an open block's step, to readable pools", took);
}

/// Memory that a touched pool costs in each block of the ring.
fn undo_bytes() {
    let mut world = World::new(POOLS, 0);
    let mut arena = world.arena(false);
    let mut touched = 0;
    for _ in 0..128 {
        let (block, _) = world.block();
        let envelope = BlockEnvelope::from_block(CHAIN_ID, &block, &arena).envelope;
        touched += arena.apply(&envelope).expect("the child of the tip").touched.len();
    }
    let bytes = arena.undo_bytes() as f64 / touched as f64;
    println!("undo record: {bytes:.0} bytes a touched pool and block");
}

/// From a block's snapshot to its opportunities: 2,000 pools, about 200,000 cycles, 100 pools touched.
fn opportunities() {
    let blocks = blocks();
    for workers in [1, 2] {
        let mut engine = PathEngine::new(options(workers));
        engine.evaluate(&blocks[2 * BLOCKS - 1].1, &[], TERMS);
        let mut took = Vec::with_capacity(EVALUATIONS);
        for round in 0..EVALUATIONS {
            let (dirty, snapshot) = &blocks[round % blocks.len()];
            let started = Instant::now();
            black_box(engine.evaluate(snapshot, dirty, TERMS));
            took.push(started.elapsed());
        }
        report(&format!("opportunities after a block, threads={workers}"), took);
    }
}
