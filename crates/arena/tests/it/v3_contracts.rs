//! Uniswap V3's own bytecode, and PancakeSwap V3's, against the arena, to the wei.

use crate::{
    chain::{CHAIN_ID, Chain, Draft},
    contracts::{
        ACTOR, DEPLOYER, POOL_CODE, PancakePool, Pool, TOKEN0, TOKEN1, createPoolCall,
        creation_code, deployer_code, enableFeeAmountCall, forwarded, word_of,
    },
};
use alloy_primitives::{
    Address, B256, I256, TxKind, U160, U256, aliases::I24, aliases::U24, b256, keccak256,
};
use alloy_sol_types::SolCall;
use rand::{Rng, SeedableRng, rngs::StdRng};
use weir_amm::{Direction, SqrtPriceX96, SwapKind, Tick, TickSpacing, V3Terms};
use weir_arena::{
    ArenaConfig, Discovery, PoolArena, PoolKey, PoolState, PoolStatus, Protocol, V3State,
};
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock};

/// Whose contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fork {
    Uniswap,
    Pancake,
}

impl Fork {
    /// Fee in millionths and spacing of the tiers; Uniswap's first one is enabled by the test.
    const fn tiers(self) -> [(u32, i32); 4] {
        match self {
            Self::Uniswap => [(100, 1), (500, 10), (3_000, 60), (10_000, 200)],
            Self::Pancake => [(100, 1), (500, 10), (2_500, 50), (10_000, 200)],
        }
    }

    /// Slots that come before Uniswap's: PancakeSwap's protocol fee has no room in the first one.
    const fn shift(self) -> u64 {
        match self {
            Self::Uniswap => 0,
            Self::Pancake => 1,
        }
    }
}

/// `keccak256` of the creation code of PancakeSwap's pools, by which its routers compute their addresses
/// (`PoolAddress.POOL_INIT_CODE_HASH`).
const PANCAKE_INIT_CODE_HASH: B256 =
    b256!("0x6ce8eb472fa82df5469c6ab6d485f17c3ad13c8cd7af59b3d4a8026c5ce0f7e2");

#[derive(Debug, Clone)]
struct Position {
    pool: usize,
    lower: i32,
    upper: i32,
    liquidity: u128,
}

/// A chain with pools, cloned to make a fork.
#[derive(Clone)]
struct World {
    fork: Fork,
    chain: Chain,
    pools: Vec<(Address, i32)>,
    positions: Vec<Position>,
    /// Every tick that was ever an end of a position, by pool.
    used: Vec<(usize, i32)>,
}

fn arena() -> PoolArena {
    PoolArena::new(ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN_ID) })
}

/// The factory's creation, with what it needs in place, and where it goes.
fn factory(fork: Fork, chain: &mut Chain) -> Option<(Address, Vec<ExecutedBlock>)> {
    let factory = chain.next_contract();
    if fork == Fork::Uniswap {
        let code = creation_code(
            "@uniswap/v3-core/artifacts/contracts/UniswapV3Factory.sol/UniswapV3Factory.json",
        )?;
        let created = chain.block(&[(TxKind::Create, code)]);
        let enable =
            enableFeeAmountCall { fee: U24::from(100), tickSpacing: I24::try_from(1).unwrap() };
        let enabled = chain.block(&[(TxKind::Call(factory), enable.abi_encode().into())]);
        return Some((factory, vec![created, enabled]));
    }
    let artifacts = "@pancakeswap/v3-core/artifacts/contracts";
    let code = creation_code(&format!("{artifacts}/PancakeV3Factory.sol/PancakeV3Factory.json"))?;
    let pool = creation_code(&format!("{artifacts}/PancakeV3Pool.sol/PancakeV3Pool.json"))?;
    assert_eq!(keccak256(&pool), PANCAKE_INIT_CODE_HASH);
    chain.etch(DEPLOYER, deployer_code());
    chain.etch(POOL_CODE, pool);
    let create = [code.as_ref(), DEPLOYER.into_word().as_slice()].concat();
    Some((factory, vec![chain.block(&[(TxKind::Create, create.into())])]))
}

