//! Paths, checked against a snapshot.

use crate::RouteError;
use alloy_primitives::Address;
use weir_amm::Direction;
use weir_arena::{PoolIdx, PoolKey, PoolSnapshot};

/// The most hops of a path: a bound on the work of one quote.
pub const HOPS_MAX: usize = 8;

/// One pool of a path, and which way through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hop {
    /// The pool's index in the snapshot on which the path was resolved.
    pub pool: PoolIdx,
    /// Which token goes in.
    pub direction: Direction,
}

/// Connected hops over pools that exist, each pool once. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    hops: Vec<Hop>,
    token_in: Address,
    token_out: Address,
    topology: u64,
}

impl Path {
    /// Resolves pools with directions.
    pub fn from_hops(
        snapshot: &PoolSnapshot,
        hops: &[(PoolKey, Direction)],
    ) -> Result<Self, RouteError> {
        let tokens = |(key, direction): &(PoolKey, Direction)| {
            let unknown = RouteError::UnknownPool { pool: *key };
            let statics = snapshot.get(key).ok_or(unknown)?.statics();
            Ok(match direction {
                Direction::ZeroForOne => (statics.token0, statics.token1),
                Direction::OneForZero => (statics.token1, statics.token0),
            })
        };
        let mut builder = PathBuilder::new(snapshot, hops.len())?;
        for hop in hops {
            builder.push(hop.0, tokens(hop)?)?;
        }
        builder.finish()
    }

    /// Resolves tokens and the pools between them, one pool less than tokens.
    pub fn from_tokens(
        snapshot: &PoolSnapshot,
        tokens: &[Address],
        pools: &[PoolKey],
    ) -> Result<Self, RouteError> {
        if tokens.len() != pools.len() + 1 {
            return Err(RouteError::LengthMismatch { tokens: tokens.len(), pools: pools.len() });
        }
        let mut builder = PathBuilder::new(snapshot, pools.len())?;
        for (pair, pool) in tokens.windows(2).zip(pools) {
            builder.push(*pool, (pair[0], pair[1]))?;
        }
        builder.finish()
    }

    /// Resolves pools from the token that goes into the first.
    pub fn from_pools(
        snapshot: &PoolSnapshot,
        token_in: Address,
        pools: &[PoolKey],
    ) -> Result<Self, RouteError> {
        let mut builder = PathBuilder::new(snapshot, pools.len())?;
        let mut token = token_in;
        for pool in pools {
            let unknown = RouteError::UnknownPool { pool: *pool };
            let statics = snapshot.get(pool).ok_or(unknown)?.statics();
            let next = if token == statics.token0 { statics.token1 } else { statics.token0 };
            builder.push(*pool, (token, next))?;
            token = next;
        }
        builder.finish()
    }

    /// The hops in the order of the trade.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// The token that goes in.
    pub const fn token_in(&self) -> Address {
        self.token_in
    }

    /// The token that comes out.
    pub const fn token_out(&self) -> Address {
        self.token_out
    }

    /// Whether the path ends with the token it begins with.
    pub fn is_cycle(&self) -> bool {
        self.token_in == self.token_out
    }

    /// The topology counter of the snapshot on which the path was resolved.
    pub const fn topology(&self) -> u64 {
        self.topology
    }
}

struct PathBuilder<'a> {
    snapshot: &'a PoolSnapshot,
    hops: Vec<Hop>,
    ends: Option<(Address, Address)>,
}

impl<'a> PathBuilder<'a> {
    fn new(snapshot: &'a PoolSnapshot, hops: usize) -> Result<Self, RouteError> {
        if hops == 0 {
            return Err(RouteError::EmptyPath);
        }
        if HOPS_MAX < hops {
            return Err(RouteError::TooManyHops { hops, max: HOPS_MAX });
        }
        Ok(Self { snapshot, hops: Vec::with_capacity(hops), ends: None })
    }

    fn push(
        &mut self,
        pool: PoolKey,
        (token_in, token_out): (Address, Address),
    ) -> Result<(), RouteError> {
        let idx = self.snapshot.find(&pool).ok_or(RouteError::UnknownPool { pool })?;
        let statics = self.snapshot.pool(idx).ok_or(RouteError::UnknownPool { pool })?.statics();
        let direction = if (token_in, token_out) == (statics.token0, statics.token1) {
            Direction::ZeroForOne
        } else if (token_in, token_out) == (statics.token1, statics.token0) {
            Direction::OneForZero
        } else {
            let is_in = token_in == statics.token0 || token_in == statics.token1;
            let token = if is_in { token_out } else { token_in };
            return Err(RouteError::TokenNotInPool { pool, token });
        };
        if let Some((_, expected)) = self.ends.filter(|(_, last)| *last != token_in) {
            return Err(RouteError::Unconnected { pool, expected, found: token_in });
        }
        if self.hops.iter().any(|hop| hop.pool == idx) {
            return Err(RouteError::PoolRepeated { pool });
        }
        self.hops.push(Hop { pool: idx, direction });
        let first = self.ends.map_or(token_in, |(first, _)| first);
        self.ends = Some((first, token_out));
        Ok(())
    }

    fn finish(self) -> Result<Path, RouteError> {
        let (token_in, token_out) = self.ends.ok_or(RouteError::EmptyPath)?;
        Ok(Path { hops: self.hops, token_in, token_out, topology: self.snapshot.topology() })
    }
}
