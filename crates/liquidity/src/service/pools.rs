//! Pools and quotes as the JSON-RPC server shows them.

use crate::{GateRefusal, LiquidityView, PoolGate, SnapshotSpill, SpilledState, gate_check};
use alloy_primitives::{Address, B256, U256};
use std::sync::Arc;
use weir_amm::{Direction, Reserves, SwapKind, Tick, TickInfo, V3Slot, V4Fees};
use weir_arena::{
    GradeReason, Pool, PoolId, PoolKey, PoolSnapshot, PoolState, PoolStatic, Protocol,
};
use weir_primitives::BlockRef;
use weir_route::{HopQuote, Path, Quote, quote};
use weir_rpc::{
    BackendError, HopView, ListPools, LocatedPrice, PathHop, PoolBlock, PoolFeesView, PoolUnusable,
    PoolView, QuoteView, TickView,
};

/// The pools of one chain that a request asks for, as many as it wants.
pub(super) fn list(
    view: &LiquidityView,
    request: &ListPools,
) -> Result<Vec<PoolView>, BackendError> {
    let protocol = request.protocol.as_deref().map(parse_protocol).transpose()?;
    let Some(block) = view.head.tip() else { return Ok(Vec::new()) };
    let is_wanted = |pool: &Pool| {
        let statics = pool.statics();
        request.token.is_none_or(|token| token == statics.token0 || token == statics.token1)
            && protocol.is_none_or(|protocol| protocol == statics.protocol)
    };
    let pools = view.head.pools().map(|(_, pool)| pool).filter(|pool| is_wanted(pool));
    Ok(pools.map(|pool| pool_view(view, pool, block, false)).collect())
}

/// One pool with its ticks: in the open block, now, after a block that is still kept, or after an older one that was spilled.
pub(super) fn get(
    view: &LiquidityView,
    spill: Option<&SnapshotSpill>,
    key: &PoolKey,
    block: PoolBlock,
) -> Result<Option<PoolView>, BackendError> {
    if view.pool(key).is_none() {
        return Ok(None);
    }
    if let (PoolBlock::Number(number), Some(spill), Some(pool)) = (block, spill, view.head.get(key))
        && view.oldest().is_some_and(|oldest| number < oldest)
        && let Some(spilled) = spill.state_at(&key.id, number).map_err(|error| {
            tracing::warn!(%error, "spilled snapshot is not read");
            BackendError::refused(error.to_string())
        })?
    {
        return spilled_view(view, pool, spilled);
    }
    let snapshot = at(view, block)?;
    let Some(block) = snapshot.tip() else { return Ok(None) };
    Ok(snapshot.get(key).map(|pool| pool_view(view, pool, block, true)))
}

/// Where the price of a live pool is, which the caller named as `named`.
pub(super) fn price_of(
    view: &LiquidityView,
    id: PoolId,
    named: &str,
) -> Result<LocatedPrice, PoolUnusable> {
    let key = PoolKey { chain_id: view.head.chain_id(), id };
    let named = || named.to_owned();
    let not_live = |status: String| PoolUnusable::NotLive { pool: named(), status };
    gate_check(view, [key]).map_err(|refusal| match refusal {
        GateRefusal::Unknown { .. } => PoolUnusable::Unknown { pool: named() },
        GateRefusal::NotLive { gate, .. } => not_live(gate.to_string()),
        GateRefusal::Overall { state } => not_live(state.to_string()),
    })?;
    let (Some(pool), Some(block)) = (view.head.get(&key), view.head.tip()) else {
        return Err(PoolUnusable::Unknown { pool: named() });
    };
    Ok(LocatedPrice {
        chain_id: key.chain_id,
        pool: id,
        slot: pool.statics().price_slot(),
        block,
        price: pool.state().price(),
    })
}

