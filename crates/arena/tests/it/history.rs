//! Random but possible histories of pools, without an EVM: the arithmetic makes the events.

use alloy_primitives::{Address, B256, I256, U256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use weir_amm::{
    Direction, FeePips, Liquidity, Reserves, SqrtPriceX96, SwapKind, Tick, TickList, TickSpacing,
    V2Fee, V3Slot, V3Swap, V3Terms, V4Fees, range_amounts,
};
use weir_arena::{
    BlockEnvelope, EventRecord, PoolEvent, PoolId, PoolKey, PoolStatic, Protocol, SwapState52,
};
use weir_primitives::BlockRef;

pub(crate) const CHAIN_ID: u64 = 1;
pub(crate) const FACTORY: Address = Address::with_last_byte(0xfa);
/// Hooks that run after `Initialize` only.
const FEE_HOOK: Address =
    Address::new([0x50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0]);

#[derive(Debug, Clone)]
enum Body {
    V2(Reserves),
    Ranges(Ranges),
}

/// Whose events a pool with ticks emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uniswap,
    Pancake,
    V4 { is_dynamic: bool },
}

#[derive(Debug, Clone)]
struct Ranges {
    kind: Kind,
    /// Of V3 pools only that of the providers.
    fees: V4Fees,
    spacing: TickSpacing,
    slot: V3Slot,
    ticks: TickList,
    positions: Vec<(Tick, Tick, u128)>,
}

#[derive(Debug, Clone)]
struct WorldPool {
    key: PoolKey,
    body: Body,
}

/// All pools at one block. A naive model: it is cloned for every block.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) tip: BlockRef,
    pools: Vec<WorldPool>,
    created: u64,
}

impl World {
    pub(crate) fn genesis() -> Self {
        let hash = keccak256(b"genesis");
        let tip = BlockRef { number: 0, hash, parent_hash: B256::ZERO, timestamp: 0 };
        Self { tip, pools: Vec::new(), created: 0 }
    }

    /// The swap state of every pool.
    pub(crate) fn states(&self) -> Vec<(PoolKey, SwapState52)> {
        let state = |pool: &WorldPool| match &pool.body {
            Body::V2(reserves) => SwapState52::from_v2(reserves),
            Body::Ranges(ranges) => SwapState52::from_v3(&ranges.slot),
        };
        self.pools.iter().map(|pool| (pool.key, state(pool))).collect()
    }

    /// The ticks of every pool that has some.
    pub(crate) fn ticks(&self) -> Vec<(PoolKey, &TickList)> {
        let ranges = self.ranges();
        ranges.map(|(key, ranges)| (key, &ranges.ticks)).collect()
    }

    /// The fees of every V4 pool whose fee is the key's.
    pub(crate) fn v4_fees(&self) -> Vec<(PoolKey, V4Fees)> {
        let is_static = |ranges: &Ranges| ranges.kind == Kind::V4 { is_dynamic: false };
        let ranges = self.ranges().filter(|(_, ranges)| is_static(ranges));
        ranges.map(|(key, ranges)| (key, ranges.fees)).collect()
    }

    fn ranges(&self) -> impl Iterator<Item = (PoolKey, &Ranges)> {
        self.pools.iter().filter_map(|pool| match &pool.body {
            Body::Ranges(ranges) => Some((pool.key, ranges)),
            Body::V2(_) => None,
        })
    }

    /// The next block; `salt` makes its hash differ from those of other branches.
    pub(crate) fn next(&self, salt: u64) -> (Self, BlockEnvelope) {
        let mut rng = StdRng::seed_from_u64(salt);
        let mut next = self.clone();
        let number = self.tip.number + 1;
        let hash = keccak256([self.tip.hash.as_slice(), &salt.to_le_bytes()].concat());
        next.tip = BlockRef {
            number,
            hash,
            parent_hash: self.tip.hash,
            timestamp: self.tip.timestamp + 12,
        };
        let mut events = Vec::new();
        for _ in 0..rng.random_range(0..6) {
            next.act(&mut rng, &mut events);
        }
        let tx_hash = hash;
        let events = events.into_iter().enumerate().map(|(index, (pool, event))| {
            let index = index as u32;
            EventRecord { tx_index: index / 3, log_index: 2 * index, tx_hash, pool, event }
        });
        let envelope = BlockEnvelope::new(CHAIN_ID, next.tip, 7, events.collect());
        (next, envelope)
    }

