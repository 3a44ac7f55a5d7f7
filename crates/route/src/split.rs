//! An amount shared among paths so that the marginal rates are the same.

use crate::{
    Hop,
    float::{from_f64, to_f64},
    sizing::{CurveHop, Sizing, size_to_rate},
};
use alloy_primitives::U256;
use weir_arena::PoolSnapshot;

/// Halvings of the interval of the logarithm of the rate: to the last bits of a float.
const BISECTIONS: u32 = 70;
/// The interval: between the best marginal rate and this much less of it, as a logarithm. Beyond, a path gives next to
/// nothing.
const LN_RATE_SPAN: f64 = 60.0;

/// Shares of an amount, in the order of the paths; they sum to it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Allocation {
    pub(crate) amounts: Vec<U256>,
    /// No division of the amount among these paths gives more, up to the error of floats.
    pub(crate) bound: f64,
}

/// Divides an input among pool-disjoint paths; `None` if they do not take it all.
///
/// Water-filling: at a marginal rate each path takes what brings it there. The less the rate, the more they take, so the
/// rate at which they take the amount is found by bisection. Any rate gives an upper bound by duality:
/// `sum of max(out - rate * in) + rate * amount`.
pub(crate) fn allocate(
    snapshot: &PoolSnapshot,
    paths: &[&[Hop]],
    amount: U256,
) -> Option<Allocation> {
    let starts: Vec<Vec<CurveHop<'_>>> =
        paths.iter().map(|path| starts_of(snapshot, path)).collect::<Option<_>>()?;
    let wanted = to_f64(amount);
    let top = starts.iter().map(|hops| rate_of(hops)).fold(0.0, f64::max).ln();
    let (mut high, mut low) = (top, top - LN_RATE_SPAN);
    if total(&taken(&starts, low.exp())) < wanted {
        return None;
    }
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if total(&taken(&starts, middle.exp())) < wanted { high = middle } else { low = middle }
    }
    let rate = low.exp();
    let sizes = taken(&starts, rate);
    let surplus: f64 = sizes.iter().map(|size| size.amount_out - rate * size.amount_in).sum();
    let amounts = whole_amounts(&sizes, amount)?;
    Some(Allocation { amounts, bound: surplus + rate * wanted })
}

fn starts_of<'a>(snapshot: &'a PoolSnapshot, path: &[Hop]) -> Option<Vec<CurveHop<'a>>> {
    path.iter().map(|hop| CurveHop::start(snapshot.pool(hop.pool)?, hop.direction)).collect()
}

fn rate_of(hops: &[CurveHop<'_>]) -> f64 {
    hops.iter().map(CurveHop::price).product()
}

fn taken(starts: &[Vec<CurveHop<'_>>], rate: f64) -> Vec<Sizing> {
    starts.iter().map(|hops| size_to_rate(&mut hops.clone(), rate)).collect()
}

fn total(sizes: &[Sizing]) -> f64 {
    sizes.iter().map(|size| size.amount_in).sum()
}

/// Whole shares in proportion to the sizes; what is left over or missing by rounding is the largest one's.
fn whole_amounts(sizes: &[Sizing], amount: U256) -> Option<Vec<U256>> {
    let scale = to_f64(amount) / total(sizes);
    let shares = sizes.iter().map(|size| from_f64(size.amount_in * scale));
    let mut shares: Vec<U256> = shares.collect::<Option<_>>()?;
    let (largest, _) = shares.iter().enumerate().max_by_key(|(_, share)| **share)?;
    shares[largest] = U256::ZERO;
    let others = shares.iter().try_fold(U256::ZERO, |sum, share| sum.checked_add(*share))?;
    shares[largest] = amount.checked_sub(others)?;
    Some(shares)
}
