//! From paths to routes: amounts, legs, gas, and which of two routes is the better.

use crate::{
    Conversion, GasSchedule, Hop, HopQuote, ROUTE_HOPS_MAX, ROUTE_SPLITS_MAX, Route, RouteError,
    RouteLeg, RouteOptions, TokenGraph,
    quote::hop_quote,
    search::{Fixed, FoundPath, Rates, SearchSpace, search},
    split::allocate,
};
use alloy_primitives::{Address, I256, U256};
use std::cmp::Reverse;
use weir_amm::SwapKind;
use weir_arena::PoolSnapshot;

/// What the searches for one trade share.
pub(crate) struct Planner<'a> {
    snapshot: &'a PoolSnapshot,
    graph: &'a TokenGraph,
    tokens: (Address, Address),
    options: &'a RouteOptions,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(
        snapshot: &'a PoolSnapshot,
        graph: &'a TokenGraph,
        tokens: (Address, Address),
        options: &'a RouteOptions,
    ) -> Result<Self, RouteError> {
        graph.require_of(snapshot)?;
        if graph.unified(tokens.0) == graph.unified(tokens.1) {
            return Err(RouteError::SameToken { token: tokens.0 });
        }
        require("hops_max", options.hops_max, ROUTE_HOPS_MAX)?;
        require("splits_max", options.splits_max, ROUTE_SPLITS_MAX)?;
        Ok(Self { snapshot, graph, tokens, options })
    }

    pub(crate) fn no_route(&self, amount: U256) -> RouteError {
        let ((token_in, token_out), hops_max) = (self.tokens, self.options.hops_max);
        RouteError::NoRoute { token_in, token_out, amount, hops_max }
    }

    pub(crate) fn space<'r>(&'r self, rates: &'r Rates, fixed: Fixed) -> SearchSpace<'r> {
        let (snapshot, graph) = (self.snapshot, self.graph);
        SearchSpace { snapshot, graph, rates, hops_max: self.options.hops_max, fixed }
    }

    /// The best two paths without a common pool for an amount, the best three and so on.
    pub(crate) fn disjoint_paths(
        &self,
        mut rates: Rates,
        (from, to): (u32, u32),
        amount: U256,
    ) -> Vec<Vec<Vec<Hop>>> {
        let mut sets = Vec::new();
        let mut paths: Vec<Vec<Hop>> = Vec::new();
        while paths.len() < self.options.splits_max {
            let found = search(self.space(&rates, Fixed::Input), from, to, amount).paths.pop();
            let Some(FoundPath { hops, .. }) = found else { break };
            rates.bar(&hops);
            paths.push(hops);
            if paths.len() > 1 {
                sets.push(paths.clone());
            }
        }
        sets
    }

    /// The input divided among the paths; those whose share is too small to trade are left out.
    pub(crate) fn divided(&self, mut paths: Vec<Vec<Hop>>, amount_in: U256) -> Option<Route> {
        loop {
            if paths.len() == 1 {
                let leg = self.forward_leg(&paths[0], amount_in)?;
                let allocation = allocate(self.snapshot, &[&paths[0]], amount_in);
                return Some(self.route(vec![leg], allocation.map(|found| found.bound)));
            }
            let slices: Vec<&[Hop]> = paths.iter().map(Vec::as_slice).collect();
            let allocation = allocate(self.snapshot, &slices, amount_in)?;
            let shares = paths.iter().zip(&allocation.amounts);
            let legs: Vec<_> = shares.map(|(path, share)| self.forward_leg(path, *share)).collect();
            if legs.iter().all(Option::is_some) {
                let legs = legs.into_iter().flatten().collect();
                return Some(self.route(legs, Some(allocation.bound)));
            }
            let mut is_traded = legs.iter().map(Option::is_some);
            paths.retain(|_| is_traded.next().unwrap_or(false));
            if paths.is_empty() {
                return None;
            }
        }
    }

    fn forward_leg(&self, path: &[Hop], amount_in: U256) -> Option<RouteLeg> {
        let mut amount = amount_in;
        let mut hops = Vec::with_capacity(path.len());
        for hop in path {
            let quote = hop_quote(self.snapshot, *hop, SwapKind::ExactIn(amount)).ok()?;
            amount = quote.amount_out;
            hops.push(quote);
        }
        Some(self.leg(hops, amount_in, amount))
    }

    pub(crate) fn backward_leg(&self, path: &[Hop], amount_out: U256) -> Option<RouteLeg> {
        let mut amount = amount_out;
        let mut hops = Vec::with_capacity(path.len());
        for hop in path.iter().rev() {
            let quote = hop_quote(self.snapshot, *hop, SwapKind::ExactOut(amount)).ok()?;
            amount = quote.amount_in;
            hops.push(quote);
        }
        hops.reverse();
        Some(self.leg(hops, amount, amount_out))
    }

    fn leg(&self, hops: Vec<HopQuote>, amount_in: U256, amount_out: U256) -> RouteLeg {
        let ends = hops.iter().map(|hop| (hop.token_in, hop.token_out));
        let mut held = self.tokens.0;
        let mut conversions = Vec::new();
        for (before_hop, (to, next)) in ends.chain([(self.tokens.1, self.tokens.1)]).enumerate() {
            if held != to {
                conversions.push(Conversion { before_hop, from: held, to });
            }
            held = next;
        }
        RouteLeg { amount_in, amount_out, share_ppm: 0, hops, conversions }
    }

    pub(crate) fn route(&self, mut legs: Vec<RouteLeg>, bound: Option<f64>) -> Route {
        let sum = |amount: fn(&RouteLeg) -> U256| legs.iter().map(amount).sum::<U256>();
        let (amount_in, amount_out) = (sum(|leg| leg.amount_in), sum(|leg| leg.amount_out));
        for leg in &mut legs {
            let share = leg.amount_in.saturating_mul(U256::from(1_000_000)).checked_div(amount_in);
            leg.share_ppm = share.and_then(|share| u32::try_from(share).ok()).unwrap_or(0);
        }
        legs.sort_by_key(|leg| Reverse(leg.amount_in));
        let gas = self.gas(&legs);
        let ((token_in, token_out), snapshot) = (self.tokens, self.snapshot);
        let (block, generation) = (snapshot.tip(), snapshot.generation());
        let is_exhaustive = true;
        Route {
            block,
            generation,
            token_in,
            token_out,
            amount_in,
            amount_out,
            legs,
            gas,
            bound,
            is_exhaustive,
        }
    }

    fn gas(&self, legs: &[RouteLeg]) -> u64 {
        let schedule = self.options.gas.map_or_else(GasSchedule::default, |gas| gas.schedule);
        let hop_gas = |hop: &HopQuote| {
            let pool = self.snapshot.get(&hop.pool);
            let direction = weir_amm::Direction::ZeroForOne;
            let curve = pool.and_then(|pool| pool.curve(direction));
            let is_concentrated = curve.is_some_and(|curve| curve.is_concentrated());
            if is_concentrated { schedule.concentrated_hop } else { schedule.constant_hop }
        };
        let hops: u64 = legs.iter().flat_map(|leg| &leg.hops).map(hop_gas).sum();
        let conversions: u64 = legs.iter().map(|leg| leg.conversions.len() as u64).sum();
        schedule.transaction + hops + conversions * schedule.conversion
    }

    /// What comes out less gas. More gas loses a tie.
    pub(crate) fn worth(&self, route: &Route) -> (I256, u64) {
        let amount = route.amount_out;
        let gross = I256::try_from(amount).unwrap_or(I256::MAX);
        let worth = match self.options.gas {
            None => gross,
            Some(gas) => gas.price.net(amount, gas.terms, route.gas).unwrap_or(gross),
        };
        (worth, u64::MAX - route.gas)
    }

    /// The negative of what goes in and gas.
    pub(crate) fn thrift(&self, route: &Route) -> (I256, u64) {
        let cost = I256::try_from(route.amount_in).unwrap_or(I256::MAX);
        let cost = match self.options.gas {
            None => cost,
            Some(gas) => {
                let gas_cost = I256::try_from(gas.terms.cost(route.gas)).unwrap_or(I256::MAX);
                let worth = gas.price.value(route.amount_in);
                worth.and_then(|worth| worth.checked_add(gas_cost)).unwrap_or(cost)
            }
        };
        (-cost, u64::MAX - route.gas)
    }
}

fn require(option: &'static str, value: usize, max: usize) -> Result<(), RouteError> {
    if (1..=max).contains(&value) {
        return Ok(());
    }
    Err(RouteError::OptionOutOfRange { option, value: value as u64, min: 1, max: max as u64 })
}
