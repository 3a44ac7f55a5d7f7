//! The records of the stream, as values.

use crate::{
    CodecError, Completeness, Gate, Hello, Refused, SnapshotBegin, SnapshotEnd, SnapshotPool,
    SnapshotTick, Step, StepRetracted, Welcome,
};
use alloy_primitives::B256;
use weir_arena::{EventRecord, PoolEvent, PoolId, PoolKey};
use weir_primitives::BlockRef;

/// Opens a block. Its [`PoolUpdate`]s follow in execution order, then its [`EndBlock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeginBlock {
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number of the block in that epoch.
    pub seq: u64,
    /// Number, hash, parent hash and timestamp (seconds).
    pub block: BlockRef,
    /// Base fee per gas in wei, zero before London.
    pub base_fee: u64,
}

/// One pool event of the open block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUpdate {
    /// Sequence number of the block it belongs to.
    pub seq: u64,
    /// Position among the block's updates, from zero without holes.
    pub index: u32,
    /// Index of its transaction in the block.
    pub tx_index: u32,
    /// Index of its log in the block, as `eth_getLogs` counts.
    pub log_index: u32,
    /// Hash of its transaction.
    pub tx_hash: B256,
    /// The pool.
    pub pool: PoolId,
    /// What happened.
    pub event: PoolEvent,
}

impl PoolUpdate {
    /// The update of `record` at `index` among those of the block or step with `seq`.
    pub const fn new(seq: u64, index: u32, record: &EventRecord) -> Self {
        Self {
            seq,
            index,
            tx_index: record.tx_index,
            log_index: record.log_index,
            tx_hash: record.tx_hash,
            pool: record.pool.id,
            event: record.event,
        }
    }

    /// The event in its place in a block of `chain_id`.
    pub const fn record(&self, chain_id: u64) -> EventRecord {
        EventRecord {
            tx_index: self.tx_index,
            log_index: self.log_index,
            tx_hash: self.tx_hash,
            pool: PoolKey { chain_id, id: self.pool },
            event: self.event,
        }
    }
}

/// Closes a block. Only now may any of it be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndBlock {
    /// Sequence number of the block.
    pub seq: u64,
    /// Number of the block.
    pub number: u64,
    /// How many updates there were.
    pub num_updates: u32,
    /// Digest of the envelope.
    pub digest: B256,
    /// How the producer knows that no pool event is missing.
    pub completeness: Completeness,
}

/// Opens a reorg: the `Reverted` blocks follow newest first, then the new blocks, then [`ReorgEnd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReorgStart {
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number of this record.
    pub seq: u64,
    /// Number of the common ancestor: the tip once all is reverted.
    pub ancestor_number: u64,
    /// Hash of the common ancestor.
    pub ancestor_hash: B256,
    /// How many blocks are reverted, at least one.
    pub reverted: u32,
    /// How many new blocks follow; zero if nothing takes their place.
    pub applied: u32,
}

/// One block that left the canonical chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reverted {
    /// Sequence number of this record.
    pub seq: u64,
    /// The block.
    pub block: BlockRef,
}

/// Closes a reorg. Readers of pool state see nothing of the reorg before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReorgEnd {
    /// Sequence number of this record.
    pub seq: u64,
    /// Number of the tip.
    pub tip_number: u64,
    /// Hash of the tip.
    pub tip_hash: B256,
}

/// Says that the producer lives and where its head is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The producer's epoch.
    pub epoch: u64,
    /// The sequence number that the producer assigns next. A consumer that waits for a smaller one lags.
    pub next_seq: u64,
    /// Number of the producer's tip, zero before its first block.
    pub head_number: u64,
    /// Hash of the producer's tip, zero before its first block.
    pub head_hash: B256,
}

/// Why records are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum GapReason {
    /// The consumer read too slowly. The connection closes after this record.
    SlowConsumer = 1,
    /// The position asked for is older than what the producer retains.
    Expired = 2,
    /// The position asked for is of another epoch: the producer has started anew.
    Epoch = 3,
    /// The position asked for is ahead of the producer.
    Ahead = 4,
}

impl GapReason {
    pub(crate) fn from_wire(value: u8) -> Result<Self, CodecError> {
        match value {
            1 => Ok(Self::SlowConsumer),
            2 => Ok(Self::Expired),
            3 => Ok(Self::Epoch),
            4 => Ok(Self::Ahead),
            other => Err(CodecError::UnknownValue { field: "reason", value: other.into() }),
        }
    }
}

/// Says that the consumer misses records: it is not synced until it has state from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The producer's epoch.
    pub epoch: u64,
    /// Why.
    pub reason: GapReason,
    /// The sequence number that the consumer would have needed next.
    pub wanted_seq: u64,
    /// The sequence number with which the stream goes on, or could go on after a reconnect.
    pub next_seq: u64,
}

/// Any record of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Consumer to producer, first record.
    Hello(Hello),
    /// Producer to consumer, first record.
    Welcome(Welcome),
    /// Producer to consumer, only record.
    Refused(Refused),
    /// A block begins.
    BeginBlock(BeginBlock),
    /// A pool event.
    PoolUpdate(PoolUpdate),
    /// A block ends.
    EndBlock(EndBlock),
    /// A step of the open block begins.
    Step(Step),
    /// The steps of the open block are taken back.
    StepRetracted(StepRetracted),
    /// A reorg begins.
    ReorgStart(ReorgStart),
    /// A block is reverted.
    Reverted(Reverted),
    /// A reorg ends.
    ReorgEnd(ReorgEnd),
    /// The producer lives.
    Heartbeat(Heartbeat),
    /// See [`Gate`].
    Gate(Gate),
    /// Records are missing.
    Gap(Gap),
    /// Pool states begin.
    SnapshotBegin(SnapshotBegin),
    /// A pool's state.
    SnapshotPool(SnapshotPool),
    /// A tick of it.
    SnapshotTick(SnapshotTick),
    /// Pool states end.
    SnapshotEnd(SnapshotEnd),
}
