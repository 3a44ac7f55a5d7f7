//! Random but possible histories of pools, without an EVM: the arithmetic makes the events.

use alloy_primitives::{Address, B256, I256, U256, keccak256};
use rand::{Rng, SeedableRng, rngs::StdRng};
use weir_amm::{
    Direction, FeePips, Liquidity, Reserves, SqrtPriceX96, SwapKind, Tick, TickList, TickSpacing,
    V2Fee, V3Slot, V3Terms, range_amounts,
};
use weir_arena::{BlockEnvelope, EventRecord, PoolEvent, PoolKey, SwapState52};
use weir_primitives::BlockRef;

pub(crate) const CHAIN_ID: u64 = 1;
pub(crate) const FACTORY: Address = Address::with_last_byte(0xfa);

#[derive(Debug, Clone)]
enum Body {
    V2(Reserves),
    V3 { terms: V3Terms, slot: V3Slot, ticks: TickList, positions: Vec<(Tick, Tick, u128)> },
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
            Body::V3 { slot, .. } => SwapState52::from_v3(slot),
        };
        self.pools.iter().map(|pool| (pool.key, state(pool))).collect()
    }

    /// The ticks of every pool that has some.
    pub(crate) fn ticks(&self) -> Vec<(PoolKey, &TickList)> {
        let ticks = |pool: &'_ WorldPool| matches!(pool.body, Body::V3 { .. }).then_some(pool.key);
        self.pools
            .iter()
            .filter_map(|pool| match &pool.body {
                Body::V3 { ticks: list, .. } => Some((ticks(pool)?, list)),
                Body::V2(_) => None,
            })
            .collect()
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
            Body::V3 { terms, slot, ticks, positions } => {
                let mut v3 = V3 { terms: *terms, slot, ticks, positions };
                v3.act(rng, |event| events.push((*key, event)));
            }
        }
    }

    fn create(&mut self, rng: &mut StdRng, events: &mut Vec<(PoolKey, PoolEvent)>) {
        self.created += 1;
        let hash = keccak256([self.tip.hash.as_slice(), &self.created.to_le_bytes()].concat());
        let key = PoolKey::address(CHAIN_ID, Address::from_word(hash));
        let (factory, token0, token1) =
            (FACTORY, Address::with_last_byte(1), Address::with_last_byte(2));
        let body = if rng.random() {
            events.push((key, PoolEvent::V2Created { factory, token0, token1 }));
            Body::V2(Reserves::default())
        } else {
            let (fee_pips, tick_spacing) = [(500, 10), (3000, 60)][rng.random_range(0..2usize)];
            events.push((
                key,
                PoolEvent::V3Created { factory, token0, token1, fee_pips, tick_spacing },
            ));
            let terms = V3Terms {
                fee: FeePips::new(fee_pips).unwrap(),
                spacing: TickSpacing::new(tick_spacing).unwrap(),
            };
            Body::V3 {
                terms,
                slot: V3Slot::default(),
                ticks: TickList::new(),
                positions: Vec::new(),
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

struct V3<'a> {
    terms: V3Terms,
    slot: &'a mut V3Slot,
    ticks: &'a mut TickList,
    positions: &'a mut Vec<(Tick, Tick, u128)>,
}

impl V3<'_> {
    fn act(&mut self, rng: &mut StdRng, mut emit: impl FnMut(PoolEvent)) {
        if self.slot.sqrt_price.is_zero() {
            let tick = Tick::new(rng.random_range(-5_000..5_000)).unwrap();
            *self.slot = V3Slot {
                sqrt_price: tick.sqrt_price(),
                tick: tick.get(),
                liquidity: Liquidity::ZERO,
            };
            return emit(PoolEvent::V3Initialize {
                sqrt_price: self.slot.sqrt_price.get(),
                tick: tick.get(),
            });
        }
        match rng.random_range(0..10) {
            0..=3 => {
                let spacing = self.terms.spacing.get();
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
            6 => emit(PoolEvent::V3SetFeeProtocol {
                fee_protocol0: rng.random_range(4..=10),
                fee_protocol1: 0,
            }),
            _ => self.swap(rng, &mut emit),
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
            range_amounts(self.slot, lower, upper, Liquidity::new(amount), delta > 0)
        else {
            return false;
        };
        if self.ticks.update_range(lower, upper, delta, self.terms.spacing).is_err() {
            return false;
        }
        let is_active = lower.get() <= self.slot.tick && self.slot.tick < upper.get();
        if is_active {
            self.slot.liquidity = self.slot.liquidity.add_delta(delta).unwrap();
        }
        let (lower, upper) = (lower.get(), upper.get());
        emit(if delta > 0 {
            PoolEvent::V3Mint { lower, upper, amount, amount0, amount1 }
        } else {
            PoolEvent::V3Burn { lower, upper, amount, amount0, amount1 }
        });
        true
    }

    fn swap(&mut self, rng: &mut StdRng, emit: &mut impl FnMut(PoolEvent)) {
        let (direction, kind) = random_trade(rng);
        let limit = rng.random::<bool>().then(|| {
            let tick = Tick::clamped(self.slot.tick + rng.random_range(-400..400));
            SqrtPriceX96::new(tick.sqrt_price().get()).unwrap()
        });
        let Ok(swap) = self.slot.swap(self.ticks, self.terms, direction, kind, limit) else {
            return;
        };
        *self.slot = swap.slot;
        let (paid, received) = (I256::from_raw(swap.amount_in), -I256::from_raw(swap.amount_out));
        let (amount0, amount1) = match direction {
            Direction::ZeroForOne => (paid, received),
            Direction::OneForZero => (received, paid),
        };
        emit(PoolEvent::V3Swap {
            amount0,
            amount1,
            sqrt_price: swap.slot.sqrt_price.get(),
            liquidity: swap.slot.liquidity.get(),
            tick: swap.slot.tick,
        });
    }
}
