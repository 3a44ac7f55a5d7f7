//! Pools, swaps and blocks with the events of those swaps, the same for Weir and for its peers.

use alloy_consensus::{EthereumReceipt, Signed, TxLegacy, TxType};
use alloy_primitives::{
    Address, B256, Bytes, I256, Log, LogData, Signature, U256, keccak256, map::HashMap,
};
use amms::amms::{
    Token,
    uniswap_v2::UniswapV2Pool,
    uniswap_v3::{Info, UniswapV3Pool},
};
use peer_rpc_types::Log as RpcLog;
use std::sync::Arc;
use weir_amm::{
    Direction, FeePips, Liquidity, Reserves, SwapKind, Tick, TickList, TickSpacing, V3Slot, V3Swap,
    V3Terms, V4Fees,
};
use weir_arena::{ArenaConfig, Hydration, PoolArena, PoolId, PoolKey, PoolStatic, Protocol};
use weir_primitives::{Block, BlockRef, ExecutedBlock, Header, RecoveredBlock, Transaction};

/// Chain of all pools here.
pub const CHAIN_ID: u64 = 1;
/// Lower token of all pools here.
pub const TOKEN0: Address = Address::repeat_byte(0x10);
/// Higher token of all pools here.
pub const TOKEN1: Address = Address::repeat_byte(0x20);
/// Initialized ticks of a V3 pool, as many as a large mainnet pool has around its price.
pub const TICKS: usize = 118;
/// The tick that the positions are around, far from the borders of a 256-tick bitmap word.
const CENTER: i32 = 128 * 60;
/// Events of a block.
pub const EVENTS: usize = 500;
const SPACING: i32 = 60;
const FEE_PIPS: u32 = 3000;
/// The PoolManager of all V4 pools here.
const MANAGER: Address = Address::repeat_byte(0x44);
/// Logs of one transaction, as a two-hop trade has.
const LOGS_A_TRANSACTION: usize = 2;

/// A reproducible source of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed, the same numbers.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((z ^ (z >> 31)) as u128 * bound as u128) >> 64) as u64
    }
}

/// The fee and spacing of all V3 pools here.
pub fn terms() -> V3Terms {
    V3Terms {
        fee: FeePips::new(FEE_PIPS).expect("below one million"),
        spacing: TickSpacing::new(SPACING).expect("in range"),
    }
}

/// One pool with ticks: of V3, or of V4 if it has an id.
#[derive(Debug, Clone)]
pub struct V3Book {
    /// Its contract.
    pub address: Address,
    /// The id of a V4 pool; `address` is then its hooks, which have no permissions.
    pub id: Option<B256>,
    /// Price, tick and liquidity.
    pub slot: V3Slot,
    /// Its ticks.
    pub ticks: TickList,
}

impl V3Book {
    /// A pool with [`TICKS`] ticks, one a usable tick, 59 on each side of the price.
    pub fn new(address: Address, dice: &mut Dice) -> Self {
        let mut ticks = TickList::new();
        let mut liquidity = Liquidity::ZERO;
        for step in 1..=TICKS as i32 / 2 {
            let amount = 10i128.pow(19) + i128::from(dice.below(10u64.pow(19)));
            let bound = |tick| Tick::new(tick).expect("in range");
            let (lower, upper) = (bound(CENTER - SPACING * step), bound(CENTER + SPACING * step));
            ticks.update_range(lower, upper, amount, terms().spacing).expect("aligned");
            liquidity = liquidity.add_delta(amount).expect("small");
        }
        let tick = Tick::new(CENTER + 7).expect("in range");
        Self {
            address,
            id: None,
            slot: V3Slot { sqrt_price: tick.sqrt_price(), tick: tick.get(), liquidity },
            ticks,
        }
    }

    /// The same pool as one of V4.
    pub fn v4(self) -> Self {
        let mut hooks = self.address;
        // The permissions of hooks are the lowest 14 bits of their address.
        hooks.0[18..].fill(0);
        let words = [TOKEN0.into_word(), TOKEN1.into_word(), word(FEE_PIPS), word(SPACING as u32)];
        let key = [words.concat(), hooks.into_word().to_vec()].concat();
        Self { address: hooks, id: Some(keccak256(key)), ..self }
    }

