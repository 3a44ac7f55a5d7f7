//! Routes, order books and opportunities.

use super::{pools, pools::block};
use crate::{
    api::Api,
    args::{Args, invalid},
    backend::{BestRouteRequest, ListOpportunities, OrderBookRequest},
    json::{Answer, Json},
};

/// Hops of one path of a route at most.
const ROUTE_HOPS_MAX: usize = 4;
/// Paths side by side in a route at most.
const ROUTE_SPLITS_MAX: usize = 8;
/// Levels of one side of an order book at most.
const LEVELS_MAX: usize = 1_000;
/// Depth around the middle at most, in hundredths of a percent: all of the book below it.
const DEPTH_BPS_MAX: u32 = 10_000;
/// Opportunities one `weir_opportunities` answers at most.
const OPPORTUNITIES_MAX: usize = 1_000;

/// `weir_bestRoute`: the best way for a trade, split where that pays, on the pools of a block.
pub(crate) fn best_route(api: &Api, args: &Args<'_>) -> Answer {
    let request: BestRouteRequest = args.value(0)?;
    if request.token_in == request.token_out {
        return Err(invalid(0, "tokenIn and tokenOut are the same"));
    }
    if request.amount_in.is_zero() {
        return Err(invalid(0, "amountIn is zero"));
    }
    check_range("maxHops", request.max_hops, ROUTE_HOPS_MAX)?;
    check_range("maxSplits", request.max_splits, ROUTE_SPLITS_MAX)?;
    let block = block(api, args, 1)?;
    Json::of(&pools(api)?.best_route(&request, block)?)
}

/// `weir_orderBook`: what all live pools of a pair offer after a block.
pub(crate) fn order_book(api: &Api, args: &Args<'_>) -> Answer {
    let request: OrderBookRequest = args.value(0)?;
    if request.base == request.quote {
        return Err(invalid(0, "base and quote are the same"));
    }
    check_range("levels", request.levels, LEVELS_MAX)?;
    if request.depth_bps.is_some_and(|depth| depth == 0 || depth > DEPTH_BPS_MAX) {
        return Err(invalid(0, format!("depthBps is out of range: limit={DEPTH_BPS_MAX}")));
    }
    let block = block(api, args, 1)?;
    Json::of(&pools(api)?.order_book(&request, block)?)
}

/// `weir_opportunities`: cycles that pay after the newest block, best first.
pub(crate) fn opportunities(api: &Api, args: &Args<'_>) -> Answer {
    let mut request: ListOpportunities = args.optional(0)?.unwrap_or_default();
    request.limit = Some(request.limit.unwrap_or(OPPORTUNITIES_MAX).min(OPPORTUNITIES_MAX));
    Json::of(&pools(api)?.opportunities(&request)?)
}

fn check_range(
    name: &str,
    value: Option<usize>,
    limit: usize,
) -> Result<(), crate::error::RpcError> {
    match value {
        Some(value) if value == 0 || value > limit => {
            Err(invalid(0, format!("{name} is out of range: {name}={value} limit={limit}")))
        }
        _ => Ok(()),
    }
}
