//! A whole message, whatever pieces it came in.

use super::{Rejection, WhitelistAddress, WhitelistKind, WhitelistPool, WhitelistVersion};
use weir_arena::PoolId;

/// One complete change of the list, as its publisher sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhitelistUpdate {
    /// What it does.
    pub kind: WhitelistKind,
    /// Its place in the publisher's history; `None` if the publisher numbers nothing.
    pub version: Option<WhitelistVersion>,
    /// The block from whose end on it counts; `None` for at once.
    pub effective_from: Option<u64>,
    /// Pools of a full list or an addition that can be followed.
    pub pools: Vec<WhitelistPool>,
    /// Pools of a full list or an addition whose tokens and fee must be read from the chain first.
    pub unresolved: Vec<WhitelistAddress>,
    /// Pools of a removal.
    pub removed: Vec<PoolId>,
    /// Rows that were refused, with reasons.
    pub rejected: Vec<Rejection>,
}

impl WhitelistUpdate {
    /// The publisher's snapshot number.
    pub fn snapshot_id(&self) -> Option<u64> {
        self.version.map(|version| version.snapshot_id)
    }

    /// Whether it names no pool that could be used.
    pub const fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.unresolved.is_empty() && self.removed.is_empty()
    }

    /// Number of pools that it names and that could be used.
    pub const fn len(&self) -> usize {
        self.pools.len() + self.unresolved.len() + self.removed.len()
    }
}
