//! The best single path for an amount, by branch and bound: floats bound, integer quotes decide.

use crate::{Hop, TokenGraph, cycles::code, float::to_f64};
use alloy_primitives::U256;
use std::cmp::Ordering;
use weir_amm::{Direction, SwapKind};
use weir_arena::{Pool, PoolSnapshot};

/// Quotes that one search may ask for: a bound on its time, some milliseconds.
const QUOTES_MAX: u32 = 20_000;
/// How much better, as a logarithm, a bound must be taken than the float says.
const BOUND_SLACK: f64 = 1e-9;

/// Which amount is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fixed {
    /// What goes in: most output is wanted, walking from the input.
    Input,
    /// What comes out: least input is wanted, walking from the output.
    Output,
}

/// Marginal rates of all pools, by code; minus infinity where nothing may be traded.
#[derive(Debug, Clone)]
pub(crate) struct Rates(Vec<f64>);

impl Rates {
    pub(crate) fn new(snapshot: &PoolSnapshot, graph: &TokenGraph) -> Self {
        let mut rates = vec![f64::NEG_INFINITY; 2 * graph.slots()];
        for (idx, pool) in snapshot.pools().filter(|(idx, _)| idx.get() < graph.slots()) {
            for direction in [Direction::ZeroForOne, Direction::OneForZero] {
                let curve = pool.curve(direction);
                let rate = curve.map_or(f64::NEG_INFINITY, |curve| curve.ln_price());
                rates[code(idx, direction) as usize] = rate;
            }
        }
        Self(rates)
    }

    /// Bars the pools of a path.
    pub(crate) fn bar(&mut self, hops: &[Hop]) {
        for hop in hops {
            for direction in [Direction::ZeroForOne, Direction::OneForZero] {
                self.0[code(hop.pool, direction) as usize] = f64::NEG_INFINITY;
            }
        }
    }
}

/// A path and the amount at its other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundPath {
    /// In the order of the trade.
    pub(crate) hops: Vec<Hop>,
    /// What comes out of the fixed input, or has to go in for the fixed output.
    pub(crate) amount: U256,
}

/// What is searched in, and how far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchSpace<'a> {
    pub(crate) snapshot: &'a PoolSnapshot,
    pub(crate) graph: &'a TokenGraph,
    pub(crate) rates: &'a Rates,
    pub(crate) hops_max: usize,
    pub(crate) fixed: Fixed,
}

/// What a search found.
#[derive(Debug, Clone, Default)]
pub(crate) struct SearchResult {
    /// For each number of hops that gives a better amount than fewer hops do, the best path.
    pub(crate) paths: Vec<FoundPath>,
    /// Whether nothing was left out at the bound of quotes.
    pub(crate) is_exhaustive: bool,
}

/// The best paths from one token to another; `from` is where the fixed amount is.
pub(crate) fn search(space: SearchSpace<'_>, from: u32, to: u32, amount: U256) -> SearchResult {
    let bounds = Bounds::new(space, to);
    let mut run = Run { space, bounds, to, best: None, quotes_left: QUOTES_MAX };
    let mut result = SearchResult::default();
    for hops in 1..=space.hops_max {
        let before = run.best.as_ref().map(|best| best.amount);
        run.visit(&mut Trail { tokens: vec![from], hops: Vec::new(), left: hops }, amount);
        if let Some(best) = run.best.as_ref().filter(|best| Some(best.amount) != before) {
            result.paths.push(best.clone());
        }
    }
    result.is_exhaustive = run.quotes_left != 0;
    result
}

/// For each number of hops left and each token, the best sum of logarithms of rates from there to the end.
///
/// No trade gets better than the marginal rate of any pool, so the amount at a token with this sum bounds the outcome.
#[derive(Debug)]
struct Bounds {
    rows: Vec<Vec<f64>>,
}

impl Bounds {
    fn new(space: SearchSpace<'_>, to: u32) -> Self {
        let tokens = space.graph.tokens().len();
        let mut row = vec![f64::NEG_INFINITY; tokens];
        row[to as usize] = 0.0;
        let mut rows = vec![row];
        for hops in 1..=space.hops_max {
            let mut row = rows[hops - 1].clone();
            for (token, best) in (0u32..).zip(&mut row) {
                for edge in space.graph.edges_from(token) {
                    let rate = space.rate(edge.pool, edge.direction);
                    *best = best.max(rate + rows[hops - 1][edge.to as usize]);
                }
            }
            rows.push(row);
        }
        Self { rows }
    }
}

