//! Random arenas, and random blocks for them.

use alloy_primitives::{Address, B256, I256, U256, keccak256};
use std::sync::Arc;
use weir_amm::{
    Direction, FeePips, Liquidity, MAX_RESERVE, Reserves, SqrtPriceX96, SwapKind, Tick, TickList,
    TickSpacing, V3Slot, V3Terms,
};
use weir_arena::{
    ArenaConfig, BlockEnvelope, EventRecord, Hydration, PoolArena, PoolEvent, PoolIdx, PoolKey,
    PoolSnapshot, PoolState, PoolStatic, Protocol,
};
use weir_primitives::BlockRef;
use weir_route::{BaseToken, CycleOptions, PathOptions, TokenPrice};

pub(crate) const CHAIN_ID: u64 = 1;

/// Fees and spacings of Uniswap V3.
const TIERS: [(u32, i32); 4] = [(100, 1), (500, 10), (3000, 60), (10_000, 200)];
/// How far prices are off the tokens' values at first, in parts per million.
const NOISE_PPM: u64 = 12_000;

/// A reproducible source of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) as u128 * bound as u128) >> 64) as u64
    }

    /// Between 0 and 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1u64 << 53) as f64
    }

    pub(crate) const fn is_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

pub(crate) fn token(number: usize) -> Address {
    Address::from_word(B256::from(U256::from(number + 1)))
}

/// An arena whose blocks are made up.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) arena: PoolArena,
    pub(crate) dice: Dice,
    /// Of each token, what a unit is worth.
    values: Vec<f64>,
    pools_made: u32,
}

impl World {
    /// So many random pools between so many tokens, all live.
    pub(crate) fn new(seed: u64, tokens: usize, pools: usize) -> Self {
        let mut arena =
            PoolArena::new(ArenaConfig { is_verifying: false, ..ArenaConfig::new(CHAIN_ID) });
        let hash = B256::with_last_byte(1);
        arena.restart_at(BlockRef { number: 1, hash, parent_hash: B256::ZERO, timestamp: 0 });
        let mut dice = Dice(seed);
        let values = (0..tokens).map(|_| 10f64.powf(4.0 * dice.share() - 2.0)).collect();
        let mut world = Self { arena, dice, values, pools_made: 0 };
        for _ in 0..pools {
            let key = world.add_pool();
            world.hydrate(&key);
        }
        world
    }

    pub(crate) fn snapshot(&mut self) -> Arc<PoolSnapshot> {
        self.arena.snapshot()
    }

    /// Base tokens are the first ones.
    pub(crate) fn options(&self, bases: usize, hops_max: usize) -> PathOptions {
        let base = |number| BaseToken {
            token: token(number),
            price: (number != 1).then_some(TokenPrice { wei: U256::from(3), per: U256::from(2) }),
            min_profit: U256::from(1000),
        };
        let cycles = CycleOptions { hops_max, ..CycleOptions::default() };
        PathOptions { cycles, workers: 1, ..PathOptions::new((0..bases).map(base).collect()) }
    }

    /// A pool between random tokens, unsynced.
    pub(crate) fn add_pool(&mut self) -> PoolKey {
        let count = self.values.len() as u64;
        let a = self.dice.below(count) as usize;
        let b = (a + 1 + self.dice.below(count - 1) as usize) % self.values.len();
        self.pools_made += 1;
        let is_v2 = self.dice.below(2) == 0;
        let (fee_pips, tick_spacing) = TIERS[self.dice.below(4) as usize];
        let address = Address::from_word(keccak256(self.pools_made.to_be_bytes()));
        let statics = PoolStatic {
            key: PoolKey::address(CHAIN_ID, address),
            protocol: if is_v2 { Protocol::UniswapV2 } else { Protocol::UniswapV3 },
            token0: token(a.min(b)),
            token1: token(a.max(b)),
            fee_pips: if is_v2 { 3000 } else { fee_pips },
            tick_spacing: if is_v2 { 0 } else { tick_spacing },
            factory: Address::ZERO,
            hooks: alloy_primitives::Address::ZERO,
            decimals: None,
        };
        self.arena.add_pool(statics).unwrap();
        statics.key
    }

