//! The best way to trade an amount: one path, or several at once.

use crate::{
    GasSchedule, GasTerms, Hop, HopQuote, RouteError, TokenGraph, TokenPrice,
    planner::Planner,
    search::{Fixed, Rates, search},
};
use alloy_primitives::{Address, U256};
use weir_arena::PoolSnapshot;
use weir_primitives::BlockRef;

/// The most hops of a path of a route.
pub const ROUTE_HOPS_MAX: usize = 4;
/// The most paths of a route.
pub const ROUTE_SPLITS_MAX: usize = 8;

/// How a route is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteOptions {
    /// The most hops of a path, one to [`ROUTE_HOPS_MAX`].
    pub hops_max: usize,
    /// The most paths among which the amount is divided, one to [`ROUTE_SPLITS_MAX`].
    pub splits_max: usize,
    /// What gas costs, if it is to count. Without it a hop that gives one unit more is taken.
    pub gas: Option<RouteGas>,
}

impl Default for RouteOptions {
    /// Three hops, three paths, gas for free.
    fn default() -> Self {
        Self { hops_max: 3, splits_max: 3, gas: None }
    }
}

/// What gas costs a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteGas {
    /// Price of a unit of gas.
    pub terms: GasTerms,
    /// Gas of the parts of a trade.
    pub schedule: GasSchedule,
    /// Worth of the token that is not fixed: of what comes out, or of what goes in if the output is fixed.
    pub price: TokenPrice,
}

/// A change between the native coin and its wrapped token, which pools do not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    /// Index of the hop before which it is done; the number of hops if it is done after the last.
    pub before_hop: usize,
    /// The token given.
    pub from: Address,
    /// The token taken, of the same amount.
    pub to: Address,
}

/// One path of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteLeg {
    /// What goes into this path.
    pub amount_in: U256,
    /// What comes out of this path.
    pub amount_out: U256,
    /// Share of the whole input, in millionths, rounded down.
    pub share_ppm: u32,
    /// The hops in the order of the trade. Each gives what the next takes.
    pub hops: Vec<HopQuote>,
    /// Wrapping and unwrapping on the way.
    pub conversions: Vec<Conversion>,
}

/// A trade, simulated in integers.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The block whose state answered; `None` for an arena that has seen no block.
    pub block: Option<BlockRef>,
    /// Generation of the snapshot.
    pub generation: u64,
    /// The token that goes in.
    pub token_in: Address,
    /// The token that comes out.
    pub token_out: Address,
    /// What goes in: the sum over the legs.
    pub amount_in: U256,
    /// What comes out: the sum over the legs.
    pub amount_out: U256,
    /// Paths without a common pool, the largest first.
    pub legs: Vec<RouteLeg>,
    /// Gas of the trade, estimated.
    pub gas: u64,
    /// The most that any division of the input among these legs gives, up to the error of floats; `None` for a fixed
    /// output. It says nothing of other pools.
    pub bound: Option<f64>,
    /// Whether the search of single paths left nothing out at its bound of quotes.
    pub is_exhaustive: bool,
}

/// The route that gives most for an input, less gas if it counts.
///
/// The best single path is exact: every simple path of up to `hops_max` hops is quoted in integers or ruled out by its
/// marginal rate. For a split, paths without a common pool are taken one after the other and the input is divided so that
/// their marginal rates are equal; the best of some such sets is kept if it beats the single path.
pub fn best_route(
    snapshot: &PoolSnapshot,
    graph: &TokenGraph,
    (token_in, token_out): (Address, Address),
    amount_in: U256,
    options: &RouteOptions,
) -> Result<Route, RouteError> {
    let planner = Planner::new(snapshot, graph, (token_in, token_out), options)?;
    let (from, to) = (graph.require_token(token_in)?, graph.require_token(token_out)?);
    let rates = Rates::new(snapshot, graph);
    let single = search(planner.space(&rates, Fixed::Input), from, to, amount_in);
    let paths = single.paths.iter().map(|path| vec![path.hops.clone()]);
    let mut candidates: Vec<Vec<Vec<Hop>>> = paths.collect();
    if options.splits_max > 1 {
        for divisor in [1, 2, options.splits_max] {
            let part = (amount_in / U256::from(divisor)).max(U256::ONE);
            candidates.extend(planner.disjoint_paths(rates.clone(), (from, to), part));
        }
    }
    let routes = candidates.into_iter().filter_map(|paths| planner.divided(paths, amount_in));
    let best = routes.max_by_key(|route| planner.worth(route));
    let mut route = best.ok_or_else(|| planner.no_route(amount_in))?;
    route.is_exhaustive = single.is_exhaustive;
    Ok(route)
}

/// The single path that takes least for an output, gas included if it counts.
pub fn cheapest_route(
    snapshot: &PoolSnapshot,
    graph: &TokenGraph,
    (token_in, token_out): (Address, Address),
    amount_out: U256,
    options: &RouteOptions,
) -> Result<Route, RouteError> {
    let planner = Planner::new(snapshot, graph, (token_in, token_out), options)?;
    let rates = Rates::new(snapshot, graph);
    let (from, to) = (graph.require_token(token_out)?, graph.require_token(token_in)?);
    let found = search(planner.space(&rates, Fixed::Output), from, to, amount_out);
    let routes = found.paths.iter().filter_map(|path| {
        let leg = planner.backward_leg(&path.hops, amount_out)?;
        Some(planner.route(vec![leg], None))
    });
    let best = routes.max_by_key(|route| planner.thrift(route));
    let mut route = best.ok_or_else(|| planner.no_route(amount_out))?;
    route.is_exhaustive = found.is_exhaustive;
    Ok(route)
}
