//! Uniswap V4's own bytecode on a chain in memory: PoolManager, test routers, test hooks, and random calls of them.

use crate::{
    chain::{CHAIN_ID, Chain, Draft, SENDER},
    contracts::{TOKEN0, TOKEN1, creation_code, deployed_code, v4},
};
use alloy_primitives::{Address, B256, Bytes, I256, TxKind, U160, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use rand::{Rng, rngs::StdRng};
use weir_amm::{Direction, SqrtPriceX96, SwapKind, Tick};
use weir_arena::{Pool, PoolArena, PoolId, PoolKey, PoolState, PoolStatus, V4State};
use weir_primitives::ExecutedBlock;

const ARTIFACTS: &str = "@uniswap/v4-core/out";
/// `DynamicFeesTestHook` that runs after `initialize` only: swaps tell its fee.
const FEE_HOOK: Address = address!("0x5000000000000000000000000000000000001000");
/// `DynamicReturnFeeTestHook`: sets the fee of each swap.
const OVERRIDE_HOOK: Address = address!("0x6000000000000000000000000000000000000080");
/// `DeltaReturningHook`: takes of what is swapped, perhaps all.
const DELTA_HOOK: Address = address!("0x70000000000000000000000000000000000000cc");
/// What is sent along where the coin may have to be paid; the routers give back the rest.
const COINS: u32 = 200;

/// Key's fee and spacing, hooks, and whether token0 is the chain's coin.
const POOLS: [(u32, i32, Address, bool); 8] = [
    (3_000, 60, Address::ZERO, false),
    (100, 1, Address::ZERO, false),
    (0, 10, Address::ZERO, true),
    (1_000_000, 200, Address::ZERO, false),
    (500, 32_767, Address::ZERO, false),
    (0x80_0000, 60, FEE_HOOK, false),
    (0x80_0000, 10, OVERRIDE_HOOK, false),
    (3_000, 60, DELTA_HOOK, false),
];
pub(crate) const LEARNED: usize = 5;
pub(crate) const OVERRIDDEN: usize = 6;
pub(crate) const ABSORBING: usize = 7;

#[derive(Debug, Clone)]
struct Position {
    pool: usize,
    lower: i32,
    upper: i32,
    liquidity: i128,
}

/// A chain with pools, cloned to make a fork.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) chain: Chain,
    pub(crate) manager: Address,
    swapper: Address,
    modifier: Address,
    pub(crate) pools: Vec<(v4::Key, B256)>,
    positions: Vec<Position>,
    /// Every tick that was ever an end of a position, by pool.
    pub(crate) used: Vec<(usize, i32)>,
    /// Whether the learned pool's fee was changed after its last swap, so that no event tells it.
    pub(crate) is_fee_stale: bool,
    /// Swaps that a hook took whole.
    pub(crate) absorbed: u32,
}

fn artifact(name: &str) -> String {
    format!("{ARTIFACTS}/{name}.sol/{name}.json")
}

fn key(pool: usize) -> v4::Key {
    let (fee, spacing, hooks, is_native) = POOLS[pool];
    let (currency0, currency1) = if is_native { (Address::ZERO, TOKEN1) } else { (TOKEN0, TOKEN1) };
    let (fee, spacing) = (fee.try_into().unwrap(), spacing.try_into().unwrap());
    v4::Key { currency0, currency1, fee, tickSpacing: spacing, hooks }
}

/// A number whose magnitude is spread evenly, not its value.
pub(crate) fn spread(rng: &mut StdRng, bits: u32) -> u128 {
    rng.random::<u128>() >> rng.random_range(128 - bits..128)
}

/// A random swap, as the contract and as the arithmetic take it.
pub(crate) struct RandomSwap {
    pub(crate) call: Bytes,
    pub(crate) value: U256,
    pub(crate) direction: Direction,
    pub(crate) kind: SwapKind,
    pub(crate) limit: Option<SqrtPriceX96>,
}

