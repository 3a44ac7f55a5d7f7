//! Pools and quotes.

use crate::{
    api::Api,
    args::{Args, invalid},
    backend::{GateView, ListPools, PathHop, PoolBlock, PoolUpdatesView, PoolsBackend},
    block_id::BlockSelector,
    error::{METHOD_NOT_FOUND, RpcError},
    json::{Answer, Json},
};
use alloy_primitives::U256;
use serde::Deserialize;
use std::borrow::Cow;

/// Pools one `weir_listPools` answers at most, and pools that are not live one `weir_gate` lists at most.
const POOLS_MAX: u64 = 10_000;
/// Hops one `weir_quote` takes at most.
const HOPS_MAX: usize = 16;
/// Pools that a subscription may name.
const FILTER_POOLS_MAX: usize = 10_000;

pub(crate) fn pools(api: &Api) -> Result<&dyn PoolsBackend, RpcError> {
    let absent = || RpcError::new(METHOD_NOT_FOUND, "this node watches no pools");
    api.backends.pools.as_deref().ok_or_else(absent)
}

/// `weir_listPools`: the watched pools, filtered.
pub(crate) fn list_pools(api: &Api, args: &Args<'_>) -> Answer {
    let mut request: ListPools = args.optional(0)?.unwrap_or_default();
    request.limit = Some(request.limit.unwrap_or(POOLS_MAX).min(POOLS_MAX));
    Json::of(&pools(api)?.list_pools(&request)?)
}

/// `weir_getPool`: one pool with its ticks, now, in the open block, or after a block that is still kept; `null` if it is not
/// watched.
pub(crate) fn pool(api: &Api, args: &Args<'_>) -> Answer {
    let id = args.string(0)?;
    let block = block(api, args, 1)?;
    Json::of(&pools(api)?.get_pool(&id, block)?)
}

/// The block whose pools are meant; the newest if the argument is left out.
pub(super) fn block(api: &Api, args: &Args<'_>, index: usize) -> Result<PoolBlock, RpcError> {
    Ok(match args.block(index)? {
        // The pools' own tip: they follow the chain, so its head may be a block they do not have yet.
        BlockSelector::Latest => PoolBlock::Latest,
        BlockSelector::Pending => PoolBlock::Pending,
        BlockSelector::Number(number) if api.backends.chain.is_none() => PoolBlock::Number(number),
        _ if api.backends.chain.is_none() => {
            let expected = "a followed chain's blocks are named by number, latest or pending";
            return Err(invalid(index, expected));
        }
        selector => {
            let header = api.header(selector)?.ok_or_else(RpcError::header_not_found)?;
            PoolBlock::Number(header.number)
        }
    })
}

/// An amount as a quantity or a decimal string.
#[derive(Deserialize)]
struct Amount(U256);

/// `weir_quote`: exact-in along a path of pools, on those of a block.
pub(crate) fn quote(api: &Api, args: &Args<'_>) -> Answer {
    let path: Vec<PathHop> = args.value(0)?;
    if path.is_empty() {
        return Err(invalid(0, "path is empty"));
    }
    if path.len() > HOPS_MAX {
        return Err(invalid(0, format!("path is too long: hops={} limit={HOPS_MAX}", path.len())));
    }
    let Amount(amount) = args.value(1)?;
    let block = block(api, args, 2)?;
    Json::of(&pools(api)?.quote(&path, amount, block)?)
}

/// `weir_chains`: ids of the chains whose pools are followed.
pub(crate) fn chains(api: &Api, _: &Args<'_>) -> Answer {
    Json::of(&pools(api)?.chains())
}

/// `weir_gate`: whether pools may be traded on, and which may not.
pub(crate) fn gate(api: &Api, args: &Args<'_>) -> Answer {
    let chain_id = args.raw(0).map(|_| super::number(args, 0)).transpose()?;
    let pools_max = usize::try_from(POOLS_MAX).expect("10,000 fits");
    let gate: GateView = pools(api)?.gate(chain_id, pools_max)?;
    Json::of(&gate)
}

/// Which pools a subscription to `poolUpdates` is about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PoolUpdatesFilter {
    /// The cursor after which the subscription goes on.
    pub(crate) from: Option<String>,
    /// Only this chain.
    chain_id: Option<u64>,
    /// Only these pools, by address or id; all if left out.
    #[serde(default, deserialize_with = "pool_ids")]
    pools: Option<Vec<String>>,
    /// Also after steps of the open block.
    #[serde(default)]
    pending: bool,
}

impl PoolUpdatesFilter {
    /// What of an update passes; `None` if nothing does.
    pub(crate) fn of<'a>(&self, update: &'a PoolUpdatesView) -> Option<Cow<'a, PoolUpdatesView>> {
        let is_unwanted_step = update.steps.is_some() && !self.pending;
        if is_unwanted_step || self.chain_id.is_some_and(|wanted| wanted != update.chain_id) {
            return None;
        }
        let Some(wanted) = &self.pools else { return Some(Cow::Borrowed(update)) };
        let is_wanted = |id: &str| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(id));
        let pools: Vec<_> =
            update.pools.iter().filter(|pool| is_wanted(&pool.id)).cloned().collect();
        let removed: Vec<_> = update.removed.iter().filter(|id| is_wanted(id)).cloned().collect();
        if pools.is_empty() && removed.is_empty() {
            return None;
        }
        Some(Cow::Owned(PoolUpdatesView { pools, removed, ..*update }))
    }
}

fn pool_ids<'de, D: serde::Deserializer<'de>>(ids: D) -> Result<Option<Vec<String>>, D::Error> {
    let ids: Option<Vec<String>> = Option::deserialize(ids)?;
    match &ids {
        Some(ids) if ids.len() > FILTER_POOLS_MAX => Err(serde::de::Error::custom(format!(
            "too many pools: pools={} limit={FILTER_POOLS_MAX}",
            ids.len()
        ))),
        _ => Ok(ids),
    }
}
