//! What of a producer's pools may be traded on, as a consumer is told.

use crate::{
    CodecError,
    event_codec::{read_pool, write_pool},
    wire::{FieldReader, FrameWriter},
};
use alloy_primitives::Address;
use std::collections::BTreeMap;
use weir_arena::PoolId;

/// Whether something may be traded on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GateCode {
    /// It may.
    Live = 1,
    /// A pool whose state is known and that has no price yet.
    Uninitialized = 2,
    /// A pool whose state was never known.
    Unsynced = 3,
    /// A reorg is being applied.
    Reorging = 4,
    /// States are being read again.
    Resyncing = 5,
    /// Of the whole chain: with restrictions, which the reason says. Of a pool: it may not.
    Degraded = 6,
    /// A state is known to be wrong, or the engine has stopped.
    Halted = 7,
}

/// Why a gate is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GateReason {
    /// Nothing more to say.
    None = 0,
    /// Events contradicted so many pools, or checks did; they are refused, others are not.
    PoolsHalted = 1,
    /// So many logs of watched contracts did not decode.
    UndecodableLogs = 2,
    /// So many pools are being read again; they are refused, others are not.
    PoolsResyncing = 3,
    /// The connection to the source is lost.
    SourceDisconnected = 4,
    /// The source is so many blocks ahead.
    SourceLagging = 5,
    /// The source has lost blocks.
    FeedGap = 6,
    /// A block came with this proof of completeness, which is too weak.
    Unproven = 7,
    /// The whitelist is so many seconds old.
    WhitelistStale = 8,
    /// Stored blocks cannot be read.
    Store = 16,
    /// Stored blocks are no chain.
    Chain = 17,
    /// The source is of another chain.
    Source = 18,
    /// An event in the block of this number contradicted the pool's state.
    Event = 32,
    /// The node's state at the block of this number was another than the pool's.
    Check = 33,
}

impl GateCode {
    const ALL: [Self; 7] = [
        Self::Live,
        Self::Uninitialized,
        Self::Unsynced,
        Self::Reorging,
        Self::Resyncing,
        Self::Degraded,
        Self::Halted,
    ];

    fn from_wire(value: u8) -> Result<Self, CodecError> {
        let found = Self::ALL.into_iter().find(|code| *code as u8 == value);
        found.ok_or_else(|| CodecError::UnknownValue { field: "gate", value: value.into() })
    }

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Uninitialized => "uninitialized",
            Self::Unsynced => "unsynced",
            Self::Reorging => "reorging",
            Self::Resyncing => "resyncing",
            Self::Degraded => "degraded",
            Self::Halted => "halted",
        }
    }
}

impl GateReason {
    const ALL: [Self; 14] = [
        Self::None,
        Self::PoolsHalted,
        Self::UndecodableLogs,
        Self::PoolsResyncing,
        Self::SourceDisconnected,
        Self::SourceLagging,
        Self::FeedGap,
        Self::Unproven,
        Self::WhitelistStale,
        Self::Store,
        Self::Chain,
        Self::Source,
        Self::Event,
        Self::Check,
    ];

    fn from_wire(value: u8) -> Result<Self, CodecError> {
        let found = Self::ALL.into_iter().find(|reason| *reason as u8 == value);
        found.ok_or_else(|| CodecError::UnknownValue { field: "gate_reason", value: value.into() })
    }

    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PoolsHalted => "pools_halted",
            Self::UndecodableLogs => "undecodable_logs",
            Self::PoolsResyncing => "pools_resyncing",
            Self::SourceDisconnected => "source_disconnected",
            Self::SourceLagging => "source_lagging",
            Self::FeedGap => "feed_gap",
            Self::Unproven => "unproven",
            Self::WhitelistStale => "whitelist_stale",
            Self::Store => "store",
            Self::Chain => "chain",
            Self::Source => "source",
            Self::Event => "event",
            Self::Check => "check",
        }
    }
}

/// One gate: whether, why not, and the number that belongs to the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GateState {
    /// Whether.
    pub code: GateCode,
    /// Why not.
    pub reason: GateReason,
    /// Pools, logs, blocks, seconds, a completeness grade or a block number, as the reason says; zero for others.
    pub value: u64,
}

impl GateState {
    /// Open.
    pub const LIVE: Self = Self::of(GateCode::Live);

    /// A gate of which there is nothing more to say.
    pub const fn of(code: GateCode) -> Self {
        Self { code, reason: GateReason::None, value: 0 }
    }
}

