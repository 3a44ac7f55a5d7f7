//! Whether the engine's numbers may be traded on.

use std::fmt;
use weir_feed::Completeness;

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
    /// The states of some pools are being read again; quotes through them are refused.
    PoolsResyncing {
        /// How many.
        pools: u32,
    },
    /// The connection to the source is lost: the chain may have moved on. No quotes.
    SourceDisconnected,
    /// The source is ahead of the states. No quotes.
    SourceLagging {
        /// By how many blocks.
        blocks: u64,
    },
    /// The source has lost blocks, and the next one is not there yet. No quotes.
    FeedGap,
    /// A block came with a weaker proof of completeness than is accepted. No quotes.
    Unproven {
        /// The proof it came with.
        completeness: Completeness,
    },
    /// The whitelist was not renewed in time: pools may be missing.
    WhitelistStale {
        /// Its age.
        seconds: u64,
    },
}

impl DegradedReason {
    /// Whether pools that are live themselves may be traded on.
    pub const fn is_quotable(&self) -> bool {
        match self {
            Self::PoolsHalted { .. }
            | Self::UndecodableLogs { .. }
            | Self::PoolsResyncing { .. }
            | Self::WhitelistStale { .. } => true,
            Self::SourceDisconnected
            | Self::SourceLagging { .. }
            | Self::FeedGap
            | Self::Unproven { .. } => false,
        }
    }

    /// The name in APIs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PoolsHalted { .. } => "pools_halted",
            Self::UndecodableLogs { .. } => "undecodable_logs",
            Self::PoolsResyncing { .. } => "pools_resyncing",
            Self::SourceDisconnected => "source_disconnected",
            Self::SourceLagging { .. } => "source_lagging",
            Self::FeedGap => "feed_gap",
            Self::Unproven { .. } => "unproven",
            Self::WhitelistStale { .. } => "whitelist_stale",
        }
    }
}

impl fmt::Display for DegradedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PoolsHalted { pools } => write!(f, "halted_pools={pools}"),
            Self::UndecodableLogs { logs } => write!(f, "undecodable_logs={logs}"),
            Self::PoolsResyncing { pools } => write!(f, "resyncing_pools={pools}"),
            Self::SourceDisconnected => f.write_str("source is disconnected"),
            Self::SourceLagging { blocks } => write!(f, "source is ahead: blocks={blocks}"),
            Self::FeedGap => f.write_str("source has lost blocks"),
            Self::Unproven { completeness } => {
                write!(f, "block is not proven: completeness={completeness}")
            }
            Self::WhitelistStale { seconds } => write!(f, "whitelist is old: seconds={seconds}"),
        }
    }
}

/// Why the engine has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaltReason {
    /// The stored blocks cannot be read.
    Store,
    /// The stored blocks do not form a chain, or are of another one.
    Chain,
    /// The source gives blocks or feed events of another chain.
    Source,
}

impl fmt::Display for HaltReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "stored blocks cannot be read",
            Self::Chain => "stored blocks are no chain",
            Self::Source => "source is of another chain",
        })
    }
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
        match self {
            Self::Live => true,
            Self::Degraded(reason) => reason.is_quotable(),
            Self::Reorging | Self::Resyncing { .. } | Self::Halted(_) => false,
        }
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
            Self::Degraded(reason) => write!(f, "degraded: {reason}"),
            Self::Resyncing { pools } => write!(f, "resyncing: pools={pools}"),
            Self::Halted(reason) => write!(f, "halted: {reason}"),
        }
    }
}