    fn act(&mut self, rng: &mut StdRng, events: &mut Vec<(PoolKey, PoolEvent)>) {
        if self.pools.is_empty() || rng.random_ratio(1, 12) {
            return self.create(rng, events);
        }
        let index = rng.random_range(0..self.pools.len());
        let WorldPool { key, body } = &mut self.pools[index];
        match body {
            Body::V2(reserves) => act_v2(rng, reserves, |event| events.push((*key, event))),
            Body::Ranges(ranges) => ranges.act(rng, |event| events.push((*key, event))),
        }
    }

    fn create(&mut self, rng: &mut StdRng, events: &mut Vec<(PoolKey, PoolEvent)>) {
        self.created += 1;
        let hash = keccak256([self.tip.hash.as_slice(), &self.created.to_le_bytes()].concat());
        let key = PoolKey::address(CHAIN_ID, Address::from_word(hash));
        let (factory, token0, token1) =
            (FACTORY, Address::with_last_byte(1), Address::with_last_byte(2));
        let (fee_pips, tick_spacing) = [(500, 10), (3000, 60)][rng.random_range(0..2usize)];
        let (key, body) = match rng.random_range(0..4) {
            0 => {
                events.push((key, PoolEvent::V2Created { factory, token0, token1 }));
                (key, Body::V2(Reserves::default()))
            }
            kind @ (1 | 2) => {
                // The creation does not tell the fork: the first swap does.
                let created =
                    PoolEvent::V3Created { factory, token0, token1, fee_pips, tick_spacing };
                events.push((key, created));
                let kind = if kind == 1 { Kind::Uniswap } else { Kind::Pancake };
                (key, Body::Ranges(Ranges::new(kind, fee_pips, tick_spacing)))
            }
            _ => {
                let fee_pips = if rng.random() { fee_pips } else { 0x80_0000 };
                let token1 = Address::from_word(hash);
                v4_pool(rng, (token0, token1), fee_pips, tick_spacing, events)
            }
        };
        self.pools.push(WorldPool { key, body });
    }
}

fn act_v2(rng: &mut StdRng, reserves: &mut Reserves, mut emit: impl FnMut(PoolEvent)) {
    let (direction, kind) = random_trade(rng);
    if let Ok((paid, received)) = reserves.quote(V2Fee::UNISWAP, direction, kind) {
        let (paid, received) = (paid.to::<u128>(), received.to::<u128>());
        let word = U256::from;
        let (amounts_in, amounts_out) = match direction {
            Direction::ZeroForOne => {
                *reserves = Reserves {
                    reserve0: reserves.reserve0 + paid,
                    reserve1: reserves.reserve1 - received,
                };
                ((paid, 0), (0, received))
            }
            Direction::OneForZero => {
                *reserves = Reserves {
                    reserve0: reserves.reserve0 - received,
                    reserve1: reserves.reserve1 + paid,
                };
                ((0, paid), (received, 0))
            }
        };
        emit(PoolEvent::V2Sync { reserve0: reserves.reserve0, reserve1: reserves.reserve1 });
        emit(PoolEvent::V2Swap {
            amount0_in: word(amounts_in.0),
            amount1_in: word(amounts_in.1),
            amount0_out: word(amounts_out.0),
            amount1_out: word(amounts_out.1),
        });
    } else {
        let (amount0, amount1) = (rng.random::<u64>(), rng.random::<u64>());
        reserves.reserve0 += u128::from(amount0);
        reserves.reserve1 += u128::from(amount1);
        emit(PoolEvent::V2Sync { reserve0: reserves.reserve0, reserve1: reserves.reserve1 });
        emit(PoolEvent::V2Mint { amount0: U256::from(amount0), amount1: U256::from(amount1) });
    }
}

