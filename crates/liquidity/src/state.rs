//! Whether the engine's numbers may be traded on.

use std::fmt;

/// Why the engine works with less than it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DegradedReason {
    /// Events contradicted the state of some pools; quotes through them are refused.
    PoolsHalted {
        /// How many.
        pools: u32,
    },
    /// Logs of watched contracts could not be decoded: their pools may have changed unseen.
    UndecodableLogs {
        /// How many since the start.
        logs: u64,
    },
}

/// Why the engine has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaltReason {
    /// The stored blocks cannot be read.
    Store,
    /// The stored blocks do not form a chain, or are of another one.
    Chain,
}

/// The state of the whole engine. Each pool has its own besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TradingState {
    /// Pool states are those of the chain's tip.
    Live,
    /// A reorg is being applied: states are those before it.
    Reorging,
    /// As live, for all pools but some.
    Degraded(DegradedReason),
    /// States are being rebuilt; those published may be old.
    Resyncing {
        /// Pools concerned.
        pools: u32,
    },
    /// The engine has stopped; states are those of its last block.
    Halted(HaltReason),
}

impl TradingState {
    /// Every name that [`TradingState::name`] gives.
    pub const NAMES: [&'static str; 5] = ["live", "reorging", "degraded", "resyncing", "halted"];

    /// Whether quotes are given.
    pub const fn is_quotable(&self) -> bool {
        matches!(self, Self::Live | Self::Degraded(_))
    }

    /// The name in APIs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Live => Self::NAMES[0],
            Self::Reorging => Self::NAMES[1],
            Self::Degraded(_) => Self::NAMES[2],
            Self::Resyncing { .. } => Self::NAMES[3],
            Self::Halted(_) => Self::NAMES[4],
        }
    }
}

impl fmt::Display for TradingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live | Self::Reorging => f.write_str(self.name()),
            Self::Degraded(DegradedReason::PoolsHalted { pools }) => {
                write!(f, "degraded: halted_pools={pools}")
            }
            Self::Degraded(DegradedReason::UndecodableLogs { logs }) => {
                write!(f, "degraded: undecodable_logs={logs}")
            }
            Self::Resyncing { pools } => write!(f, "resyncing: pools={pools}"),
            Self::Halted(HaltReason::Store) => f.write_str("halted: stored blocks cannot be read"),
            Self::Halted(HaltReason::Chain) => f.write_str("halted: stored blocks are no chain"),
        }
    }
}