    /// The whole swap.
    pub fn swap(&self, direction: Direction, kind: SwapKind) -> V3Swap {
        self.slot.quote(&self.ticks, terms(), direction, kind).expect("the pool is deep enough")
    }

    /// Amounts whose swaps cross exactly so many ticks.
    pub fn amounts_crossing(&self, direction: Direction, crossed: u32, count: u64) -> Vec<U256> {
        let least = |crossed: u32| {
            let (mut low, mut high) = (1u128, 1u128 << 100);
            while low < high {
                let middle = low + (high - low) / 2;
                let kind = SwapKind::ExactIn(U256::from(middle));
                let swap = self.slot.swap(&self.ticks, terms(), direction, kind, None);
                if swap.is_ok_and(|swap| swap.ticks_crossed < crossed) {
                    low = middle + 1
                } else {
                    high = middle
                }
            }
            low
        };
        let (first, end) = (least(crossed), least(crossed + 1));
        (1..=count)
            .map(|part| {
                U256::from(first + (end - first) / u128::from(count + 2) * u128::from(part))
            })
            .collect()
    }

    /// The pool as the peer holds it.
    pub fn peer(&self) -> UniswapV3Pool {
        let spacing = terms().spacing;
        let words = -2i16..3;
        UniswapV3Pool {
            address: self.address,
            token_a: Token::new_with_decimals(TOKEN0, 18),
            token_b: Token::new_with_decimals(TOKEN1, 18),
            liquidity: self.slot.liquidity.get(),
            sqrt_price: self.slot.sqrt_price.get(),
            fee: FEE_PIPS,
            tick: self.slot.tick,
            tick_spacing: SPACING,
            tick_bitmap: words.map(|word| (word, self.ticks.bitmap_word(word, spacing))).collect(),
            ticks: self
                .ticks
                .iter()
                .map(|(tick, info)| (tick.get(), Info::new(info.gross, info.net, true)))
                .collect(),
        }
    }

    /// A random swap, one in ten with a fixed output, carried out; its log. About one in ten crosses a tick.
    pub fn trade(&mut self, dice: &mut Dice) -> Log {
        let direction = match self.slot.tick - CENTER {
            ..-900 => Direction::OneForZero,
            901.. => Direction::ZeroForOne,
            _ if dice.below(2) == 0 => Direction::ZeroForOne,
            _ => Direction::OneForZero,
        };
        let amount = U256::from(10u128.pow(15) + 40 * u128::from(dice.below(10u64.pow(16))));
        let kind = if dice.below(10) == 0 {
            SwapKind::ExactOut(amount)
        } else {
            SwapKind::ExactIn(amount)
        };
        let swap = self.swap(direction, kind);
        self.slot = swap.slot;
        let (paid, got) = (I256::from_raw(swap.amount_in), -I256::from_raw(swap.amount_out));
        let (amount0, amount1) =
            if direction.is_zero_for_one() { (paid, got) } else { (got, paid) };
        let tick = I256::try_from(swap.slot.tick).expect("an int24");
        if let Some(id) = self.id {
            // Amounts are those of the swapper.
            let words = [
                (-amount0).into_raw(),
                (-amount1).into_raw(),
                swap.slot.sqrt_price.get(),
                U256::from(swap.slot.liquidity.get()),
                tick.into_raw(),
                U256::from(FEE_PIPS),
            ];
            let event = "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)";
            return log(MANAGER, vec![keccak256(event), id, TOKEN0.into_word()], &words);
        }
        let words = [
            amount0.into_raw(),
            amount1.into_raw(),
            swap.slot.sqrt_price.get(),
            U256::from(swap.slot.liquidity.get()),
            tick.into_raw(),
        ];
        let topics = vec![
            keccak256("Swap(address,address,int256,int256,uint160,uint128,int24)"),
            TOKEN0.into_word(),
            TOKEN1.into_word(),
        ];
        log(self.address, topics, &words)
    }
}