/// A quote along a path of one chain's pools.
pub(super) fn quote_path(
    view: &LiquidityView,
    path: &[PathHop],
    amount_in: U256,
    block: PoolBlock,
) -> Result<QuoteView, BackendError> {
    let refused = |refusal: crate::GateRefusal| BackendError::refused(refusal.to_string());
    gate_check(view, []).map_err(refused)?;
    let snapshot = at(view, block)?;
    let path = parse_path(snapshot, path)?;
    let pools = path.hops().iter().filter_map(|hop| snapshot.pool(hop.pool));
    gate_check(view, pools.map(|pool| pool.statics().key)).map_err(refused)?;
    let quote = quote(snapshot, &path, SwapKind::ExactIn(amount_in));
    quote.map(quote_view).map_err(|error| BackendError::refused(with_cause(&error)))
}

/// The pools of a block. The open block is the tip as long as no step has touched a pool.
pub(super) fn at(
    view: &LiquidityView,
    block: PoolBlock,
) -> Result<&Arc<PoolSnapshot>, BackendError> {
    let block = match (block, &view.open) {
        (PoolBlock::Number(number), _) => number,
        (PoolBlock::Pending, Some(open)) => return Ok(&open.pools),
        (PoolBlock::Pending | PoolBlock::Latest, _) => return Ok(&view.head),
    };
    view.at(block).ok_or_else(|| {
        let (oldest, tip) = (view.oldest(), view.head.tip().map(|tip| tip.number));
        let (oldest, tip) = (oldest.unwrap_or_default(), tip.unwrap_or_default());
        BackendError::refused(format!("block is not kept: block={block} oldest={oldest} tip={tip}"))
    })
}

fn parse_protocol(name: &str) -> Result<Protocol, BackendError> {
    match name {
        "v2" | "uniswap_v2" => Ok(Protocol::UniswapV2),
        "v3" | "uniswap_v3" => Ok(Protocol::UniswapV3),
        "pancake_v3" | "pancakeswap_v3" => Ok(Protocol::PancakeV3),
        "v4" | "uniswap_v4" => Ok(Protocol::UniswapV4),
        _ => Err(BackendError::refused("protocol is unknown: expected v2, v3, pancake_v3 or v4")),
    }
}

/// An id with or without the chain in front: `0x8ad5…`, `1:0x8ad5…`.
pub(super) fn parse_id(id: &str) -> Result<(Option<u64>, PoolId), BackendError> {
    let (chain, id) = match id.split_once(':') {
        Some((chain, id)) => {
            let wrong = |_| BackendError::refused("chain id before the colon is not a number");
            (Some(chain.parse().map_err(wrong)?), id)
        }
        None => (None, id),
    };
    let address = id.parse::<Address>().map(PoolId::Address);
    let id = address.or_else(|_| id.parse::<B256>().map(PoolId::Id));
    let id =
        id.map_err(|_| BackendError::refused("pool is neither an address nor a 32-byte id"))?;
    Ok((chain, id))
}

