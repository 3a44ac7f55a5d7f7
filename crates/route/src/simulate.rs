//! From a size in floats to amounts in integers.

use crate::{CYCLE_HOPS_MAX, float::from_f64};
use alloy_primitives::U256;
use weir_amm::{Direction, QuoteError, SwapKind};
use weir_arena::Pool;

/// How many units to either side of the size are tried, besides the size itself. Rounding makes a staircase of what
/// comes out; further away the curve itself decides, and tightening takes back what a step too far costs.
const PROBES: [u64; 1] = [1];

/// A trade simulated hop by hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) amount_in: U256,
    pub(crate) amount_out: U256,
}

impl Trade {
    /// More profit, whichever sign it has; less input if the profit is the same.
    fn is_better_than(&self, other: &Self) -> bool {
        // Amounts of pools have at most 255 bits.
        let (mine, theirs) = (self.amount_out + other.amount_in, other.amount_out + self.amount_in);
        mine > theirs || (mine == theirs && self.amount_in < other.amount_in)
    }
}

/// What comes out for an input; `None` where a pool refuses.
pub(crate) fn forwards(hops: &[(&Pool, Direction)], amount_in: U256) -> Option<Trade> {
    let mut amount = amount_in;
    for (pool, direction) in hops {
        (_, amount) = pool.quote(*direction, SwapKind::ExactIn(amount)).ok()?;
    }
    Some(Trade { amount_in, amount_out: amount })
}

/// What has to go in for an output.
fn backwards(hops: &[(&Pool, Direction)], amount_out: U256) -> Option<U256> {
    let mut amount = amount_out;
    for (pool, direction) in hops.iter().rev() {
        (amount, _) = pool.quote(*direction, SwapKind::ExactOut(amount)).ok()?;
    }
    Some(amount)
}

/// The amount, or the most of it that all pools take: a size in floats may be a hair too much for a pool's last range.
fn within_reach(hops: &[(&Pool, Direction)], amount_in: U256) -> Option<Trade> {
    let mut path_in = amount_in;
    // Each round either gets through or makes way at one pool; roundings may ask for another.
    for _ in 0..2 * CYCLE_HOPS_MAX {
        let mut amount = path_in;
        let mut limit = None;
        for (index, (pool, direction)) in hops.iter().enumerate() {
            match pool.quote(*direction, SwapKind::ExactIn(amount)) {
                Ok((_, out)) => amount = out,
                Err(QuoteError::InsufficientLiquidity { available, .. }) => {
                    limit = Some((index, available));
                    break;
                }
                Err(_) => return None,
            }
        }
        let Some((index, available)) = limit else {
            return Some(Trade { amount_in: path_in, amount_out: amount });
        };
        // The least input that fills the pool may overfill it: one less does not.
        path_in = match index {
            0 => available,
            _ => backwards(&hops[..index], available)?.min(path_in).checked_sub(U256::ONE)?,
        };
        if path_in.is_zero() {
            return None;
        }
    }
    None
}

/// The most profitable input near `size` of a cycle, in integers.
///
/// `unit` is the worth of one unit of the coarsest token on the way, in the base token: less than that makes no
/// difference to the pools behind. What was found is tightened: the least input that gives the same output.
pub(crate) fn best_near(hops: &[(&Pool, Direction)], size: f64, unit: f64) -> Option<Trade> {
    let center = within_reach(hops, from_f64(size)?.max(U256::ONE))?;
    let mut best = center;
    let unit = from_f64(unit.ceil())?.max(U256::ONE);
    for probe in PROBES {
        let offset = unit.checked_mul(U256::from(probe))?;
        let near = [center.amount_in.checked_sub(offset), center.amount_in.checked_add(offset)];
        for amount in near.into_iter().flatten() {
            improve(&mut best, forwards(hops, amount));
        }
    }
    let least = backwards(hops, best.amount_out).filter(|amount| *amount < best.amount_in);
    improve(&mut best, least.and_then(|amount| forwards(hops, amount)));
    Some(best)
}

fn improve(best: &mut Trade, other: Option<Trade>) {
    if let Some(other) = other.filter(|other| other.is_better_than(best)) {
        *best = other;
    }
}