/// One V2 pair.
#[derive(Debug, Clone)]
pub struct V2Book {
    /// Its contract.
    pub address: Address,
    /// Its reserves.
    pub reserves: Reserves,
}

impl V2Book {
    /// A pair with about a million of each token.
    pub fn new(address: Address, dice: &mut Dice) -> Self {
        let mut reserve = || 10u128.pow(24) + 10u128.pow(6) * u128::from(dice.below(10u64.pow(18)));
        Self { address, reserves: Reserves { reserve0: reserve(), reserve1: reserve() } }
    }

    /// The pair as the peer holds it; its fee is in hundred-thousandths.
    pub fn peer(&self) -> UniswapV2Pool {
        UniswapV2Pool {
            address: self.address,
            token_a: Token::new_with_decimals(TOKEN0, 18),
            token_b: Token::new_with_decimals(TOKEN1, 18),
            reserve_0: self.reserves.reserve0,
            reserve_1: self.reserves.reserve1,
            fee: 300,
        }
    }

    /// New reserves and the log that tells them.
    pub fn trade(&mut self, dice: &mut Dice) -> Log {
        self.reserves.reserve0 += u128::from(dice.below(10u64.pow(18)));
        self.reserves.reserve1 -= u128::from(dice.below(10u64.pow(18)));
        let words = [U256::from(self.reserves.reserve0), U256::from(self.reserves.reserve1)];
        log(self.address, vec![keccak256("Sync(uint112,uint112)")], &words)
    }
}

fn word(number: u32) -> B256 {
    U256::from(number).into()
}

fn log(address: Address, topics: Vec<B256>, words: &[U256]) -> Log {
    let data: Vec<u8> = words.iter().flat_map(U256::to_be_bytes::<32>).collect();
    Log { address, data: LogData::new_unchecked(topics, Bytes::from(data)) }
}

/// A log as the peer takes it from a node.
pub fn peer_log(log: &Log, number: u64) -> RpcLog {
    RpcLog { inner: log.clone(), block_number: Some(number), ..RpcLog::default() }
}

/// The address of the pool with this index.
pub fn pool_address(index: usize) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

/// The child of `parent`, or block zero, with these logs, two a transaction.
pub fn block(parent: Option<BlockRef>, logs: &[Log]) -> ExecutedBlock {
    let number = parent.map_or(0, |parent| parent.number + 1);
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
        timestamp: 1_700_000_000 + 12 * number,
        base_fee_per_gas: Some(7),
        ..Header::default()
    };
    let transaction = |nonce: u64| {
        let hash = keccak256([number.to_be_bytes(), nonce.to_be_bytes()].concat());
        let tx = TxLegacy { nonce, ..TxLegacy::default() };
        Transaction::Legacy(Signed::new_unchecked(tx, Signature::test_signature(), hash))
    };
    let receipts: Vec<_> = logs
        .chunks(LOGS_A_TRANSACTION)
        .map(|logs| EthereumReceipt {
            tx_type: TxType::Legacy,
            success: true,
            cumulative_gas_used: 0,
            logs: logs.to_vec(),
        })
        .collect();
    let transactions: Vec<_> = (0..receipts.len() as u64).map(transaction).collect();
    let (hash, senders) = (header.hash_slow(), vec![TOKEN0; transactions.len()]);
    let body = alloy_consensus::BlockBody { transactions, ..Default::default() };
    let block = RecoveredBlock::new(Block { header, body }, hash, senders);
    ExecutedBlock { block: Arc::new(block), receipts: Arc::new(receipts), diff: None }
}

fn statics(address: Address, protocol: Protocol) -> PoolStatic {
    PoolStatic {
        key: PoolKey::address(CHAIN_ID, address),
        protocol,
        token0: TOKEN0,
        token1: TOKEN1,
        fee_pips: FEE_PIPS,
        tick_spacing: if protocol == Protocol::UniswapV3 { SPACING } else { 0 },
        factory: Address::ZERO,
        hooks: Address::ZERO,
        decimals: None,
    }
}