fn parse_path(snapshot: &PoolSnapshot, path: &[PathHop]) -> Result<Path, BackendError> {
    let mut hops = Vec::with_capacity(path.len());
    for hop in path {
        let key = PoolKey { chain_id: snapshot.chain_id(), id: parse_id(&hop.pool)?.1 };
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
pub(super) fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

/// The block's hash; an open block has none yet.
pub(super) fn hash_of(block: &BlockRef) -> Option<B256> {
    (!block.hash.is_zero()).then_some(block.hash)
}

pub(super) fn pool_view(
    view: &LiquidityView,
    pool: &Pool,
    block: BlockRef,
    has_ticks: bool,
) -> PoolView {
    let mut shown = described(view, pool, block);
    let statics = pool.statics();
    let ticks = match pool.state() {
        PoolState::V2(state) => {
            show_reserves(&mut shown, state.reserves);
            return shown;
        }
        PoolState::V3(state) => {
            show_slot(&mut shown, statics, &state.slot);
            &state.ticks
        }
        PoolState::V4(state) => {
            show_fees(&mut shown, state.fees);
            show_slot(&mut shown, statics, &state.slot);
            &state.ticks
        }
    };
    shown.ticks = has_ticks.then(|| ticks.iter().map(tick_view).collect());
    shown
}

/// What does not depend on the pool's state.
fn described(view: &LiquidityView, pool: &Pool, block: BlockRef) -> PoolView {
    let statics = pool.statics();
    let gate = view.gate(&statics.key).unwrap_or(PoolGate::Unsynced);
    let accuracy = pool.accuracy_at(block.number);
    PoolView {
        chain_id: statics.key.chain_id,
        id: statics.key.id.to_string(),
        protocol: protocol_name(statics.protocol).to_owned(),
        token0: statics.token0,
        token1: statics.token1,
        fee: statics.fee_pips,
        status: gate.name().to_owned(),
        accuracy: accuracy.grade.name().to_owned(),
        accuracy_reason: (accuracy.reason != GradeReason::Events)
            .then(|| accuracy.reason.name().to_owned()),
        manager: (statics.protocol == Protocol::UniswapV4).then_some(statics.factory),
        hooks: (!statics.hooks.is_zero()).then_some(statics.hooks),
        fees: None,
        block_number: block.number,
        block_hash: hash_of(&block),
        reserve0: None,
        reserve1: None,
        sqrt_price_x96: None,
        tick: None,
        tick_spacing: None,
        liquidity: None,
        ticks: None,
    }
}

/// A pool after a block below the undo ring.
fn spilled_view(
    view: &LiquidityView,
    pool: &Pool,
    spilled: SpilledState,
) -> Result<Option<PoolView>, BackendError> {
    let SpilledState { number, hash, state } = spilled;
    let Some(state) = state else {
        let reason = format!("pool was not known then: block={number}");
        return Err(BackendError::refused(reason));
    };
    let block = BlockRef { number, hash, ..BlockRef::default() };
    let statics = pool.statics();
    let mut shown = described(view, pool, block);
    if statics.protocol == Protocol::UniswapV2 {
        show_reserves(&mut shown, state.state.v2());
        return Ok(Some(shown));
    }
    if statics.protocol == Protocol::UniswapV4 {
        show_fees(&mut shown, state.v4_fees());
    }
    let slot = state.state.v3().map_err(|error| BackendError::refused(error.to_string()))?;
    show_slot(&mut shown, statics, &slot);
    shown.ticks = Some(state.ticks.iter().copied().map(tick_view).collect());
    Ok(Some(shown))
}

fn show_reserves(shown: &mut PoolView, reserves: Reserves) {
    shown.reserve0 = Some(reserves.reserve0.to_string());
    shown.reserve1 = Some(reserves.reserve1.to_string());
}

const fn show_fees(shown: &mut PoolView, fees: V4Fees) {
    let V4Fees { lp, zero_for_one, one_for_zero } = fees;
    shown.fees = Some(PoolFeesView { lp, zero_for_one, one_for_zero });
}

fn show_slot(shown: &mut PoolView, statics: &PoolStatic, slot: &V3Slot) {
    shown.sqrt_price_x96 = Some(slot.sqrt_price.to_string());
    shown.tick = Some(slot.tick);
    shown.tick_spacing = Some(statics.tick_spacing);
    shown.liquidity = Some(slot.liquidity.to_string());
}

fn tick_view((tick, info): (Tick, TickInfo)) -> TickView {
    TickView {
        index: tick.get(),
        liquidity_gross: info.gross.to_string(),
        liquidity_net: info.net.to_string(),
    }
}

fn quote_view(quote: Quote) -> QuoteView {
    let block = quote.block.unwrap_or_default();
    QuoteView {
        amount_in: quote.amount_in.to_string(),
        amount_out: quote.amount_out.to_string(),
        block_number: block.number,
        block_hash: hash_of(&block),
        generation: quote.generation,
        hops: quote.hops.iter().map(hop_view).collect(),
    }
}

pub(super) fn hop_view(hop: &HopQuote) -> HopView {
    HopView {
        pool: hop.pool.id.to_string(),
        token_in: hop.token_in,
        token_out: hop.token_out,
        amount_in: hop.amount_in.to_string(),
        amount_out: hop.amount_out.to_string(),
        fee_amount: None,
    }
}

const fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::UniswapV2 => "v2",
        Protocol::UniswapV3 => "v3",
        Protocol::PancakeV3 => "pancake_v3",
        Protocol::UniswapV4 => "v4",
    }
}