    /// Gives a pool a random state near the price that its tokens' values ask for.
    pub(crate) fn hydrate(&mut self, key: &PoolKey) -> PoolIdx {
        let idx = self.arena.find(key).unwrap();
        let statics = *self.arena.pool(idx).unwrap().statics();
        let at = self.arena.tip().unwrap().hash;
        let state = match statics.protocol {
            Protocol::UniswapV2 => Hydration::V2(self.reserves(&statics)),
            _ => self.v3_state(&statics),
        };
        self.arena.hydrate(key, at, state).unwrap()
    }

    fn value(&self, token: Address) -> f64 {
        self.values[token.0[19] as usize - 1 + 256 * token.0[18] as usize]
    }

    fn noise(&mut self) -> f64 {
        1.0 + (self.dice.below(2 * NOISE_PPM) as f64 - NOISE_PPM as f64) / 1e6
    }

    fn reserves(&mut self, statics: &PoolStatic) -> Reserves {
        let depth = 10f64.powf(16.0 + 6.0 * self.dice.share());
        let noise = self.noise();
        let reserve = |token: Address, noise: f64| {
            ((depth * noise / self.value(token)) as u128).min(MAX_RESERVE)
        };
        Reserves {
            reserve0: reserve(statics.token0, 1.0),
            reserve1: reserve(statics.token1, noise),
        }
    }

    /// Positions around the price, some apart from others, so that there are gaps; now and then the price is on a tick.
    fn v3_state(&mut self, statics: &PoolStatic) -> Hydration {
        let spacing = TickSpacing::new(statics.tick_spacing).unwrap();
        let price = self.value(statics.token0) / self.value(statics.token1) * self.noise();
        let center = (price.ln() / 1.0001f64.ln()).floor() as i32;
        let depth = 10f64.powf(18.0 + 5.0 * self.dice.share());
        let mut ticks = TickList::new();
        let align = |tick: i32| Tick::new(spacing.compress(tick) * spacing.get()).unwrap();
        for position in 0..1 + self.dice.below(6) {
            let offset = if position == 0 { -2000 } else { self.dice.below(6000) as i32 - 3500 };
            let width = 1 + self.dice.below(if position == 0 { 4000 } else { 900 }) as i32;
            let lower = align(center + offset);
            let upper = align(lower.get() + width + spacing.get());
            let liquidity = (depth * (0.2 + self.dice.share())) as i128;
            ticks.update_range(lower, upper, liquidity, spacing).unwrap();
        }
        let (sqrt_price, tick) = self.place(&ticks, center);
        let liquidity = Liquidity::new(ticks.liquidity_at(tick).unwrap());
        let slot = V3Slot { sqrt_price, tick, liquidity };
        Hydration::V3 { slot, fee_protocol: 0, ticks: ticks.iter().collect() }
    }

    fn place(&mut self, ticks: &TickList, center: i32) -> (SqrtPriceX96, i32) {
        if self.dice.is_in(4) {
            let index = self.dice.below(ticks.len() as u64) as usize;
            let tick = ticks.iter().nth(index).unwrap().0;
            // As after a swap up to the tick, or down to it.
            return (tick.sqrt_price(), tick.get() - i32::from(self.dice.is_in(2)));
        }
        let low = Tick::new(center).unwrap().sqrt_price().get();
        let high = Tick::new(center + 1).unwrap().sqrt_price().get();
        let part = U256::from(self.dice.below(1 << 20));
        (SqrtPriceX96::new(low + ((high - low) >> 20) * part).unwrap(), center)
    }