impl SearchSpace<'_> {
    /// Rate of a pool in the direction of the trade, when the walk crosses it in `direction`.
    fn rate(&self, pool: weir_arena::PoolIdx, direction: Direction) -> f64 {
        self.rates.0[code(pool, self.trade_direction(direction)) as usize]
    }

    const fn trade_direction(&self, direction: Direction) -> Direction {
        match self.fixed {
            Fixed::Input => direction,
            Fixed::Output => direction.opposite(),
        }
    }

    /// The amount behind the pool.
    fn cross(&self, pool: &Pool, direction: Direction, amount: U256) -> Option<U256> {
        match self.fixed {
            Fixed::Input => {
                pool.quote(direction, SwapKind::ExactIn(amount)).ok().map(|(_, out)| out)
            }
            Fixed::Output => pool
                .quote(direction, SwapKind::ExactOut(amount))
                .ok()
                .map(|(amount_in, _)| amount_in),
        }
    }

    /// A logarithm that grows with how good the amount is.
    fn score(&self, amount: U256) -> f64 {
        match self.fixed {
            Fixed::Input => to_f64(amount).ln(),
            Fixed::Output => -to_f64(amount).ln(),
        }
    }

    fn is_better(&self, amount: U256, than: U256) -> bool {
        match self.fixed {
            Fixed::Input => amount > than,
            Fixed::Output => amount < than,
        }
    }
}

struct Trail {
    tokens: Vec<u32>,
    hops: Vec<Hop>,
    left: usize,
}

struct Run<'a> {
    space: SearchSpace<'a>,
    bounds: Bounds,
    to: u32,
    best: Option<FoundPath>,
    quotes_left: u32,
}

impl Run<'_> {
    fn visit(&mut self, trail: &mut Trail, amount: U256) {
        let at = trail.tokens[trail.tokens.len() - 1];
        if at == self.to {
            return self.arrive(trail, amount);
        }
        if trail.left == 0 {
            return;
        }
        for (bound, to, hop) in self.ways(trail, at, amount) {
            if !self.is_promising(bound) {
                return;
            }
            let Some(pool) = self.space.snapshot.pool(hop.pool) else { continue };
            if self.quotes_left == 0 {
                return;
            }
            self.quotes_left -= 1;
            if let Some(next) = self.space.cross(pool, hop.direction, amount) {
                trail.tokens.push(to);
                trail.hops.push(hop);
                trail.left -= 1;
                self.visit(trail, next);
                trail.left += 1;
                trail.hops.pop();
                trail.tokens.pop();
            }
        }
    }

    /// The pools that may lead to something better, the most promising first.
    fn ways(&self, trail: &Trail, at: u32, amount: U256) -> Vec<(f64, u32, Hop)> {
        let (space, score) = (self.space, self.space.score(amount));
        let row = &self.bounds.rows[trail.left - 1];
        let mut ways: Vec<(f64, u32, Hop)> = space
            .graph
            .edges_from(at)
            .iter()
            .filter(|edge| !trail.tokens.contains(&edge.to))
            .map(|edge| {
                let bound = score + space.rate(edge.pool, edge.direction) + row[edge.to as usize];
                let direction = space.trade_direction(edge.direction);
                (bound, edge.to, Hop { pool: edge.pool, direction })
            })
            .filter(|(bound, ..)| self.is_promising(*bound))
            .collect();
        ways.sort_by(|(a, _, hop_a), (b, _, hop_b)| {
            let order = b.partial_cmp(a).unwrap_or(Ordering::Equal);
            order.then(hop_a.pool.cmp(&hop_b.pool))
        });
        ways
    }

    fn is_promising(&self, bound: f64) -> bool {
        let held =
            self.best.as_ref().map_or(f64::NEG_INFINITY, |best| self.space.score(best.amount));
        bound > f64::NEG_INFINITY && bound + BOUND_SLACK > held
    }

    fn arrive(&mut self, trail: &Trail, amount: U256) {
        if self.best.as_ref().is_none_or(|best| self.space.is_better(amount, best.amount)) {
            let mut hops = trail.hops.clone();
            if self.space.fixed == Fixed::Output {
                hops.reverse();
            }
            self.best = Some(FoundPath { hops, amount });
        }
    }
}
