//! The JSON-RPC server's view of the engine.

use crate::{LiquidityHandle, LiquidityView};
use alloy_primitives::{Address, B256, U256};
use weir_amm::{Direction, SwapKind};
use weir_arena::{Pool, PoolId, PoolKey, PoolSnapshot, PoolState, PoolStatus, Protocol, V3State};
use weir_primitives::BlockRef;
use weir_route::{Path, Quote, quote};
use weir_rpc::{
    BackendError, HopView, ListPools, PathHop, PoolView, PoolsBackend, QuoteView, TickView,
};

impl PoolsBackend for LiquidityHandle {
    fn list_pools(&self, request: &ListPools) -> Result<Vec<PoolView>, BackendError> {
        let protocol = request.protocol.as_deref().map(parse_protocol).transpose()?;
        let view = self.view();
        let Some(block) = view.head.tip() else { return Ok(Vec::new()) };
        let is_wanted = |pool: &Pool| {
            let statics = pool.statics();
            request.token.is_none_or(|token| token == statics.token0 || token == statics.token1)
                && protocol.is_none_or(|protocol| protocol == statics.protocol)
        };
        let offset =
            request.offset.map_or(0, |offset| usize::try_from(offset).unwrap_or(usize::MAX));
        let limit =
            request.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let pools = view.head.pools().map(|(_, pool)| pool).filter(|pool| is_wanted(pool));
        Ok(pools
            .skip(offset)
            .take(limit)
            .map(|pool| pool_view(&view, pool, block, false))
            .collect())
    }

    fn get_pool(&self, id: &str, block: Option<u64>) -> Result<Option<PoolView>, BackendError> {
        let view = self.view();
        let key = parse_id(id, view.head.chain_id())?;
        if view.head.get(&key).is_none() {
            return Ok(None);
        }
        let snapshot = at(&view, block)?;
        let Some(block) = snapshot.tip() else { return Ok(None) };
        Ok(snapshot.get(&key).map(|pool| pool_view(&view, pool, block, true)))
    }

    fn quote(&self, path: &[PathHop], amount_in: U256) -> Result<QuoteView, BackendError> {
        let view = self.view();
        if !view.state.is_quotable() {
            return Err(BackendError::refused(format!("no quotes now: {}", view.state)));
        }
        let path = parse_path(&view.head, path)?;
        let quote = quote(&view.head, &path, SwapKind::ExactIn(amount_in));
        quote.map(quote_view).map_err(|error| BackendError::refused(with_cause(&error)))
    }
}

fn at(view: &LiquidityView, block: Option<u64>) -> Result<&PoolSnapshot, BackendError> {
    let Some(block) = block else { return Ok(&view.head) };
    view.at(block).map(|snapshot| &**snapshot).ok_or_else(|| {
        let (oldest, tip) = (view.oldest(), view.head.tip().map(|tip| tip.number));
        let (oldest, tip) = (oldest.unwrap_or_default(), tip.unwrap_or_default());
        BackendError::refused(format!("block is not kept: block={block} oldest={oldest} tip={tip}"))
    })
}

fn parse_protocol(name: &str) -> Result<Protocol, BackendError> {
    match name {
        "v2" | "uniswap_v2" => Ok(Protocol::UniswapV2),
        "v3" | "uniswap_v3" => Ok(Protocol::UniswapV3),
        _ => Err(BackendError::refused("protocol is unknown: expected v2 or v3")),
    }
}

fn parse_id(id: &str, chain_id: u64) -> Result<PoolKey, BackendError> {
    let address = id.parse::<Address>().map(PoolId::Address);
    let id = address.or_else(|_| id.parse::<B256>().map(PoolId::Id));
    let id =
        id.map_err(|_| BackendError::refused("pool is neither an address nor a 32-byte id"))?;
    Ok(PoolKey { chain_id, id })
}

fn parse_path(snapshot: &PoolSnapshot, path: &[PathHop]) -> Result<Path, BackendError> {
    let mut hops = Vec::with_capacity(path.len());
    for hop in path {
        let key = parse_id(&hop.pool, snapshot.chain_id())?;
        let pool = snapshot.get(&key);
        let pool =
            pool.ok_or_else(|| BackendError::refused(format!("pool is unknown: pool={key}")))?;
        let direction = if hop.token_in == pool.statics().token0 {
            Direction::ZeroForOne
        } else if hop.token_in == pool.statics().token1 {
            Direction::OneForZero
        } else {
            let token = hop.token_in;
            let reason = format!("token is not in the pool: pool={key} token={token}");
            return Err(BackendError::refused(reason));
        };
        hops.push((key, direction));
    }
    Path::from_hops(snapshot, &hops).map_err(|error| BackendError::refused(with_cause(&error)))
}

/// An error's message and that of its cause, in one line for the caller.
fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// A pool's own status, unless the whole engine's is worse.
fn status(view: &LiquidityView, pool: &Pool) -> &'static str {
    if !view.state.is_quotable() {
        return view.state.name();
    }
    match pool.status() {
        PoolStatus::Live => "live",
        PoolStatus::Uninitialized => "uninitialized",
        PoolStatus::Unsynced => "resyncing",
        PoolStatus::Halted => "halted",
    }
}

fn pool_view(view: &LiquidityView, pool: &Pool, block: BlockRef, has_ticks: bool) -> PoolView {
    let statics = pool.statics();
    let protocol = match statics.protocol {
        Protocol::UniswapV2 => "v2",
        Protocol::UniswapV3 => "v3",
    };
    let mut shown = PoolView {
        id: statics.key.id.to_string(),
        protocol: protocol.to_owned(),
        token0: statics.token0,
        token1: statics.token1,
        fee: statics.fee_pips,
        status: status(view, pool).to_owned(),
        block_number: block.number,
        block_hash: block.hash,
        reserve0: None,
        reserve1: None,
        sqrt_price_x96: None,
        tick: None,
        tick_spacing: None,
        liquidity: None,
        ticks: None,
    };
    match pool.state() {
        PoolState::V2(state) => {
            shown.reserve0 = Some(state.reserves.reserve0.to_string());
            shown.reserve1 = Some(state.reserves.reserve1.to_string());
        }
        PoolState::V3(state) => {
            shown.sqrt_price_x96 = Some(state.slot.sqrt_price.to_string());
            shown.tick = Some(state.slot.tick);
            shown.tick_spacing = Some(statics.tick_spacing);
            shown.liquidity = Some(state.slot.liquidity.to_string());
            shown.ticks = has_ticks.then(|| tick_views(state));
        }
    }
    shown
}

fn tick_views(state: &V3State) -> Vec<TickView> {
    let view = |(tick, info): (weir_amm::Tick, weir_amm::TickInfo)| TickView {
        index: tick.get(),
        liquidity_gross: info.gross.to_string(),
        liquidity_net: info.net.to_string(),
    };
    state.ticks.iter().map(view).collect()
}

fn quote_view(quote: Quote) -> QuoteView {
    let block = quote.block.unwrap_or_default();
    let hops = quote.hops.iter().map(|hop| HopView {
        pool: hop.pool.id.to_string(),
        token_in: hop.token_in,
        token_out: hop.token_out,
        amount_in: hop.amount_in.to_string(),
        amount_out: hop.amount_out.to_string(),
        fee_amount: None,
    });
    QuoteView {
        amount_in: quote.amount_in.to_string(),
        amount_out: quote.amount_out.to_string(),
        block_number: block.number,
        block_hash: block.hash,
        generation: quote.generation,
        hops: hops.collect(),
    }
}
