//! From records to a whole snapshot.

use crate::{
    FeedPool, FeedSnapshot, Message, SnapshotBegin, SnapshotEnd, SnapshotPool, SnapshotTick,
    SyncFault, codec::encode,
};
use alloy_primitives::B256;
use sha2::{Digest, Sha256};

/// A snapshot of which not everything has come.
#[derive(Debug)]
pub(super) struct OpenSnapshot {
    begin: SnapshotBegin,
    pools: Vec<FeedPool>,
    hasher: Sha256,
    frame: Vec<u8>,
}

impl OpenSnapshot {
    pub(super) fn new(begin: SnapshotBegin) -> Self {
        let mut open = Self { begin, pools: Vec::new(), hasher: Sha256::new(), frame: Vec::new() };
        open.note(&Message::SnapshotBegin(begin));
        open
    }

    /// A record has one encoding, so what was read is what was sent.
    fn note(&mut self, message: &Message) {
        self.frame.clear();
        encode(message, &mut self.frame);
        self.hasher.update(&self.frame);
    }

    pub(super) fn pool(&mut self, pool: SnapshotPool) -> Result<(), SyncFault> {
        let is_due = self.is_pool_complete()
            && pool.index < self.begin.pools
            && pool.index as usize == self.pools.len();
        if !is_due {
            return Err(SyncFault::Snapshot { pool: pool.index });
        }
        self.note(&Message::SnapshotPool(pool));
        self.pools.push(FeedPool { pool, ticks: Vec::new() });
        Ok(())
    }

    pub(super) fn tick(&mut self, tick: SnapshotTick) -> Result<(), SyncFault> {
        let fault = SyncFault::Snapshot { pool: tick.pool };
        let FeedPool { pool, ticks } = self.pools.last_mut().ok_or(fault)?;
        let is_due = tick.pool == pool.index
            && tick.index < pool.ticks
            && tick.index as usize == ticks.len()
            && ticks.last().is_none_or(|last| last.tick < tick.tick);
        if !is_due {
            return Err(fault);
        }
        ticks.push(tick);
        self.note(&Message::SnapshotTick(tick));
        Ok(())
    }

    pub(super) fn end(self, end: &SnapshotEnd) -> Result<FeedSnapshot, SyncFault> {
        let is_complete = self.is_pool_complete()
            && self.pools.len() == self.begin.pools as usize
            && end.pools == self.begin.pools;
        if !is_complete {
            return Err(SyncFault::Snapshot { pool: end.pools });
        }
        let (expected, found) = (end.digest, B256::new(self.hasher.finalize().into()));
        if expected != found {
            return Err(SyncFault::SnapshotDigest { expected, found });
        }
        let SnapshotBegin { chain_id, epoch, next_seq, block, .. } = self.begin;
        Ok(FeedSnapshot { chain_id, epoch, next_seq, block, pools: self.pools })
    }

    fn is_pool_complete(&self) -> bool {
        self.pools.last().is_none_or(|last| last.ticks.len() == last.pool.ticks as usize)
    }
}