/// Where PancakeSwap's routers look for a pool.
fn pancake_address(fee: u32) -> Address {
    let words = [TOKEN0.into_word(), TOKEN1.into_word(), B256::from(U256::from(fee))];
    DEPLOYER.create2(keccak256(words.concat()), PANCAKE_INIT_CODE_HASH)
}

/// Deploys factory and pools at the given prices, feeding the arena.
fn world(fork: Fork, arena: &mut PoolArena, prices: [U256; 4]) -> Option<World> {
    let mut chain = Chain::new();
    let (factory, mut blocks) = factory(fork, &mut chain)?;
    for (fee, _) in fork.tiers() {
        let create = createPoolCall { a: TOKEN1, b: TOKEN0, fee: U24::from(fee) };
        blocks.push(chain.block(&[(TxKind::Call(factory), create.abi_encode().into())]));
    }
    commit(arena, blocks);
    let mut pools = vec![(Address::ZERO, 0); 4];
    for (_, pool) in arena.pools() {
        let statics = pool.statics();
        assert_eq!((statics.token0, statics.token1, statics.factory), (TOKEN0, TOKEN1, factory));
        assert_eq!(pool.status(), PoolStatus::Uninitialized);
        let tier =
            fork.tiers().iter().position(|tier| *tier == (statics.fee_pips, statics.tick_spacing));
        let weir_arena::PoolId::Address(address) = statics.key.id else {
            panic!("V3 pools are contracts")
        };
        if fork == Fork::Pancake {
            assert_eq!(address, pancake_address(statics.fee_pips));
        }
        pools[tier.unwrap()] = (address, statics.tick_spacing);
    }
    let mut draft = chain.draft();
    for ((pool, _), price) in pools.iter().zip(prices) {
        assert!(draft.call(*pool, &Pool::initializeCall { sqrtPriceX96: U160::from(price) }));
    }
    let block = chain.seal(draft);
    commit(arena, vec![block]);
    Some(World { fork, chain, pools, positions: Vec::new(), used: Vec::new() })
}

fn commit(arena: &mut PoolArena, blocks: Vec<ExecutedBlock>) {
    let update = ChainUpdate::Committed(ChainSegment::new(blocks).unwrap());
    let outcome = arena.apply_update(&update).unwrap();
    assert_eq!(outcome.halted, [], "{:?}", evidence(arena));
    assert_eq!(outcome.undecodable, []);
}

fn evidence(arena: &PoolArena) -> Vec<weir_arena::Evidence> {
    arena.pools().filter_map(|(_, pool)| pool.evidence().copied()).collect()
}

/// A number whose magnitude is spread evenly, not its value.
fn spread(rng: &mut StdRng, bits: u32) -> u128 {
    rng.random::<u128>() >> rng.random_range(128 - bits..128)
}

