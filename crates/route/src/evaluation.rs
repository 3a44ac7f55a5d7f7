//! From dirty cycles to profitable trades: a pure function of the snapshot, done in parallel parts.

use crate::{
    BaseToken, CYCLE_HOPS_MAX, CycleSet, PathCoverage,
    curve_cache::CurveCache,
    cycles::{Row, hop},
    float::to_f64,
    simulate::{Trade, best_near},
    sizing::{CurveHop, size_to_rate},
};
use weir_amm::Direction;
use weir_arena::{Pool, PoolSnapshot};

/// Relative error that the sizing's amounts may have: a profit is not ruled out by less.
const SIZING_SLACK: f64 = 1e-9;

/// Rows fetched together.
const BATCH: usize = 32;

/// Everything that an evaluation reads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Market<'a> {
    pub(crate) snapshot: &'a PoolSnapshot,
    pub(crate) cycles: &'a CycleSet,
    pub(crate) curves: &'a CurveCache,
    pub(crate) bases: &'a [BaseToken],
}

/// A profitable cycle, not yet dressed as an opportunity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) cycle: u32,
    pub(crate) is_reverse: bool,
    pub(crate) trade: Trade,
}

/// The outcome of one part of the work. Reused, so that its memory is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) found: Vec<Found>,
    pub(crate) coverage: PathCoverage,
}

impl Part {
    /// Evaluates cycles, in their order.
    pub(crate) fn run(&mut self, market: Market<'_>, cycles: &[u32]) {
        self.found.clear();
        self.coverage = PathCoverage { dirty_cycles: cycles.len(), ..PathCoverage::default() };
        let ln_rates = market.curves.ln_rates();
        for batch in cycles.chunks(BATCH) {
            // Rows are far apart: fetched one after the other they are fetched at the same time.
            let mut rows = [Row::default(); BATCH];
            for (row, cycle) in rows.iter_mut().zip(batch) {
                *row = *market.cycles.row(*cycle);
            }
            for (row, cycle) in rows.iter().zip(batch) {
                match profitable_sense(ln_rates, row) {
                    Some(is_reverse) => self.evaluate(market, *cycle, is_reverse),
                    None => self.coverage.pruned += 1,
                }
            }
        }
    }

    #[inline(never)]
    fn evaluate(&mut self, market: Market<'_>, cycle: u32, is_reverse: bool) {
        self.coverage.sized += 1;
        let (row, len) = market.cycles.oriented(cycle, is_reverse);
        let Some(pools) = pools_of(market.snapshot, &row, len) else { return };
        let mut hops = std::array::from_fn::<_, CYCLE_HOPS_MAX, _>(|index| {
            // What is beyond the cycle's end is not looked at.
            let index = if index < len { index } else { 0 };
            let (pool, direction) = pools[index];
            CurveHop::new(pool, direction, market.curves.range(row[index]))
        });
        let sizing = size_to_rate(&mut hops[..len], 1.0);
        // Pools round in their own favour: in integers no input gives more than the best in real numbers.
        let min_profit = market.bases[market.cycles.base_rank(cycle)].min_profit;
        let gain = sizing.amount_out - sizing.amount_in;
        if gain + SIZING_SLACK * sizing.amount_in < to_f64(min_profit).max(1.0) {
            return;
        }
        self.coverage.simulated += 1;
        let unit = coarsest_unit(market.curves, &row[..len]);
        let Some(trade) = best_near(&pools[..len], sizing.amount_in, unit) else { return };
        let profit = trade.amount_out.checked_sub(trade.amount_in);
        if profit.is_some_and(|profit| !profit.is_zero() && profit >= min_profit) {
            self.coverage.profitable += 1;
            self.found.push(Found { cycle, is_reverse, trade });
        }
    }
}

/// The sense in which the cycle's marginal rate is above one, `true` for the reverse.
#[inline]
fn profitable_sense(ln_rates: &[[f64; 2]], row: &Row) -> Option<bool> {
    let (mut sum, mut reverse) = (0.0, 0.0);
    for code in row {
        let rates = &ln_rates[(code >> 1) as usize];
        let direction = (code & 1) as usize;
        sum += rates[direction];
        reverse += rates[direction ^ 1];
    }
    if sum > 0.0 {
        Some(false)
    } else if reverse > 0.0 {
        Some(true)
    } else {
        None
    }
}

fn pools_of<'a>(
    snapshot: &'a PoolSnapshot,
    row: &Row,
    len: usize,
) -> Option<[(&'a Pool, Direction); CYCLE_HOPS_MAX]> {
    let at = |index: usize| {
        let hop = hop(row[index]);
        Some((snapshot.pool(hop.pool)?, hop.direction))
    };
    let mut pools = [at(0)?; CYCLE_HOPS_MAX];
    for (index, pool) in pools.iter_mut().enumerate().take(len).skip(1) {
        *pool = at(index)?;
    }
    Some(pools)
}

/// The most that one unit of a token on the way is worth in the token that goes in, at the margin.
fn coarsest_unit(curves: &CurveCache, row: &[u32]) -> f64 {
    let mut rate = 1.0;
    let worth = row.iter().map(|code| {
        rate *= curves.range(*code).price();
        1.0 / rate
    });
    worth.fold(1.0, f64::max)
}