/// Gives the arena block zero and these pools.
pub fn hydrate(arena: &mut PoolArena, v3: &[V3Book], v2: &[V2Book]) {
    let genesis = block(None, &[]);
    let envelope = weir_arena::BlockEnvelope::from_block(CHAIN_ID, &genesis, &*arena).envelope;
    arena.apply(&envelope).expect("any block is the first");
    let at = genesis.reference().hash;
    for book in v3 {
        let v3 = statics(book.address, Protocol::UniswapV3);
        let (slot, ticks) = (book.slot, book.ticks.iter().collect());
        let (key, state) = match book.id {
            None => (v3, Hydration::V3 { slot, fee_protocol: 0, ticks }),
            Some(id) => {
                let key = PoolKey { chain_id: CHAIN_ID, id: PoolId::Id(id) };
                let protocol = Protocol::UniswapV4;
                let fees = V4Fees { lp: FEE_PIPS, zero_for_one: 0, one_for_zero: 0 };
                let hooks = book.address;
                let v4 = PoolStatic { key, protocol, factory: MANAGER, hooks, ..v3 };
                (v4, Hydration::V4 { slot, fees, ticks })
            }
        };
        arena.add_pool(key).expect("new");
        arena.hydrate(&key.key, at, state).expect("consistent");
    }
    for book in v2 {
        let key = statics(book.address, Protocol::UniswapV2);
        arena.add_pool(key).expect("new");
        arena.hydrate(&key.key, at, Hydration::V2(book.reserves)).expect("consistent");
    }
}

/// The peer's store with these pools.
pub fn peer_space(v3: &[V3Book], v2: &[V2Book]) -> amms::state_space::StateSpace {
    let mut space = amms::state_space::StateSpace::default();
    let v3 = v3.iter().map(|book| (book.address, book.peer().into()));
    let v2 = v2.iter().map(|book| (book.address, book.peer().into()));
    space.state.extend(v3.chain(v2).collect::<HashMap<_, _>>());
    space
}

/// Pools at block zero.
#[derive(Debug)]
pub struct World {
    /// Pools of V3.
    pub v3: Vec<V3Book>,
    /// Pairs of V2.
    pub v2: Vec<V2Book>,
    dice: Dice,
    /// The newest block.
    pub tip: BlockRef,
}

impl World {
    /// So many pools of each.
    pub fn new(v3: usize, v2: usize) -> Self {
        let mut dice = Dice::new(4);
        let v3 = (0..v3).map(|index| V3Book::new(pool_address(index), &mut dice)).collect();
        let v2 = (0..v2).map(|index| V2Book::new(pool_address(index), &mut dice)).collect();
        Self { v3, v2, dice, tip: block(None, &[]).reference() }
    }

    /// So many pools of V4.
    pub fn v4(pools: usize) -> Self {
        let world = Self::new(pools, 0);
        let v3 = world.v3.into_iter().map(V3Book::v4).collect();
        Self { v3, ..world }
    }

    /// An arena that holds them.
    pub fn arena(&self, is_verifying: bool) -> PoolArena {
        let mut arena = PoolArena::new(ArenaConfig { is_verifying, ..ArenaConfig::new(CHAIN_ID) });
        hydrate(&mut arena, &self.v3, &self.v2);
        arena
    }

    /// The next block, with [`EVENTS`] events of random pools, and its logs.
    pub fn block(&mut self) -> (ExecutedBlock, Vec<Log>) {
        let logs: Vec<Log> = (0..EVENTS)
            .map(|_| {
                let index = self.dice.below((self.v3.len() + self.v2.len()) as u64) as usize;
                match self.v3.get_mut(index) {
                    Some(book) => book.trade(&mut self.dice),
                    None => self.v2[index - self.v3.len()].trade(&mut self.dice),
                }
            })
            .collect();
        let block = block(Some(self.tip), &logs);
        self.tip = block.reference();
        (block, logs)
    }
}