fn random_trade(rng: &mut StdRng) -> (Direction, SwapKind) {
    let direction = if rng.random() { Direction::ZeroForOne } else { Direction::OneForZero };
    let amount = U256::from(rng.random::<u128>() >> rng.random_range(60..120u32));
    (direction, if rng.random() { SwapKind::ExactIn(amount) } else { SwapKind::ExactOut(amount) })
}

/// A V4 pool, initialized as it is created.
fn v4_pool(
    rng: &mut StdRng,
    (token0, token1): (Address, Address),
    fee_pips: u32,
    tick_spacing: i32,
    events: &mut Vec<(PoolKey, PoolEvent)>,
) -> (PoolKey, Body) {
    let is_dynamic = fee_pips == 0x80_0000;
    let hooks = if is_dynamic { FEE_HOOK } else { Address::ZERO };
    let mut statics = PoolStatic {
        key: PoolKey { chain_id: CHAIN_ID, id: PoolId::Id(B256::ZERO) },
        protocol: Protocol::UniswapV4,
        token0,
        token1,
        fee_pips,
        tick_spacing,
        factory: FACTORY,
        hooks,
        decimals: None,
    };
    statics.key.id = PoolId::Id(statics.v4_id());
    let mut ranges =
        Ranges::new(Kind::V4 { is_dynamic }, if is_dynamic { 0 } else { fee_pips }, tick_spacing);
    let (sqrt_price, tick) = ranges.initialize(rng);
    let manager = FACTORY;
    let event = PoolEvent::V4Initialize {
        manager,
        token0,
        token1,
        fee_pips,
        tick_spacing,
        hooks,
        sqrt_price,
        tick,
    };
    events.push((statics.key, event));
    (statics.key, Body::Ranges(ranges))
}

impl Ranges {
    fn new(kind: Kind, lp: u32, spacing: i32) -> Self {
        let is_v4 = matches!(kind, Kind::V4 { .. });
        let spacing = if is_v4 { TickSpacing::v4(spacing) } else { TickSpacing::new(spacing) };
        Self {
            kind,
            fees: V4Fees { lp, ..V4Fees::default() },
            spacing: spacing.unwrap(),
            slot: V3Slot::default(),
            ticks: TickList::new(),
            positions: Vec::new(),
        }
    }

    fn initialize(&mut self, rng: &mut StdRng) -> (U256, i32) {
        let tick = Tick::new(rng.random_range(-5_000..5_000)).unwrap();
        let (sqrt_price, liquidity) = (tick.sqrt_price(), Liquidity::ZERO);
        self.slot = V3Slot { sqrt_price, tick: tick.get(), liquidity };
        (sqrt_price.get(), tick.get())
    }

    fn act(&mut self, rng: &mut StdRng, mut emit: impl FnMut(PoolEvent)) {
        if self.slot.sqrt_price.is_zero() {
            let (sqrt_price, tick) = self.initialize(rng);
            return emit(PoolEvent::V3Initialize { sqrt_price, tick });
        }
        match rng.random_range(0..10) {
            0..=3 => {
                let spacing = self.spacing.get();
                let near = self.slot.tick / spacing + rng.random_range(-8..8);
                let lower = Tick::clamped(near * spacing);
                let upper = Tick::clamped((near + rng.random_range(1..9)) * spacing);
                let amount = rng.random::<u128>() >> rng.random_range(48..100u32);
                if amount != 0 && self.change(lower, upper, amount as i128, &mut emit) {
                    self.positions.push((lower, upper, amount));
                }
            }
            4 | 5 if !self.positions.is_empty() => {
                let index = rng.random_range(0..self.positions.len());
                let (lower, upper, held) = self.positions.swap_remove(index);
                let amount = if rng.random() { held } else { held / 2 };
                assert!(self.change(lower, upper, -(amount as i128), &mut emit));
                if held != amount {
                    self.positions.push((lower, upper, held - amount));
                }
            }
            6 => self.change_fees(rng, &mut emit),
            _ => self.swap(rng, &mut emit),
        }
    }