impl World {
    /// Deploys everything and initializes the pools at the given prices; each block is handed out.
    pub(crate) fn new(prices: [U256; 8], mut take: impl FnMut(ExecutedBlock)) -> Option<Self> {
        let mut chain = Chain::new();
        let manager = chain.next_contract();
        let code = creation_code(&artifact("PoolManager"))?;
        let creation = [code.as_ref(), SENDER.into_word().as_slice()].concat();
        take(chain.block(&[(TxKind::Create, creation.into())]));
        let mut deployed = [Address::ZERO; 3];
        let names = ["PoolSwapTest", "PoolModifyLiquidityTestNoChecks", "DeltaReturningHook"];
        for (place, name) in deployed.iter_mut().zip(names) {
            *place = chain.next_contract();
            let code = creation_code(&artifact(name))?;
            let creation = [code.as_ref(), manager.into_word().as_slice()].concat();
            take(chain.block(&[(TxKind::Create, creation.into())]));
        }
        let [swapper, modifier, delta_hook] = deployed;
        // The address decides what hooks may do, so their code is put where it has to be.
        chain.etch(DELTA_HOOK, chain.code(delta_hook));
        chain.etch(FEE_HOOK, deployed_code(&artifact("DynamicFeesTestHook"))?);
        chain.etch(OVERRIDE_HOOK, deployed_code(&artifact("DynamicReturnFeeTestHook"))?);
        let set = Bytes::from(v4::setManagerCall { manager }.abi_encode());
        let control = v4::setProtocolFeeControllerCall { controller: SENDER }.abi_encode();
        take(chain.block(&[
            (TxKind::Call(FEE_HOOK), set.clone()),
            (TxKind::Call(OVERRIDE_HOOK), set),
            (TxKind::Call(manager), control.into()),
            (
                TxKind::Call(FEE_HOOK),
                v4::setFeeCall { fee: 700u32.try_into().unwrap() }.abi_encode().into(),
            ),
        ]));
        let pools: Vec<_> =
            (0..POOLS.len()).map(|pool| (key(pool), keccak256(key(pool).abi_encode()))).collect();
        let mut draft = chain.draft();
        for ((key, _), price) in pools.iter().zip(prices) {
            let call = v4::initializeCall { key: key.clone(), sqrtPriceX96: U160::from(price) };
            assert!(draft.call(manager, &call));
        }
        take(chain.seal(draft));
        let (positions, used) = (Vec::new(), Vec::new());
        let (is_fee_stale, absorbed) = (true, 0);
        Some(Self {
            chain,
            manager,
            swapper,
            modifier,
            pools,
            positions,
            used,
            is_fee_stale,
            absorbed,
        })
    }

