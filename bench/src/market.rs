//! A market of many pools between a few hubs, and the blocks that trade on it.

use crate::pool_world::{CHAIN_ID, Dice};
use alloy_primitives::{Address, B256, I256, U256, keccak256};
use std::sync::Arc;
use weir_amm::{
    Direction, FeePips, Liquidity, Reserves, SwapKind, Tick, TickList, TickSpacing, V3Slot, V3Terms,
};
use weir_arena::{
    ArenaConfig, BlockEnvelope, EventRecord, Hydration, PoolArena, PoolEvent, PoolIdx, PoolKey,
    PoolSnapshot, PoolState, PoolStatic, Protocol,
};
use weir_primitives::BlockRef;
use weir_route::{BaseToken, GasTerms, PathOptions, TokenPrice};

/// Pools of the market.
pub const POOLS: usize = 2_000;
const TOKENS: usize = 550;
/// Tokens that most others are traded against. Cycles go through the first three.
pub const HUBS: usize = 6;
/// Pools between two hubs, on average.
const HUB_POOLS: usize = 20;
const TOUCHED: usize = 100;
/// Blocks that the benchmark goes through, forwards and around again.
pub const BLOCKS: usize = 32;
const SPACING: i32 = 60;
const FEE_PIPS: u32 = 3000;
/// How far prices are off at first and move with a trade, in parts per million: a market in which a few cycles in a
/// hundred are above one.
const NOISE_PPM: u64 = 4_000;
/// What gas costs.
pub const TERMS: GasTerms = GasTerms { base_fee: 7, priority_fee: 0 };

/// A factor near one.
fn noise(dice: &mut Dice) -> f64 {
    1.0 + (dice.below(2 * NOISE_PPM) as f64 - NOISE_PPM as f64) / 1e6
}

/// The token of that number; the first ones are the hubs.
pub fn token(number: usize) -> Address {
    Address::from_word(B256::from(U256::from(number + 1)))
}

/// Half of the pools are constant product, half have ticks.
fn statics(number: usize, dice: &mut Dice) -> PoolStatic {
    let hub_pools = HUBS * (HUBS - 1) / 2 * HUB_POOLS;
    let (a, b) = if number < hub_pools {
        let a = dice.below(HUBS as u64) as usize;
        (a, (a + 1 + dice.below(HUBS as u64 - 1) as usize) % HUBS)
    } else {
        let other = HUBS + dice.below((TOKENS - HUBS) as u64) as usize;
        (dice.below(HUBS as u64) as usize, other)
    };
    let is_v2 = dice.below(2) == 0;
    PoolStatic {
        key: PoolKey::address(CHAIN_ID, Address::from_word(keccak256(number.to_be_bytes()))),
        protocol: if is_v2 { Protocol::UniswapV2 } else { Protocol::UniswapV3 },
        token0: token(a.min(b)),
        token1: token(a.max(b)),
        fee_pips: FEE_PIPS,
        tick_spacing: if is_v2 { 0 } else { SPACING },
        factory: Address::ZERO,
        hooks: alloy_primitives::Address::ZERO,
        decimals: None,
    }
}

fn reserves(dice: &mut Dice) -> Reserves {
    let depth = 10u128.pow(21) + u128::from(dice.below(u64::MAX)) * 100;
    Reserves { reserve0: depth, reserve1: (depth as f64 * noise(dice)) as u128 }
}

/// About forty ticks around the price.
fn v3_state(dice: &mut Dice) -> Hydration {
    let spacing = TickSpacing::new(SPACING).expect("in range");
    let center = (noise(dice).ln() / 1.0001f64.ln()) as i32;
    let mut ticks = TickList::new();
    let bound = |tick: i32| Tick::new(spacing.compress(tick) * SPACING).expect("in range");
    for step in 1..=20 {
        let amount = 10i128.pow(22) + i128::from(dice.below(u64::MAX)) * 100;
        let (lower, upper) = (bound(-SPACING * step), bound(SPACING * (step + 1)));
        ticks.update_range(lower, upper, amount, spacing).expect("aligned");
    }
    let liquidity = ticks.liquidity_at(center).expect("covered");
    let sqrt_price = Tick::new(center).expect("in range").sqrt_price();
    let slot = V3Slot { sqrt_price, tick: center, liquidity: Liquidity::new(liquidity) };
    Hydration::V3 { slot, fee_protocol: 0, ticks: ticks.iter().collect() }
}

