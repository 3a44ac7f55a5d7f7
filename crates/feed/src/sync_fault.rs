//! Records that are not a stream.

use alloy_primitives::B256;

/// What is wrong with the order or the content of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyncFault {
    /// A sequence number was skipped.
    #[error("sequence has a hole: expected={expected} found={found}")]
    Sequence {
        /// The sequence number due.
        expected: u64,
        /// The one read.
        found: u64,
    },
    /// An update of the open block was skipped.
    #[error("update is missing: seq={seq} expected={expected} found={found}")]
    UpdateIndex {
        /// The block's sequence number.
        seq: u64,
        /// The index due.
        expected: u32,
        /// The index read.
        found: u32,
    },
    /// An update or the end of a block that is not open: a start in the middle, or frames in disorder.
    #[error("record belongs to no open block: seq={seq}")]
    NoOpenBlock {
        /// The sequence number read.
        seq: u64,
    },
    /// A block is open and something other than its updates or its end follows.
    #[error("block is not closed: seq={seq}")]
    BlockNotClosed {
        /// Sequence number of the open block.
        seq: u64,
    },
    /// The end of the block counts other updates than were read.
    #[error("update count differs: seq={seq} expected={expected} found={found}")]
    UpdateCount {
        /// The block's sequence number.
        seq: u64,
        /// What the end of the block says.
        expected: u32,
        /// How many were read.
        found: u32,
    },
    /// The updates are not in the order of the block (transaction, then log).
    #[error("updates are not in block order: seq={seq} index={index}")]
    UpdateOrder {
        /// The block's sequence number.
        seq: u64,
        /// Index of the first one out of order.
        index: u32,
    },
    /// A block holds more updates than [`UPDATES_PER_BLOCK_MAX`](crate::UPDATES_PER_BLOCK_MAX).
    #[error("block holds too many updates: seq={seq}")]
    TooManyUpdates {
        /// The block's sequence number.
        seq: u64,
    },
    /// The digest of what was read is not the producer's.
    #[error("digest differs: seq={seq} expected={expected} found={found}")]
    Digest {
        /// The block's sequence number.
        seq: u64,
        /// The producer's digest.
        expected: B256,
        /// The digest of what was read.
        found: B256,
    },
    /// The end of a block names another number than its beginning.
    #[error("block number differs: seq={seq} expected={expected} found={found}")]
    Number {
        /// The block's sequence number.
        seq: u64,
        /// Number at its beginning.
        expected: u64,
        /// Number at its end.
        found: u64,
    },
    /// A block is not the child of the tip, or a reverted block is not the tip.
    #[error("block does not link to the tip: seq={seq} expected={expected} found={found}")]
    Unlinked {
        /// The record's sequence number.
        seq: u64,
        /// The tip's hash.
        expected: B256,
        /// The hash found in its place.
        found: B256,
    },
    /// The reorg bracket does not hold what its start announced.
    #[error("reorg bracket is broken: seq={seq}")]
    Bracket {
        /// The record's sequence number.
        seq: u64,
    },
    /// A record is of another chain.
    #[error("chain differs: seq={seq} expected={expected} found={found}")]
    Chain {
        /// The record's sequence number.
        seq: u64,
        /// The chain of the handshake.
        expected: u64,
        /// The chain of the record.
        found: u64,
    },
    /// A record is of another epoch than the handshake announced.
    #[error("epoch differs: expected={expected} found={found}")]
    Epoch {
        /// The epoch of the handshake.
        expected: u64,
        /// The epoch of the record.
        found: u64,
    },
    /// A step is not the one due, or of another block, or a retraction does not fit the steps.
    #[error("step is not the one due: seq={seq} expected={expected} found={found}")]
    Step {
        /// Sequence number that the block will have.
        seq: u64,
        /// The step due.
        expected: u32,
        /// The step, or number of steps, read.
        found: u32,
    },
    /// A record of a snapshot is missing, twice or out of place.
    #[error("snapshot is broken: pool={pool}")]
    Snapshot {
        /// The pool's place, or the number of pools at the end.
        pool: u32,
    },
    /// The digest of a snapshot is not the producer's.
    #[error("snapshot digest differs: expected={expected} found={found}")]
    SnapshotDigest {
        /// The producer's digest.
        expected: B256,
        /// The digest of what was read.
        found: B256,
    },
    /// The producer does not continue the position after a reconnect, and its [`Gap`](crate::Gap) has not come.
    #[error("records are missing and the gap is not announced")]
    Unannounced,
    /// A handshake record inside the stream, or something else in place of the handshake.
    #[error("record is out of place in the handshake")]
    Handshake,
}