    fn change_fees(&mut self, rng: &mut StdRng, emit: &mut impl FnMut(PoolEvent)) {
        match self.kind {
            Kind::Uniswap => emit(PoolEvent::V3SetFeeProtocol {
                fee_protocol0: rng.random_range(4..=10),
                fee_protocol1: 0,
            }),
            Kind::Pancake => emit(PoolEvent::PancakeV3SetFeeProtocol {
                fee_protocol0: rng.random_range(1_000..=4_000),
                fee_protocol1: 0,
            }),
            Kind::V4 { is_dynamic } => {
                if is_dynamic && rng.random() {
                    // By the hooks, without an event.
                    self.fees.lp = rng.random_range(0..100_000);
                    return;
                }
                self.fees.zero_for_one = rng.random_range(0..=1_000);
                self.fees.one_for_zero = rng.random_range(0..=1_000);
                let V4Fees { zero_for_one, one_for_zero, .. } = self.fees;
                emit(PoolEvent::V4ProtocolFeeUpdated { zero_for_one, one_for_zero });
            }
        }
    }

    fn change(
        &mut self,
        lower: Tick,
        upper: Tick,
        delta: i128,
        emit: &mut impl FnMut(PoolEvent),
    ) -> bool {
        let amount = delta.unsigned_abs();
        let Ok((amount0, amount1)) =
            range_amounts(&self.slot, lower, upper, Liquidity::new(amount), delta > 0)
        else {
            return false;
        };
        if self.ticks.update_range(lower, upper, delta, self.spacing).is_err() {
            return false;
        }
        let is_active = lower.get() <= self.slot.tick && self.slot.tick < upper.get();
        if is_active {
            self.slot.liquidity = self.slot.liquidity.add_delta(delta).unwrap();
        }
        let (lower, upper) = (lower.get(), upper.get());
        emit(match self.kind {
            Kind::V4 { .. } => PoolEvent::V4ModifyLiquidity { lower, upper, delta },
            _ if delta > 0 => PoolEvent::V3Mint { lower, upper, amount, amount0, amount1 },
            _ => PoolEvent::V3Burn { lower, upper, amount, amount0, amount1 },
        });
        true
    }

    fn swap(&mut self, rng: &mut StdRng, emit: &mut impl FnMut(PoolEvent)) {
        let (direction, kind) = random_trade(rng);
        let limit = rng.random::<bool>().then(|| {
            let tick = Tick::clamped(self.slot.tick + rng.random_range(-400..400));
            SqrtPriceX96::new(tick.sqrt_price().get()).unwrap()
        });
        let fee = self.fees.swap_fee(direction).unwrap();
        let terms = V3Terms { fee, spacing: self.spacing };
        let is_v4 = matches!(self.kind, Kind::V4 { .. });
        let swap = if is_v4 {
            self.slot.swap_v4(&self.ticks, terms, direction, kind, limit)
        } else {
            self.slot.swap(&self.ticks, terms, direction, kind, limit)
        };
        let Ok(swap) = swap else { return };
        self.slot = swap.slot;
        emit(self.swap_event(direction, &swap, fee));
    }

    fn swap_event(&self, direction: Direction, swap: &V3Swap, fee: FeePips) -> PoolEvent {
        let (paid, received) = (I256::from_raw(swap.amount_in), -I256::from_raw(swap.amount_out));
        let (amount0, amount1) = match direction {
            Direction::ZeroForOne => (paid, received),
            Direction::OneForZero => (received, paid),
        };
        let (sqrt_price, liquidity) = (swap.slot.sqrt_price.get(), swap.slot.liquidity.get());
        let tick = swap.slot.tick;
        match self.kind {
            Kind::Uniswap => PoolEvent::V3Swap { amount0, amount1, sqrt_price, liquidity, tick },
            Kind::Pancake => PoolEvent::PancakeV3Swap {
                amount0,
                amount1,
                sqrt_price,
                liquidity,
                tick,
                protocol_fee0: 1,
                protocol_fee1: 0,
            },
            Kind::V4 { .. } => {
                let swappers = |amount: I256| i128::try_from(-amount).unwrap();
                let (amount0, amount1) = (swappers(amount0), swappers(amount1));
                let fee_pips = fee.get();
                PoolEvent::V4Swap { amount0, amount1, sqrt_price, liquidity, tick, fee_pips }
            }
        }
    }
}
