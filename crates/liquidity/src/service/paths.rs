//! Routes and opportunities as the server shows them.

use super::pools::{at, hash_of, hop_view, with_cause};
use crate::{GateRefusal, LiquidityView, PathsChange, PathsView, gate_check};
use alloy_primitives::U256;
use std::sync::Arc;
use weir_amm::{Direction, SwapKind};
use weir_arena::PoolSnapshot;
use weir_route::{Gone, Opportunity, PathCoverage, Route, RouteLeg, RouteOptions, TokenGraph};
use weir_rpc::{
    BackendError, BestRouteRequest, BestRouteView, CoverageView, GoneView, HopView,
    ListOpportunities, OpportunitiesView, OpportunityChangesView, OpportunityView, PoolBlock,
    RouteLegView,
};

pub(super) fn refused(refusal: &GateRefusal) -> BackendError {
    BackendError::refused(refusal.to_string())
}

/// The graph that the path engine made for the same pools, or a new one.
pub(super) fn graph(pools: &PoolSnapshot, paths: Option<&PathsView>) -> Arc<TokenGraph> {
    let known = paths.and_then(|paths| paths.graph.clone());
    let wrapped = known.as_ref().and_then(|graph| graph.wrapped_native());
    known
        .filter(|graph| graph.is_of(pools))
        .unwrap_or_else(|| Arc::new(TokenGraph::new(pools, wrapped)))
}

/// The best route for a trade on the pools of a block.
pub(super) fn best_route(
    view: &LiquidityView,
    paths: Option<&PathsView>,
    request: &BestRouteRequest,
    block: PoolBlock,
) -> Result<BestRouteView, BackendError> {
    gate_check(view, []).map_err(|refusal| refused(&refusal))?;
    let defaults = RouteOptions::default();
    let options = RouteOptions {
        hops_max: request.max_hops.unwrap_or(defaults.hops_max),
        splits_max: request.max_splits.unwrap_or(defaults.splits_max),
        gas: None,
    };
    let pools = at(view, block)?;
    let (tokens, graph) = ((request.token_in, request.token_out), graph(pools, paths));
    let route = weir_route::best_route(pools, &graph, tokens, request.amount_in, &options);
    let route = route.map_err(|error| BackendError::refused(with_cause(&error)))?;
    Ok(route_view(view.head.chain_id(), &route))
}

fn route_view(chain_id: u64, route: &Route) -> BestRouteView {
    let block = route.block.unwrap_or_default();
    BestRouteView {
        chain_id,
        block_number: block.number,
        block_hash: hash_of(&block),
        generation: route.generation,
        amount_in: route.amount_in.to_string(),
        amount_out: route.amount_out.to_string(),
        gas: route.gas,
        bound: route.bound,
        is_exhaustive: route.is_exhaustive,
        legs: route.legs.iter().map(leg_view).collect(),
    }
}

fn leg_view(leg: &RouteLeg) -> RouteLegView {
    RouteLegView {
        amount_in: leg.amount_in.to_string(),
        amount_out: leg.amount_out.to_string(),
        share_ppm: leg.share_ppm,
        hops: leg.hops.iter().map(hop_view).collect(),
        conversions: leg.conversions.iter().map(|conversion| conversion.before_hop).collect(),
    }
}

/// The best opportunities of a chain.
pub(super) fn opportunities(
    view: &LiquidityView,
    paths: Option<&PathsView>,
    request: &ListOpportunities,
) -> Result<OpportunitiesView, BackendError> {
    gate_check(view, []).map_err(|refusal| refused(&refusal))?;
    let paths = paths.ok_or_else(|| BackendError::refused("no paths are evaluated"))?;
    let evaluated = paths.pools.as_deref().and_then(|pools| Some((pools, pools.tip()?)));
    let (pools, block) =
        evaluated.ok_or_else(|| BackendError::refused("no block is evaluated yet"))?;
    let is_wanted = |found: &&Opportunity| request.base.is_none_or(|base| base == found.base);
    let wanted = paths.opportunities.iter().filter(is_wanted);
    let shown = wanted.take(request.limit.unwrap_or(usize::MAX));
    Ok(OpportunitiesView {
        chain_id: view.head.chain_id(),
        block_number: block.number,
        block_hash: hash_of(&block),
        steps: paths.steps,
        cycles: paths.cycles as u64,
        is_truncated: paths.is_truncated,
        bases: paths.bases.to_vec(),
        opportunities: shown.map(|found| opportunity_view(pools, found)).collect(),
    })
}

/// What a block, or a step of the open one, changed; `None` before the first evaluation.
pub(super) fn changes_view(change: &PathsChange) -> Option<OpportunityChangesView> {
    let PathsChange { view, delta } = change;
    let pools = view.pools.as_deref()?;
    let block = pools.tip()?;
    let show =
        |found: &[Opportunity]| found.iter().map(|found| opportunity_view(pools, found)).collect();
    Some(OpportunityChangesView {
        chain_id: pools.chain_id(),
        block_number: block.number,
        block_hash: hash_of(&block),
        steps: view.steps,
        appeared: show(&delta.appeared),
        changed: show(&delta.changed),
        disappeared: delta
            .disappeared
            .iter()
            .map(|(id, gone)| GoneView { id: id.0, reason: gone_name(gone).to_owned() })
            .collect(),
        coverage: coverage_view(delta.coverage),
    })
}

const fn gone_name(gone: &Gone) -> &'static str {
    match gone {
        Gone::Unprofitable => "unprofitable",
        Gone::NotLive { .. } => "not_live",
        Gone::PoolRemoved { .. } => "pool_removed",
        Gone::NotEnumerated => "not_enumerated",
    }
}

const fn coverage_view(coverage: PathCoverage) -> CoverageView {
    CoverageView {
        dirty_pools: coverage.dirty_pools as u64,
        dirty_cycles: coverage.dirty_cycles as u64,
        pruned: coverage.pruned as u64,
        sized: coverage.sized as u64,
        simulated: coverage.simulated as u64,
        profitable: coverage.profitable as u64,
    }
}

fn opportunity_view(snapshot: &PoolSnapshot, found: &Opportunity) -> OpportunityView {
    OpportunityView {
        id: found.id.0,
        base: found.base,
        amount_in: found.amount_in.to_string(),
        amount_out: found.amount_out.to_string(),
        profit: found.profit.to_string(),
        gas: found.gas,
        net_wei: found.net.map(|net| net.to_string()),
        hops: hops(snapshot, found),
    }
}

/// The amounts hop by hop, simulated on the snapshot; up to the first pool that has changed since and gives no quote.
fn hops(snapshot: &PoolSnapshot, found: &Opportunity) -> Vec<HopView> {
    let mut amount: U256 = found.amount_in;
    let mut views = Vec::new();
    for at in found.hops.as_slice() {
        let Some(pool) = snapshot.get(&at.pool) else { break };
        let direction = at.hop.direction;
        let Ok((amount_in, amount_out)) = pool.quote(direction, SwapKind::ExactIn(amount)) else {
            break;
        };
        let (token0, token1) = (pool.statics().token0, pool.statics().token1);
        let (token_in, token_out) = match direction {
            Direction::ZeroForOne => (token0, token1),
            Direction::OneForZero => (token1, token0),
        };
        views.push(HopView {
            pool: at.pool.id.to_string(),
            token_in,
            token_out,
            amount_in: amount_in.to_string(),
            amount_out: amount_out.to_string(),
            fee_amount: None,
        });
        amount = amount_out;
    }
    views
}