impl World {
    fn state<'a>(&self, arena: &'a PoolArena, pool: usize) -> &'a V3State {
        let key = PoolKey::address(CHAIN_ID, self.pools[pool].0);
        let held = arena.pool(arena.find(&key).unwrap()).unwrap();
        assert_eq!(held.status(), PoolStatus::Live);
        match held.state() {
            PoolState::V3(state) => state,
            PoolState::V2(_) | PoolState::V4(_) => panic!("the pool is of V3"),
        }
    }

    fn random_tick(&self, rng: &mut StdRng, around: i32, spacing: i32) -> i32 {
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

    /// One random transaction.
    fn act(&mut self, rng: &mut StdRng, draft: &mut Draft, arena: &PoolArena) {
        let pool = rng.random_range(0..self.pools.len());
        let (address, spacing) = self.pools[pool];
        let tick = self.state(arena, pool).slot.tick;
        match rng.random_range(0..100) {
            0..=29 => {
                let (a, b) =
                    (self.random_tick(rng, tick, spacing), self.random_tick(rng, tick, spacing));
                let (lower, upper) = (a.min(b), a.max(b));
                let liquidity = spread(rng, 100);
                let mint = Pool::mintCall {
                    recipient: ACTOR,
                    lower: I24::try_from(lower).unwrap(),
                    upper: I24::try_from(upper).unwrap(),
                    amount: liquidity,
                    data: vec![].into(),
                };
                if draft.send(TxKind::Call(ACTOR), forwarded(address, &mint.abi_encode())) {
                    self.positions.push(Position { pool, lower, upper, liquidity });
                    self.used.extend([(pool, lower), (pool, upper)]);
                }
            }
            30..=49 if !self.positions.is_empty() => self.burn(rng, draft),
            50..=54 => {
                let fees = [0u8, 4, 5, 10];
                let (fee0, fee1) = (fees[rng.random_range(0..4)], fees[rng.random_range(0..4)]);
                let is_set = match self.fork {
                    Fork::Uniswap => draft.call(address, &Pool::setFeeProtocolCall { fee0, fee1 }),
                    Fork::Pancake => {
                        // Ten-thousandths, a tenth to four tenths or none.
                        let [fee0, fee1] =
                            [fee0, fee1].map(|fee| (u32::from(fee) * 1_000).min(4_000));
                        draft.call(address, &PancakePool::setFeeProtocolCall { fee0, fee1 })
                    }
                };
                assert!(is_set);
            }
            _ => {
                let call = self.random_swap(rng, arena, pool).0;
                draft.send(TxKind::Call(ACTOR), forwarded(address, &call.abi_encode()));
            }
        }
    }

    fn burn(&mut self, rng: &mut StdRng, draft: &mut Draft) {
        let index = rng.random_range(0..self.positions.len());
        let position = &mut self.positions[index];
        let amount = match rng.random_range(0..4) {
            0 => 0,
            1 => rng.random_range(0..=position.liquidity),
            _ => position.liquidity,
        };
        let burn = Pool::burnCall {
            lower: I24::try_from(position.lower).unwrap(),
            upper: I24::try_from(position.upper).unwrap(),
            amount,
        };
        let target = self.pools[position.pool].0;
        if draft.send(TxKind::Call(ACTOR), forwarded(target, &burn.abi_encode())) {
            position.liquidity -= amount;
        }
        if self.positions[index].liquidity == 0 {
            self.positions.swap_remove(index);
        }
    }

    /// A swap as the contract and as the arena take it.
    fn random_swap(
        &self,
        rng: &mut StdRng,
        arena: &PoolArena,
        pool: usize,
    ) -> (Pool::swapCall, Direction, SwapKind, Option<SqrtPriceX96>) {
        let state = self.state(arena, pool);
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
                let spacing = self.pools[pool].1;
                let count = state.ticks.len();
                let tick = if count != 0 && rng.random() {
                    state.ticks.iter().nth(rng.random_range(0..count)).unwrap().0
                } else {
                    Tick::clamped(self.random_tick(rng, state.slot.tick, spacing))
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
        let call = Pool::swapCall {
            recipient: ACTOR,
            zeroForOne: direction.is_zero_for_one(),
            amount: if matches!(kind, SwapKind::ExactIn(_)) { signed } else { -signed },
            limit: U160::from(limit.unwrap_or(open)),
            data: vec![].into(),
        };
        (call, direction, kind, limit.map(|limit| SqrtPriceX96::new(limit).unwrap()))
    }

    /// Executes random swaps on the contract, without keeping them, and in the arithmetic.
    fn compare_quotes(&self, rng: &mut StdRng, arena: &PoolArena, count: usize) -> usize {
        let mut answered = 0;
        for _ in 0..count {
            let pool = rng.random_range(0..self.pools.len());
            let state = self.state(arena, pool);
            let (fee_pips, spacing) = self.fork.tiers()[pool];
            let terms = V3Terms {
                fee: weir_amm::FeePips::new(fee_pips).unwrap(),
                spacing: TickSpacing::new(spacing).unwrap(),
            };
            let (call, direction, kind, limit) = self.random_swap(rng, arena, pool);
            let ours = state.slot.swap(&state.ticks, terms, direction, kind, limit);
            let output = self.chain.call(ACTOR, forwarded(self.pools[pool].0, &call.abi_encode()));
            let theirs = output.map(|output| Pool::swapCall::abi_decode_returns(&output).unwrap());
            let ours_signed = ours.as_ref().ok().map(|swap| {
                let paid = I256::from_raw(swap.amount_in);
                let received = -I256::from_raw(swap.amount_out);
                match direction {
                    Direction::ZeroForOne => (paid, received),
                    Direction::OneForZero => (received, paid),
                }
            });
            let theirs = theirs.map(|amounts| (amounts._0, amounts._1));
            assert_eq!(
                ours_signed, theirs,
                "{ours:?} {direction:?} {kind:?} {limit:?} {:?}",
                state.slot
            );
            answered += usize::from(theirs.is_some());
        }
        answered
    }

    /// Compares price, tick, liquidity, protocol fee and the ticks ever used with the contract's storage.
    fn compare_storage(&self, arena: &PoolArena) {
        for (index, (address, spacing)) in self.pools.iter().enumerate() {
            let state = self.state(arena, index);
            let slot0 = self.chain.storage(*address, U256::ZERO);
            assert_eq!(state.slot.sqrt_price.get(), slot0 & (U256::MAX >> 96));
            let tick: U256 = (slot0 >> 160) & U256::from(0xff_ffff);
            assert_eq!(word_of(state.slot.tick) & U256::from(0xff_ffff), tick);
            self.compare_fee_protocol(arena, index, slot0);
            let slot = U256::from(4 + self.fork.shift());
            let liquidity = self.chain.storage(*address, slot) & U256::from(u128::MAX);
            assert_eq!(U256::from(state.slot.liquidity.get()), liquidity);
            let mut ticks: Vec<_> = self
                .used
                .iter()
                .filter(|(pool, _)| *pool == index)
                .map(|(_, tick)| *tick)
                .collect();
            ticks.sort_unstable();
            ticks.dedup();
            for tick in &ticks {
                self.compare_tick(state, *address, *tick, *spacing);
            }
            assert!(state.ticks.iter().all(|(tick, _)| ticks.binary_search(&tick.get()).is_ok()));
            assert!(state.ticks.is_balanced());
            assert_eq!(state.ticks.liquidity_at(state.slot.tick), Some(state.slot.liquidity.get()));
        }
    }

    /// A pool of a factory that is not known is taken for Uniswap's until an event says otherwise.
    fn compare_fee_protocol(&self, arena: &PoolArena, pool: usize, slot0: U256) {
        let (address, _) = self.pools[pool];
        let key = PoolKey::address(CHAIN_ID, address);
        let protocol = arena.pool(arena.find(&key).unwrap()).unwrap().statics().protocol;
        let theirs: U256 = match (self.fork, protocol) {
            (Fork::Uniswap, _) => (slot0 >> 232) & U256::from(0xff),
            (Fork::Pancake, Protocol::PancakeV3) => {
                self.chain.storage(address, U256::ONE) & U256::from(u32::MAX)
            }
            (Fork::Pancake, _) => return,
        };
        assert_eq!(U256::from(self.state(arena, pool).fee_protocol), theirs);
    }

    fn compare_tick(&self, state: &V3State, address: Address, tick: i32, spacing: i32) {
        let info = self.chain.storage(address, mapping(tick, 5 + self.fork.shift()));
        let (gross, net) = (info & U256::from(u128::MAX), info >> 128usize);
        let ours = state.ticks.info(Tick::new(tick).unwrap());
        assert_eq!(U256::from(ours.map_or(0, |info| info.gross)), gross);
        assert_eq!(U256::from(ours.map_or(0, |info| info.net) as u128), net);
        let spacing = TickSpacing::new(spacing).unwrap();
        let word = (spacing.compress(tick) >> 8) as i16;
        let theirs = self.chain.storage(address, mapping(i32::from(word), 6 + self.fork.shift()));
        assert_eq!(state.ticks.bitmap_word(word, spacing), theirs);
    }

    /// Every word of every bitmap.
    fn compare_bitmaps(&self, arena: &PoolArena) {
        for (index, (address, spacing)) in self.pools.iter().enumerate() {
            let state = self.state(arena, index);
            let spacing = TickSpacing::new(*spacing).unwrap();
            let last = (spacing.compress(887_272) >> 8) as i16;
            for word in -last - 1..=last {
                let theirs =
                    self.chain.storage(*address, mapping(i32::from(word), 6 + self.fork.shift()));
                assert_eq!(state.ticks.bitmap_word(word, spacing), theirs);
            }
        }
    }

    fn random_block(&mut self, rng: &mut StdRng, arena: &PoolArena) -> ExecutedBlock {
        let mut draft = self.chain.draft();
        for _ in 0..rng.random_range(0..8) {
            if draft.has_room() {
                self.act(rng, &mut draft, arena);
            }
        }
        self.chain.seal(draft)
    }
}

/// Storage slot of `mapping(int => ...)` at `slot`.
fn mapping(key: i32, slot: u64) -> U256 {
    let bytes = [word_of(key).to_be_bytes::<32>(), U256::from(slot).to_be_bytes::<32>()].concat();
    U256::from_be_bytes(keccak256(bytes).0)
}

fn at(tick: i32) -> U256 {
    Tick::new(tick).unwrap().sqrt_price().get()
}

/// Random histories on real contracts; after each block all state, and some quotes, are compared.
fn follow(fork: Fork, seed: u64, prices: [U256; 4], blocks: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut arena = arena();
    let Some(mut world) = world(fork, &mut arena, prices) else { return };
    let mut answered = 0;
    for _ in 0..blocks {
        let block = world.random_block(&mut rng, &arena);
        commit(&mut arena, vec![block]);
        world.compare_storage(&arena);
        answered += world.compare_quotes(&mut rng, &arena, 12);
    }
    world.compare_bitmaps(&arena);
    assert!(answered > blocks, "most swaps are possible: answered={answered}");
}

#[test]
fn arena_equals_the_contracts_at_ordinary_prices() {
    follow(Fork::Uniswap, 1, [at(0), at(200_311), at(-73_140), at(46_054)], 150);
}

#[test]
fn arena_equals_the_contracts_at_borders_of_ticks_and_words() {
    follow(
        Fork::Uniswap,
        2,
        [at(256), at(-2_560), at(60 * 256) - U256::ONE, at(-200 * 512) + U256::ONE],
        150,
    );
}

#[test]
fn arena_equals_the_contracts_at_the_ends_of_the_prices() {
    let (lowest, highest) = (SqrtPriceX96::MIN.get(), SqrtPriceX96::MAX.get() - U256::ONE);
    follow(Fork::Uniswap, 3, [lowest, highest, at(-880_000), at(880_000)], 100);
}

#[test]
fn arena_equals_the_contracts_of_pancakeswap() {
    follow(Fork::Pancake, 5, [at(0), at(200_311), at(50 * 256) - U256::ONE, at(46_054)], 150);
}

#[test]
fn arena_equals_the_contracts_of_pancakeswap_at_the_ends_of_the_prices() {
    let (lowest, highest) = (SqrtPriceX96::MIN.get(), SqrtPriceX96::MAX.get() - U256::ONE);
    follow(Fork::Pancake, 6, [lowest, highest, at(-880_000), at(880_000)], 60);
}

#[test]
fn arena_follows_reorgs_of_the_contracts() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut arena = arena();
    let Some(world) = world(Fork::Uniswap, &mut arena, [at(1), at(-10), at(59), at(200)]) else {
        return;
    };
    // The world at each block, and the block that made it.
    let mut trunk: Vec<(World, Option<ExecutedBlock>)> = vec![(world, None)];
    for round in 0..40 {
        let depth = if round % 2 == 0 { 0 } else { rng.random_range(1..=trunk.len().min(12)) - 1 };
        let old: Vec<ExecutedBlock> = trunk
            .split_off(trunk.len() - depth)
            .into_iter()
            .filter_map(|(_, block)| block)
            .collect();
        // Numbers of a fork's random choices may lean on the arena's state of the abandoned branch: any call is fair.
        let mut new = Vec::new();
        for _ in 0..rng.random_range(1..=3) {
            let mut next = trunk.last().unwrap().0.clone();
            let block = next.random_block(&mut rng, &arena);
            trunk.push((next, Some(block.clone())));
            new.push(block);
        }
        let new = ChainSegment::new(new).unwrap();
        let update = match ChainSegment::new(old) {
            Ok(old) => ChainUpdate::Reorged { old, new },
            Err(_) => ChainUpdate::Committed(new),
        };
        let outcome = arena.apply_update(&update).unwrap();
        assert_eq!(outcome.halted, [], "{:?}", evidence(&arena));
        let world = &trunk.last().unwrap().0;
        world.compare_storage(&arena);
        world.compare_quotes(&mut rng, &arena, 8);
    }
    trunk.last().unwrap().0.compare_bitmaps(&arena);
}
