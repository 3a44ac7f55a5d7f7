//! Which pools may be traded on, and why not.

use crate::{DegradedReason, HaltReason, LiquidityView, TradingState};
use alloy_primitives::map::{HashMap, HashSet};
use std::{fmt, sync::Arc};
use weir_arena::{Evidence, PoolKey, PoolStatus};
use weir_primitives::BlockRef;

/// A difference between the arena and the contract, found at one block. Kept until the pool leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HaltEvidence {
    /// The pool.
    pub pool: PoolKey,
    /// The block at whose hash both sides were taken.
    pub block: BlockRef,
    /// What differs, for example `reserve0` or `tick[-60].net`.
    pub field: String,
    /// What the arena held.
    pub ours: String,
    /// What the node answered.
    pub theirs: String,
}

/// What halted a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaltCause {
    /// An event contradicted the state.
    Event(Box<Evidence>),
    /// The node's state at a block's hash was another.
    Check(Arc<HaltEvidence>),
    /// The whole engine has stopped.
    Engine(HaltReason),
}

/// Whether one pool may be traded on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolGate {
    /// Its state equals the contract's at the block of the view.
    Live,
    /// Its state is known, and it has no price yet.
    Uninitialized,
    /// Its state was never known.
    Unsynced,
    /// Its state was known and is being read again; or a reorg is being applied.
    Resyncing,
    /// Its state may be old or incomplete, like that of all others.
    Degraded(DegradedReason),
    /// Its state is known to be wrong.
    Halted(HaltCause),
}

impl PoolGate {
    /// Whether quotes through the pool are given.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Live)
    }

    /// The name in APIs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Uninitialized => "uninitialized",
            Self::Unsynced => "unsynced",
            Self::Resyncing => "resyncing",
            Self::Degraded(_) => "degraded",
            Self::Halted(_) => "halted",
        }
    }
}

impl fmt::Display for PoolGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Live | Self::Uninitialized | Self::Unsynced | Self::Resyncing => Ok(()),
            Self::Degraded(reason) => write!(f, ": {reason}"),
            Self::Halted(HaltCause::Engine(reason)) => write!(f, ": {reason}"),
            Self::Halted(HaltCause::Event(evidence)) => {
                let (number, log) = (evidence.block.number, evidence.log_index);
                write!(f, ": event contradicts the state: block={number} log_index={log}")
            }
            Self::Halted(HaltCause::Check(evidence)) => {
                let HaltEvidence { block, field, ours, theirs, .. } = &**evidence;
                let number = block.number;
                write!(
                    f,
                    ": node differs: block={number} field={field} ours={ours} theirs={theirs}"
                )
            }
        }
    }
}

/// A change of what may be traded on. Whoever missed one reads the view: it stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateEvent {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The block of the view; `None` before the first.
    pub block: Option<BlockRef>,
    /// The state of the whole engine.
    pub overall: TradingState,
    /// Pools whose own gate changed, with the new one; pools that left are not in it.
    pub changed: Arc<[(PoolKey, PoolGate)]>,
}

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GateRefusal {
    /// The view has no such pool.
    #[error("pool is unknown: pool={pool}")]
    Unknown {
        /// The pool.
        pool: PoolKey,
    },
    /// A pool of the path may not be traded on.
    #[error("pool is not live: pool={pool} gate={gate}")]
    NotLive {
        /// The pool.
        pool: PoolKey,
        /// Its gate.
        gate: PoolGate,
    },
    /// Nothing may be traded on now.
    #[error("no quotes now: {state}")]
    Overall {
        /// The engine's state.
        state: TradingState,
    },
}

/// Whether all of `pools` may be traded on in this view.
///
/// # Errors
/// The first reason why not.
pub fn gate_check(
    view: &LiquidityView,
    pools: impl IntoIterator<Item = PoolKey>,
) -> Result<(), GateRefusal> {
    if !view.state.is_quotable() {
        return Err(GateRefusal::Overall { state: view.state });
    }
    for pool in pools {
        let gate = view.gate(&pool).ok_or(GateRefusal::Unknown { pool })?;
        if !gate.is_live() {
            return Err(GateRefusal::NotLive { pool, gate });
        }
    }
    Ok(())
}

/// What is known of pools beside their states. Shared between views until it changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct GateBook {
    /// Pools whose state was known, or belongs to the first list, and is being read.
    pub(crate) recovering: Arc<HashSet<PoolKey>>,
    /// Pools whose contracts were found to differ.
    pub(crate) contradicted: Arc<HashMap<PoolKey, Arc<HaltEvidence>>>,
}

impl LiquidityView {
    /// Whether the pool may be traded on; `None` if it is not followed.
    pub fn gate(&self, pool: &PoolKey) -> Option<PoolGate> {
        let held = self.pool(pool)?;
        let own = match held.status() {
            PoolStatus::Halted => {
                let event = held.evidence().map(|evidence| HaltCause::Event(Box::new(*evidence)));
                let check =
                    || Some(HaltCause::Check(Arc::clone(self.book.contradicted.get(pool)?)));
                // One of the two is there whenever a pool is halted.
                return Some(event.or_else(check).map_or(PoolGate::Unsynced, PoolGate::Halted));
            }
            PoolStatus::Unsynced if self.book.recovering.contains(pool) => PoolGate::Resyncing,
            PoolStatus::Unsynced => PoolGate::Unsynced,
            PoolStatus::Uninitialized => PoolGate::Uninitialized,
            PoolStatus::Live => PoolGate::Live,
        };
        Some(match self.state {
            TradingState::Halted(reason) => PoolGate::Halted(HaltCause::Engine(reason)),
            TradingState::Reorging => PoolGate::Resyncing,
            TradingState::Resyncing { .. } if own.is_live() => PoolGate::Resyncing,
            TradingState::Degraded(reason) if own.is_live() && !reason.is_quotable() => {
                PoolGate::Degraded(reason)
            }
            _ => own,
        })
    }
}

/// Pools of `new` whose gate is not that of `old`.
pub(crate) fn changed_gates(old: &LiquidityView, new: &LiquidityView) -> Vec<(PoolKey, PoolGate)> {
    let mut changed = Vec::new();
    for (_, pool) in new.head.pools() {
        let key = pool.statics().key;
        let Some(gate) = new.gate(&key) else { continue };
        if old.gate(&key).as_ref() != Some(&gate) {
            changed.push((key, gate));
        }
    }
    changed
}
