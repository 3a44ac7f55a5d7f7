//! What the prefilter and the sizing need of each pool, kept between blocks.

use crate::{TokenGraph, cycles::code};
use weir_amm::Direction;
use weir_arena::{CurveRange, Pool, PoolIdx, PoolSnapshot, PoolStatus};

/// A range of a pool that trades nothing.
const NO_RANGE: CurveRange = CurveRange {
    reserve_in: 1.0,
    reserve_out: 0.0,
    keep: 0.0,
    capacity_in: 0.0,
    capacity_out: 0.0,
};

/// What a pool was when its rates were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    nonce: u64,
    status: PoolStatus,
}

/// What does not change while the pool is in the arena.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PoolTraits {
    pub(crate) is_concentrated: bool,
    /// Whether token0 is the native coin itself; it is never token1.
    pub(crate) has_native0: bool,
}

/// Marginal rates and first ranges by pool and direction, and what they were taken from.
#[derive(Debug, Clone, Default)]
pub(crate) struct CurveCache {
    /// By pool, both directions: logarithm of the marginal rate after fee; minus infinity for pools that are not live.
    ///
    /// One more entry, of zeros, is for the blanks of rows.
    ln_rates: Vec<[f64; 2]>,
    /// By code.
    ranges: Vec<CurveRange>,
    seen: Vec<Option<Seen>>,
    traits: Vec<PoolTraits>,
}

impl CurveCache {
    /// Of all pools of the snapshot.
    pub(crate) fn new(snapshot: &PoolSnapshot, graph: &TokenGraph) -> Self {
        let slots = graph.slots();
        let mut ln_rates = vec![[f64::NEG_INFINITY; 2]; slots];
        ln_rates.push([0.0; 2]);
        let mut cache = Self {
            ln_rates,
            ranges: vec![NO_RANGE; 2 * slots],
            seen: vec![None; slots],
            traits: vec![PoolTraits::default(); slots],
        };
        for (idx, _) in snapshot.pools() {
            cache.refresh(snapshot, idx);
        }
        cache
    }

    /// Takes a pool's rates anew.
    pub(crate) fn refresh(&mut self, snapshot: &PoolSnapshot, idx: PoolIdx) {
        let Some(seen) = self.seen.get_mut(idx.get()) else { return };
        let pool = snapshot.pool(idx);
        *seen = pool.map(Seen::of);
        let mut is_concentrated = false;
        for direction in [Direction::ZeroForOne, Direction::OneForZero] {
            let curve = pool.and_then(|pool| pool.curve(direction));
            is_concentrated |= curve.is_some_and(|curve| curve.is_concentrated());
            let range = curve.and_then(|curve| curve.ranges().next()).unwrap_or(NO_RANGE);
            let code = code(idx, direction) as usize;
            self.ln_rates[code / 2][code % 2] = range.price().ln();
            self.ranges[code] = range;
        }
        let has_native0 = pool.is_some_and(|pool| pool.statics().token0.is_zero());
        self.traits[idx.get()] = PoolTraits { is_concentrated, has_native0 };
    }

    /// Whether the pool's state is not the one that the rates were taken from.
    pub(crate) fn is_stale(&self, idx: PoolIdx, pool: &Pool) -> bool {
        self.seen.get(idx.get()).is_some_and(|seen| *seen != Some(Seen::of(pool)))
    }

    #[inline]
    pub(crate) fn ln_rates(&self) -> &[[f64; 2]] {
        &self.ln_rates
    }

    #[inline]
    pub(crate) fn range(&self, code: u32) -> CurveRange {
        self.ranges[code as usize]
    }

    #[inline]
    pub(crate) fn traits(&self, idx: PoolIdx) -> PoolTraits {
        self.traits[idx.get()]
    }
}

impl Seen {
    fn of(pool: &Pool) -> Self {
        Self { nonce: pool.nonce(), status: pool.status() }
    }
}