    pub(crate) fn pool<'a>(&self, arena: &'a PoolArena, pool: usize) -> (&'a Pool, &'a V4State) {
        let key = PoolKey { chain_id: CHAIN_ID, id: PoolId::Id(self.pools[pool].1) };
        let held = arena.pool(arena.find(&key).unwrap()).unwrap();
        assert_eq!(held.status(), PoolStatus::Live);
        let PoolState::V4(state) = held.state() else { panic!("the pool is of V4") };
        (held, state)
    }

    fn random_tick(rng: &mut StdRng, around: i32, spacing: i32) -> i32 {
        let word = 256 * spacing;
        let tick = match rng.random_range(0..10) {
            0..=4 => around + rng.random_range(-20..=20) * spacing,
            5..=6 => around + rng.random_range(-2_000..=2_000) * spacing,
            7 => (around.div_euclid(word) + rng.random_range(-2..=2)) * word,
            8 => (around.div_euclid(word) + rng.random_range(-2..=2)) * word + 255 * spacing,
            _ => rng.random_range(-887_272..=887_272),
        };
        let highest = 887_272 / spacing * spacing;
        tick.clamp(-highest, highest) / spacing * spacing
    }

    fn value(pool: usize) -> U256 {
        if POOLS[pool].3 { U256::ONE << COINS } else { U256::ZERO }
    }

    /// One random transaction.
    fn act(&mut self, rng: &mut StdRng, draft: &mut Draft, arena: &PoolArena) {
        let pool = rng.random_range(0..self.pools.len());
        match rng.random_range(0..100) {
            0..=29 => self.provide(rng, draft, arena, pool),
            30..=47 if !self.positions.is_empty() => self.remove(rng, draft),
            48..=55 => {
                let fee = rng.random_range(0..=1_000u32) | (rng.random_range(0..=1_000u32) << 12);
                let (key, fee) = (self.pools[pool].0.clone(), fee.try_into().unwrap());
                assert!(draft.call(self.manager, &v4::setProtocolFeeCall { key, fee }));
            }
            56..=61 => self.change_hooks_fees(rng, draft),
            _ => self.swap(rng, draft, arena, pool),
        }
    }

    fn provide(&mut self, rng: &mut StdRng, draft: &mut Draft, arena: &PoolArena, pool: usize) {
        let (spacing, tick) = (POOLS[pool].1, self.pool(arena, pool).1.slot.tick);
        let (a, b) = (Self::random_tick(rng, tick, spacing), Self::random_tick(rng, tick, spacing));
        let (lower, upper) = (a.min(b), a.max(b));
        let liquidity = spread(rng, 100) as i128;
        if self.modify(draft, (pool, lower, upper), liquidity) {
            self.positions.push(Position { pool, lower, upper, liquidity });
            self.used.extend([(pool, lower), (pool, upper)]);
        }
    }

    fn remove(&mut self, rng: &mut StdRng, draft: &mut Draft) {
        let index = rng.random_range(0..self.positions.len());
        let Position { pool, lower, upper, liquidity } = self.positions[index];
        let amount = match rng.random_range(0..4) {
            0 => 0,
            1 => rng.random_range(0..=liquidity),
            _ => liquidity,
        };
        if self.modify(draft, (pool, lower, upper), -amount) {
            self.positions[index].liquidity -= amount;
        }
        if self.positions[index].liquidity == 0 {
            self.positions.swap_remove(index);
        }
    }

    fn modify(
        &self,
        draft: &mut Draft,
        (pool, lower, upper): (usize, i32, i32),
        delta: i128,
    ) -> bool {
        let params = v4::LiquidityParams {
            tickLower: lower.try_into().unwrap(),
            tickUpper: upper.try_into().unwrap(),
            liquidityDelta: I256::try_from(delta).unwrap(),
            salt: B256::ZERO,
        };
        let (key, hook_data) = (self.pools[pool].0.clone(), Bytes::new());
        let call = v4::modifyLiquidityCall { key, params, hookData: hook_data }.abi_encode();
        draft.send_paying(TxKind::Call(self.modifier), call.into(), Self::value(pool))
    }

    /// Fees that hooks set: of the pool, without an event, or of each swap.
    fn change_hooks_fees(&mut self, rng: &mut StdRng, draft: &mut Draft) {
        let fee = [0, 1, 3_000, 999_999, 1_000_000, rng.random_range(0..=1_000_000u32)];
        let fee = fee[rng.random_range(0..6)].try_into().unwrap();
        if rng.random() {
            let key = self.pools[LEARNED].0.clone();
            assert!(draft.call(FEE_HOOK, &v4::forcePoolFeeUpdateCall { key, fee }));
            self.is_fee_stale = true;
        } else {
            assert!(draft.call(OVERRIDE_HOOK, &v4::setFeeCall { fee }));
        }
    }

    fn swap(&mut self, rng: &mut StdRng, draft: &mut Draft, arena: &PoolArena, pool: usize) {
        let swap = self.random_swap(rng, arena, pool);
        let amount = swap.kind.amount();
        let mut is_absorbing = false;
        if pool == ABSORBING {
            let share = [U256::ZERO, amount / U256::from(3), amount][rng.random_range(0..3)];
            let share = i128::try_from(share).unwrap_or(0);
            // What the hook takes of an input is positive, what it gives of an output negative.
            let delta = if matches!(swap.kind, SwapKind::ExactIn(_)) { share } else { -share };
            assert!(draft.call(DELTA_HOOK, &v4::setDeltaSpecifiedCall { delta }));
            is_absorbing = share != 0 && U256::from(share.unsigned_abs()) == amount;
        }
        let is_done = draft.send_paying(TxKind::Call(self.swapper), swap.call, swap.value);
        if is_done && pool == LEARNED {
            self.is_fee_stale = false;
        }
        self.absorbed += u32::from(is_done && is_absorbing);
    }

    pub(crate) fn random_swap(
        &self,
        rng: &mut StdRng,
        arena: &PoolArena,
        pool: usize,
    ) -> RandomSwap {
        let (_, state) = self.pool(arena, pool);
        let direction = if rng.random() { Direction::ZeroForOne } else { Direction::OneForZero };
        let amount =
            if rng.random_ratio(1, 20) { U256::MAX >> 1 } else { U256::from(spread(rng, 120)) };
        let kind =
            if rng.random() { SwapKind::ExactIn(amount) } else { SwapKind::ExactOut(amount) };
        let price = state.slot.sqrt_price.get();
        let limit = match rng.random_range(0..10) {
            0..=4 => None,
            5 => Some(price.saturating_sub(U256::from(spread(rng, 90)))),
            6 => Some(price + U256::from(spread(rng, 90))),
            _ => {
                // Exactly on a tick: an initialized one, or the border of a word.
                let count = state.ticks.len();
                let tick = if count != 0 && rng.random() {
                    state.ticks.iter().nth(rng.random_range(0..count)).unwrap().0
                } else {
                    Tick::clamped(Self::random_tick(rng, state.slot.tick, POOLS[pool].1))
                };
                Some(tick.sqrt_price().get())
            }
        };
        let limit = limit.map(|limit| limit & (U256::MAX >> 96));
        let open = match direction {
            Direction::ZeroForOne => SqrtPriceX96::MIN.get() + U256::ONE,
            Direction::OneForZero => SqrtPriceX96::MAX.get() - U256::ONE,
        };
        let signed = I256::from_raw(amount);
        // V4 gives an input a negative sign.
        let specified = if matches!(kind, SwapKind::ExactIn(_)) { -signed } else { signed };
        let call = v4::swapCall {
            key: self.pools[pool].0.clone(),
            params: v4::SwapParams {
                zeroForOne: direction.is_zero_for_one(),
                amountSpecified: specified,
                sqrtPriceLimitX96: U160::from(limit.unwrap_or(open)),
            },
            settings: v4::Settings { takeClaims: false, settleUsingBurn: false },
            hookData: Bytes::new(),
        };
        let limit = limit.map(|limit| SqrtPriceX96::new(limit).unwrap());
        let (call, value) = (call.abi_encode().into(), Self::value(pool));
        RandomSwap { call, value, direction, kind, limit }
    }

    /// What the contract gives for a swap that is not kept: changes of the swapper's tokens.
    pub(crate) fn outcome(&self, swap: &RandomSwap) -> Option<(i128, i128)> {
        let output = self.chain.call_paying(self.swapper, swap.call.clone(), swap.value)?;
        let delta = v4::swapCall::abi_decode_returns(&output).unwrap().into_raw();
        let halves: (U256, U256) = (delta >> 128usize, delta & U256::from(u128::MAX));
        Some((halves.0.to::<u128>() as i128, halves.1.to::<u128>() as i128))
    }

    pub(crate) fn random_block(&mut self, rng: &mut StdRng, arena: &PoolArena) -> ExecutedBlock {
        let mut draft = self.chain.draft();
        for _ in 0..rng.random_range(0..8) {
            if draft.has_room() {
                self.act(rng, &mut draft, arena);
            }
        }
        self.chain.seal(draft)
    }
}
