//! Reads that the engine asks for, and what it makes of the answers.

use super::{SourceEngine, Work, WorkDone, engine::Step, sample::difference};
use crate::{
    HaltEvidence, LiquidityError, PoolRefusal, ReadError,
    metrics::{count_hydration, count_sample},
};
use std::time::Instant;
use weir_arena::{ArenaConfig, Hold, Hydration, PoolArena, PoolKey, PoolSnapshot, PoolStatic};
use weir_primitives::BlockRef;

type Reads = Vec<(PoolKey, Result<Hydration, ReadError>)>;

impl SourceEngine {
    /// Reads that are wanted now. Each is given out once; whatever becomes of it, [`Self::finish`] it.
    pub fn work(&mut self) -> Vec<Work> {
        let mut work = self.sampler.take_work();
        if self.is_open {
            let limits = (self.options.batch_pools, self.options.batches_max);
            work.extend(self.hydrations.due(&self.writer.arena, limits, &mut self.next_id));
        }
        work
    }

    /// Takes the answers to a [`Work`]. `true` if some reads failed and should not be repeated at once.
    ///
    /// # Errors
    /// If the feed refuses an update.
    pub fn finish(&mut self, done: WorkDone, now: Instant) -> Result<bool, LiquidityError> {
        if let Some(snapshot) = self.sampler.end(done.id) {
            self.compare(&snapshot, done.reads, now);
            return Ok(false);
        }
        let Some(at) = self.hydrations.end(done.id) else { return Ok(false) };
        let mut step = Step::new();
        let has_failed = self.hydrate(done.id, at, done.reads, &mut step);
        self.hydrations.release_all(done.id);
        if !step.outcome.dirty.is_empty() || !step.outcome.vanished.is_empty() {
            self.refresh_newest();
            self.writer.settle_dirty(&mut step.outcome.dirty);
            self.publish_view(&step.outcome.dirty, &step.outcome.vanished, now);
        }
        Ok(has_failed)
    }

    /// Brings states read at `at` to the tip, if `at` is still canonical and the events since are kept. Otherwise the pools are
    /// read again, at a newer block.
    fn hydrate(&mut self, id: u64, at: BlockRef, reads: Reads, step: &mut Step) -> bool {
        let chain_id = self.options.chain_id;
        let Some(since) = self.record.since(at) else {
            count_hydration(chain_id, "outdated");
            return false;
        };
        let config = ArenaConfig { ring_blocks: 0, ..ArenaConfig::new(chain_id) };
        let mut scratch = PoolArena::new(config);
        scratch.restart_at(at);
        let (mut read, mut has_failed) = (Vec::new(), false);
        for (key, result) in reads {
            let Some(statics) = self.statics(&key) else { continue };
            if !self.hydrations.release_from(&key, id) {
                continue;
            }
            match result.and_then(|state| stage(&mut scratch, statics, at, state)) {
                Ok(()) => read.push(key),
                Err(ReadError::Refused(refusal)) => self.refuse(key, refusal, step),
                Err(error) => {
                    tracing::warn!(pool = %key, block = at.number, %error, "pool is not read");
                    count_hydration(chain_id, "failed");
                    has_failed = true;
                }
            }
        }
        if let Some(error) = since.iter().find_map(|envelope| scratch.apply(envelope).err()) {
            // They were applied to the arena in this order.
            debug_assert!(false, "kept envelopes are consecutive: {error}");
            return true;
        }
        for key in read {
            self.adopt(&scratch, key, step);
        }
        has_failed
    }

    fn adopt(&mut self, scratch: &PoolArena, key: PoolKey, step: &mut Step) {
        match self.writer.arena.adopt(scratch, &key) {
            Ok(idx) => {
                count_hydration(self.options.chain_id, "read");
                self.gates.recovered(&key);
                self.members.resolve(key, Ok(()));
                step.outcome.dirty.push(idx);
            }
            Err(error) => tracing::warn!(pool = %key, %error, "pool that was read does not join"),
        }
    }

    fn statics(&self, key: &PoolKey) -> Option<PoolStatic> {
        let arena = &self.writer.arena;
        Some(*arena.pool(arena.find(key)?)?.statics())
    }

    /// Compares what was kept with what was read. A difference halts the pool; nothing is corrected.
    fn compare(&mut self, snapshot: &PoolSnapshot, reads: Reads, now: Instant) {
        let (chain_id, Some(block)) = (self.options.chain_id, snapshot.tip()) else { return };
        let mut dirty = Vec::new();
        for (pool, read) in reads {
            let found = match read {
                Ok(read) => difference(snapshot, &pool, &read),
                Err(ReadError::Refused(refusal)) => {
                    Some(("contract".to_owned(), "live".to_owned(), refusal.to_string()))
                }
                Err(_) => {
                    count_sample(chain_id, "inconclusive");
                    continue;
                }
            };
            let is_same_pool =
                snapshot.get(&pool).map(|pool| *pool.statics()) == self.statics(&pool);
            let Some((field, ours, theirs)) = found.filter(|_| is_same_pool) else {
                count_sample(chain_id, "equal");
                continue;
            };
            count_sample(chain_id, "diverged");
            let evidence = HaltEvidence { pool, block, field, ours, theirs };
            tracing::error!(?evidence, "pool is halted: the node has another state");
            self.gates.contradict(evidence);
            self.gates.recovered(&pool);
            dirty.extend(self.writer.arena.hold(&pool, Hold::Contradicted));
        }
        if !dirty.is_empty() {
            self.refresh_newest();
            self.writer.settle_dirty(&mut dirty);
            self.publish_view(&dirty, &[], now);
        }
    }
}

/// Puts a state that was read into the arena that will bring it to the tip.
fn stage(
    scratch: &mut PoolArena,
    statics: PoolStatic,
    at: BlockRef,
    state: Hydration,
) -> Result<(), ReadError> {
    let refused = |refusal| move |_| ReadError::Refused(refusal);
    scratch.add_pool(statics).map_err(refused(PoolRefusal::Row))?;
    scratch.hydrate(&statics.key, at.hash, state).map_err(refused(PoolRefusal::State))?;
    Ok(())
}