/// The pools at block one.
pub fn market(dice: &mut Dice) -> PoolArena {
    let config = ArenaConfig { is_verifying: false, ..ArenaConfig::new(CHAIN_ID) };
    let mut arena = PoolArena::new(config);
    let hash = B256::with_last_byte(1);
    arena.restart_at(BlockRef { number: 1, hash, parent_hash: B256::ZERO, timestamp: 0 });
    for number in 0..POOLS {
        let statics = statics(number, dice);
        arena.add_pool(statics).expect("new");
        let state = match statics.protocol {
            Protocol::UniswapV2 => Hydration::V2(reserves(dice)),
            _ => v3_state(dice),
        };
        arena.hydrate(&statics.key, hash, state).expect("consistent");
    }
    arena
}

/// A trade in the pool that takes its price back to about one.
fn event(arena: &PoolArena, idx: PoolIdx, dice: &mut Dice) -> (PoolKey, PoolEvent) {
    let pool = arena.pool(idx).expect("held");
    let event = if let PoolState::V3(state) = pool.state() {
        let price = state.slot.sqrt_price;
        let goal = (noise(dice).ln() / 1.0001f64.ln()) as i32;
        let goal = Tick::new(goal).expect("in range").sqrt_price();
        let way = if goal < price { Direction::ZeroForOne } else { Direction::OneForZero };
        let terms = V3Terms {
            fee: FeePips::new(FEE_PIPS).expect("below one million"),
            spacing: TickSpacing::new(SPACING).expect("in range"),
        };
        let limit = (goal != price).then_some(goal);
        let amount = U256::from(if limit.is_some() { 1u128 << 100 } else { 10u128.pow(18) });
        let kind = SwapKind::ExactIn(amount);
        let swap = state.slot.swap(&state.ticks, terms, way, kind, limit).expect("deep");
        let V3Slot { sqrt_price, tick, liquidity } = swap.slot;
        PoolEvent::V3Swap {
            amount0: I256::ZERO,
            amount1: I256::ZERO,
            sqrt_price: sqrt_price.get(),
            liquidity: liquidity.get(),
            tick,
        }
    } else {
        let Reserves { reserve0, reserve1 } = reserves(dice);
        PoolEvent::V2Sync { reserve0, reserve1 }
    };
    (pool.statics().key, event)
}

/// The pools that a block touches, and the snapshot after it.
fn next_block(arena: &mut PoolArena, dice: &mut Dice) -> (Vec<PoolIdx>, Arc<PoolSnapshot>) {
    let parent = arena.tip().expect("restarted");
    let mut events = Vec::new();
    let mut pools: Vec<PoolIdx> = (0..POOLS as u32).map(PoolIdx).collect();
    for log_index in 0..TOUCHED as u32 {
        let idx = pools.swap_remove(dice.below(pools.len() as u64) as usize);
        let (pool, event) = event(arena, idx, dice);
        let (tx_index, tx_hash) = (log_index, B256::ZERO);
        events.push(EventRecord { tx_index, log_index, tx_hash, pool, event });
    }
    let block = BlockRef {
        number: parent.number + 1,
        hash: keccak256(parent.hash),
        parent_hash: parent.hash,
        timestamp: parent.timestamp + 1,
    };
    let envelope = BlockEnvelope::new(CHAIN_ID, block, 7, events);
    let touched = arena.apply(&envelope).expect("the next block").touched;
    (touched, arena.snapshot())
}

/// Cycles through the first three hubs, on so many threads.
pub fn options(workers: usize) -> PathOptions {
    let base = |number| BaseToken {
        token: token(number),
        price: Some(TokenPrice::NATIVE),
        min_profit: U256::from(10u64.pow(15)),
    };
    PathOptions { workers, ..PathOptions::new((0..3).map(base).collect()) }
}

/// Blocks forwards and back again, so that each follows the one before it.
pub fn blocks() -> Vec<(Vec<PoolIdx>, Arc<PoolSnapshot>)> {
    let mut dice = Dice::new(1);
    let mut arena = market(&mut dice);
    let start = arena.snapshot();
    let mut blocks: Vec<_> = (0..BLOCKS).map(|_| next_block(&mut arena, &mut dice)).collect();
    // From the last snapshot to the one before it, the same pools differ.
    for index in (0..BLOCKS).rev() {
        let before = if index == 0 { Arc::clone(&start) } else { Arc::clone(&blocks[index - 1].1) };
        blocks.push((blocks[index].0.clone(), before));
    }
    blocks
}
