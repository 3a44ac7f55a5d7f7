//! Profitable cycles, and what becomes of them.

use crate::{CYCLE_HOPS_MAX, Hop};
use alloy_primitives::{Address, B128, I256, Keccak256, U256};
use std::{cmp::Reverse, fmt};
use weir_amm::Direction;
use weir_arena::{PoolId, PoolKey, PoolStatus};
use weir_primitives::BlockRef;

/// Names a cycle in one sense: the same pools in the same order and directions have the same name in every run.
///
/// The first 16 bytes of Keccak-256 over each hop: chain id (8 bytes, big-endian), pool (20 or 32 bytes), direction (0 if
/// token0 goes in, else 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpportunityId(pub B128);

impl fmt::Display for OpportunityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A hop with the name of its pool, which outlives the topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpportunityHop {
    /// The pool.
    pub pool: PoolKey,
    /// Its index while the topology lasts, and the direction.
    pub hop: Hop,
}

/// The hops of a cycle from its base token on, on the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpportunityHops {
    /// What is beyond `len` repeats the first.
    hops: [OpportunityHop; CYCLE_HOPS_MAX],
    len: usize,
}

impl OpportunityHops {
    /// `None` if there is no hop or there are too many.
    pub(crate) fn new(mut hops: impl Iterator<Item = OpportunityHop>) -> Option<Self> {
        let mut held = Self { hops: [hops.next()?; CYCLE_HOPS_MAX], len: 1 };
        for hop in hops {
            *held.hops.get_mut(held.len)? = hop;
            held.len += 1;
        }
        Some(held)
    }

    /// The hops in the order of the trade.
    pub fn as_slice(&self) -> &[OpportunityHop] {
        &self.hops[..self.len]
    }

    pub(crate) fn id(&self) -> OpportunityId {
        let mut hasher = Keccak256::new();
        for OpportunityHop { pool, hop } in self.as_slice() {
            hasher.update(pool.chain_id.to_be_bytes());
            match &pool.id {
                PoolId::Address(address) => hasher.update(address),
                PoolId::Id(id) => hasher.update(id),
            }
            hasher.update([u8::from(hop.direction == Direction::OneForZero)]);
        }
        OpportunityId(B128::from_slice(&hasher.finalize()[..16]))
    }
}

/// A cycle that gives back more of its base token than goes in, by simulation in integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opportunity {
    /// Its name.
    pub id: OpportunityId,
    /// The pools in the order of the trade.
    pub hops: OpportunityHops,
    /// The token that goes in and comes out.
    pub base: Address,
    /// What goes in.
    pub amount_in: U256,
    /// What comes out.
    pub amount_out: U256,
    /// `amount_out - amount_in`, in the base token.
    pub profit: U256,
    /// Gas of the trade, estimated.
    pub gas: u64,
    /// Worth of the profit less the gas, in wei; `None` if the base token has no price.
    pub net: Option<I256>,
    /// The block on whose state it was simulated. It holds until an event says otherwise: no pool of it changed since.
    pub block: Option<BlockRef>,
    /// Generation of that state.
    pub generation: u64,
}

impl Opportunity {
    /// Best first: by net worth, then those without one by profit; ties by name.
    pub fn rank(&self) -> impl Ord + use<> {
        (Reverse(self.net), Reverse(self.profit), self.id)
    }

    pub(crate) fn has_amounts_of(&self, other: &Self) -> bool {
        (self.amount_in, self.amount_out) == (other.amount_in, other.amount_out)
    }
}

/// Why an opportunity is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// The pools no longer give more than goes in.
    Unprofitable,
    /// A pool's state may not be used.
    NotLive {
        /// The pool.
        pool: PoolKey,
        /// Its status.
        status: PoolStatus,
    },
    /// A pool left the arena.
    PoolRemoved {
        /// The pool.
        pool: PoolKey,
    },
    /// The pools are there, but the cycle is beyond the bounds of the enumeration now.
    NotEnumerated,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PathCoverage {
    /// Pools whose rates were taken anew.
    pub dirty_pools: usize,
    /// Cycles through them, a cycle and its reverse counted once; the sum of `pruned` and `sized`.
    pub dirty_cycles: usize,
    /// Cycles whose marginal rate is not above one in either sense.
    pub pruned: usize,
    /// Cycles sized in floats.
    pub sized: usize,
    /// Sized cycles worth a simulation in integers.
    pub simulated: usize,
    /// Simulated cycles with enough profit.
    pub profitable: usize,
}

/// What one block changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpportunityDelta {
    /// New opportunities.
    pub appeared: Vec<Opportunity>,
    /// Opportunities with other amounts than before.
    pub changed: Vec<Opportunity>,
    /// Opportunities that are no more.
    pub disappeared: Vec<(OpportunityId, Gone)>,
    /// How this was found.
    pub coverage: PathCoverage,
}

impl OpportunityDelta {
    pub(crate) fn clear(&mut self) {
        self.appeared.clear();
        self.changed.clear();
        self.disappeared.clear();
        self.coverage = PathCoverage::default();
    }
}