/// All gates of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedGates {
    /// Of the whole engine.
    pub overall: GateState,
    /// Of pools that are closed for a reason of their own. The others, and those that the producer does not follow, are not in it.
    pub pools: BTreeMap<PoolId, GateState>,
}

impl Default for FeedGates {
    /// What is known before the producer has said anything.
    fn default() -> Self {
        Self { overall: GateState::of(GateCode::Resyncing), pools: BTreeMap::new() }
    }
}

impl FeedGates {
    /// The gates that a consumer who was told `before` must be told. The overall one comes last when it opens and first when it
    /// closes, so that nobody trades in between.
    pub(crate) fn changes(&self, before: Option<&Self>) -> Vec<(Option<PoolId>, GateState)> {
        let known = |pool: &PoolId| before.and_then(|before| before.pools.get(pool));
        let closed = self.pools.iter().filter(|(pool, gate)| known(pool) != Some(*gate));
        let mut changes: Vec<_> = closed.map(|(pool, gate)| (Some(*pool), *gate)).collect();
        let opened = before.into_iter().flat_map(|before| before.pools.keys());
        let opened = opened.filter(|pool| !self.pools.contains_key(*pool));
        changes.extend(opened.map(|pool| (Some(*pool), GateState::LIVE)));
        if before.is_none_or(|before| before.overall != self.overall) {
            let overall = (None, self.overall);
            if self.overall.code == GateCode::Live {
                changes.push(overall);
            } else {
                changes.insert(0, overall);
            }
        }
        changes
    }
}

/// Says what may be traded on from now on: of the whole chain, or of one pool. It takes the place of what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// The chain.
    pub chain_id: u64,
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number due next: all before it is in the states that the gate is about.
    pub next_seq: u64,
    /// The pool; `None` for the whole chain.
    pub pool: Option<PoolId>,
    /// The gate.
    pub state: GateState,
}

const SCOPE_CHAIN: u8 = 0;
const SCOPE_POOL: u8 = 1;

pub(crate) fn write_gate(gate: &Gate, out: &mut FrameWriter<'_>) {
    out.u64(gate.chain_id).u64(gate.epoch).u64(gate.next_seq);
    out.u8(if gate.pool.is_some() { SCOPE_POOL } else { SCOPE_CHAIN });
    write_pool(&gate.pool.unwrap_or(PoolId::Address(Address::ZERO)), out);
    out.u8(gate.state.code as u8).u8(gate.state.reason as u8).u64(gate.state.value);
}

pub(crate) fn read_gate(fields: &mut FieldReader<'_>) -> Result<Gate, CodecError> {
    let (chain_id, epoch, next_seq) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let scope = fields.u8()?;
    let pool = read_pool(fields)?;
    let pool = match scope {
        SCOPE_POOL => Some(pool),
        SCOPE_CHAIN if pool == PoolId::Address(Address::ZERO) => None,
        SCOPE_CHAIN => return Err(CodecError::Padding { field: "pool" }),
        other => {
            return Err(CodecError::UnknownValue { field: "gate_scope", value: other.into() });
        }
    };
    let state = GateState {
        code: GateCode::from_wire(fields.u8()?)?,
        reason: GateReason::from_wire(fields.u8()?)?,
        value: fields.u64()?,
    };
    Ok(Gate { chain_id, epoch, next_seq, pool, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(byte: u8) -> PoolId {
        PoolId::Address(Address::repeat_byte(byte))
    }

    fn gates(overall: GateCode, pools: &[(u8, GateCode)]) -> FeedGates {
        let pools = pools.iter().map(|(byte, code)| (pool(*byte), GateState::of(*code)));
        FeedGates { overall: GateState::of(overall), pools: pools.collect() }
    }

    #[test]
    fn only_what_changed_is_told_and_the_chain_never_opens_first() {
        let first = gates(GateCode::Resyncing, &[(1, GateCode::Unsynced), (2, GateCode::Halted)]);
        let told = first.changes(None);
        assert_eq!(told[0], (None, first.overall));
        assert_eq!(told.len(), 3);
        assert!(first.changes(Some(&first)).is_empty());
        let live = gates(GateCode::Live, &[(2, GateCode::Halted)]);
        let opened = [(Some(pool(1)), GateState::LIVE), (None, GateState::LIVE)];
        assert_eq!(live.changes(Some(&first)), opened);
    }
}
