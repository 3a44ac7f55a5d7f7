//! Possible histories of pools with reorgs, as a producer publishes them.

use crate::history::{CHAIN_ID, World};
use alloy_primitives::{Address, B256};
use std::sync::Arc;
use weir_arena::{
    ArenaConfig, BlockEnvelope, Discovery, EventRecord, PoolArena, PoolEvent, PoolKey,
};
use weir_feed::{Completeness, FeedEvent, FeedProducer, FeedUpdate, StepUpdate};
use weir_primitives::BlockRef;

/// A chain of worlds, its arena, and the producer that follows it.
pub(crate) struct Story {
    worlds: Vec<World>,
    salt: u64,
    /// Transactions and logs in the steps of the open block.
    in_steps: u32,
    pub(crate) arena: PoolArena,
    pub(crate) producer: FeedProducer,
}

pub(crate) fn fresh_arena() -> PoolArena {
    PoolArena::new(ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN_ID) })
}

impl Story {
    pub(crate) fn new(seed: u64, epoch: u64) -> Self {
        let producer = FeedProducer::new(CHAIN_ID, epoch, 0);
        let worlds = vec![World::genesis()];
        Self { worlds, salt: seed << 32, in_steps: 0, arena: fresh_arena(), producer }
    }

    /// Publishes the next step of the open block, with so many events.
    pub(crate) fn step(&mut self, events: u32) -> FeedEvent {
        let tip = self.worlds.last().unwrap().tip;
        let first = self.in_steps;
        let record = |index| EventRecord {
            tx_index: index,
            log_index: 2 * index,
            tx_hash: tip.hash,
            pool: PoolKey::address(CHAIN_ID, Address::with_last_byte(9)),
            event: PoolEvent::V2Sync { reserve0: index.into(), reserve1: 1 },
        };
        self.in_steps += events.max(1);
        let events = (first..first + events).map(record).collect();
        let (number, parent_hash) = (tip.number + 1, tip.hash);
        let update = StepUpdate { number, parent_hash, first_tx: first, events };
        self.producer.publish_step(update).unwrap()
    }

    fn grow(&mut self) -> Arc<BlockEnvelope> {
        self.in_steps = 0;
        self.salt += 1;
        let (world, envelope) = self.worlds.last().unwrap().next(self.salt);
        self.worlds.push(world);
        self.arena.apply(&envelope).unwrap();
        Arc::new(envelope)
    }

    fn publish(&self, update: FeedUpdate) -> Vec<FeedEvent> {
        self.producer.publish(update, Completeness::ExecutedInNode).unwrap()
    }

    /// Publishes `count` blocks, one update each.
    pub(crate) fn extend(&mut self, count: usize) -> Vec<FeedEvent> {
        let mut events = Vec::new();
        for _ in 0..count {
            let update = FeedUpdate::Committed(vec![self.grow()]);
            events.extend(self.publish(update));
        }
        events
    }

    /// Replaces the last `depth` blocks by `count` others.
    pub(crate) fn reorg(&mut self, depth: usize, count: usize) -> Vec<FeedEvent> {
        let kept = self.worlds.len() - depth;
        let old: Vec<BlockRef> = self.worlds[kept..].iter().map(|world| world.tip).collect();
        self.worlds.truncate(kept);
        for _ in 0..depth {
            self.arena.revert_tip().unwrap();
        }
        let new = (0..count).map(|_| self.grow()).collect();
        self.publish(FeedUpdate::Reorged { old, new })
    }

    /// Takes the steps of the open block back, if there are any.
    pub(crate) fn retract(&mut self) {
        self.in_steps = 0;
        let _ = self.producer.retract_steps();
    }

    /// Hash of the arena's tip, which is the producer's.
    pub(crate) fn tip_hash(&self) -> Option<B256> {
        self.arena.tip().map(|tip| tip.hash)
    }

    /// Blocks above genesis.
    pub(crate) fn height(&self) -> usize {
        self.worlds.len() - 1
    }
}