    /// A block that touches so many random pools; the pools touched.
    pub(crate) fn block(&mut self, touches: usize) -> Vec<PoolIdx> {
        let all: Vec<PoolIdx> = self.arena.pools().map(|(idx, _)| idx).collect();
        let mut events = Vec::new();
        for _ in 0..touches {
            let idx = all[self.dice.below(all.len() as u64) as usize];
            events.extend(self.event(idx));
        }
        self.apply(events)
    }

    /// A block of these events.
    pub(crate) fn apply(&mut self, events: Vec<(PoolKey, PoolEvent)>) -> Vec<PoolIdx> {
        let parent = self.arena.tip().unwrap();
        let block = BlockRef {
            number: parent.number + 1,
            hash: keccak256(self.dice.below(u64::MAX).to_be_bytes()),
            parent_hash: parent.hash,
            timestamp: parent.timestamp + 1,
        };
        let record = |(log_index, (pool, event))| EventRecord {
            tx_index: log_index,
            log_index,
            tx_hash: B256::ZERO,
            pool,
            event,
        };
        let events = (0..).zip(events).map(record).collect();
        let envelope = BlockEnvelope::new(CHAIN_ID, block, 7, events);
        self.arena.apply(&envelope).unwrap().touched
    }

    /// Events that contradict the pool, whatever it is: they halt it.
    pub(crate) fn contradiction(&self, key: PoolKey) -> (PoolKey, PoolEvent) {
        let protocol = self.arena.find(&key).and_then(|idx| self.arena.pool(idx));
        let event = match protocol.unwrap().statics().protocol {
            Protocol::UniswapV2 => {
                PoolEvent::V3SetFeeProtocol { fee_protocol0: 4, fee_protocol1: 4 }
            }
            _ => PoolEvent::V3Initialize { sqrt_price: U256::from(1u64 << 40), tick: 0 },
        };
        (key, event)
    }

    /// Something that may happen to the pool in the state in which it is.
    fn event(&mut self, idx: PoolIdx) -> Option<(PoolKey, PoolEvent)> {
        let pool = self.arena.pool(idx)?.clone();
        let key = pool.statics().key;
        if let PoolState::V2(state) = pool.state() {
            let shift = self.noise();
            let Reserves { reserve0, reserve1 } = state.reserves;
            let reserve0 = ((reserve0 as f64 * shift) as u128).clamp(1, MAX_RESERVE);
            let reserve1 = ((reserve1 as f64 / shift) as u128).clamp(1, MAX_RESERVE);
            return Some((key, PoolEvent::V2Sync { reserve0, reserve1 }));
        }
        let PoolState::V3(state) = pool.state() else { return None };
        if self.dice.is_in(3) {
            let spacing = pool.statics().tick_spacing;
            let tick = state.slot.tick.div_euclid(spacing) * spacing;
            let lower = tick - spacing * self.dice.below(20) as i32;
            let upper = tick + spacing * (1 + self.dice.below(20) as i32);
            let amount = 1 + u128::from(self.dice.below(1 << 60));
            let (amount0, amount1) = (U256::ZERO, U256::ZERO);
            return Some((key, PoolEvent::V3Mint { lower, upper, amount, amount0, amount1 }));
        }
        let is_down = self.dice.is_in(2);
        let way = if is_down { Direction::ZeroForOne } else { Direction::OneForZero };
        let fee = FeePips::new(pool.statics().fee_pips).unwrap();
        let spacing = TickSpacing::new(pool.statics().tick_spacing).unwrap();
        let amount = U256::from(10f64.powf(12.0 + 10.0 * self.dice.share()) as u128);
        let terms = V3Terms { fee, spacing };
        let swap = state.slot.swap(&state.ticks, terms, way, SwapKind::ExactIn(amount), None);
        let V3Slot { sqrt_price, tick, liquidity } = swap.ok()?.slot;
        let event = PoolEvent::V3Swap {
            amount0: I256::ZERO,
            amount1: I256::ZERO,
            sqrt_price: sqrt_price.get(),
            liquidity: liquidity.get(),
            tick,
        };
        Some((key, event))
    }
}
