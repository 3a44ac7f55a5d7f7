//! Chains of blocks with the logs of one V2 pair and one V3 pool, as the contracts would emit them.
#![allow(dead_code, unreachable_pub, reason = "every test file uses a part of it")]

use alloy_consensus::{BlockBody, EthereumReceipt, Header, Signed, TxLegacy, TxType};
use alloy_primitives::{
    Address, B256, Bytes, I256, Log, LogData, Signature, U160, U256, address, keccak256,
};
use alloy_sol_types::SolEvent;
use std::sync::{Arc, Mutex};
use weir_amm::{
    Direction, FeePips, Liquidity, Reserves, SqrtPriceX96, SwapKind, Tick, TickList, TickSpacing,
    V2Fee, V3Slot, V3Terms, range_amounts,
};
use weir_liquidity::BlockSource;
use weir_primitives::{
    Block, BlockRef, ChainSegment, ChainUpdate, ExecutedBlock, LoggedTransaction, OpenStep,
    OpenUpdate, RecoveredBlock, StateError, Transaction,
};

pub const CHAIN: u64 = 61_972;
pub const V2_FACTORY: Address = address!("00000000000000000000000000000000000000f2");
pub const V3_FACTORY: Address = address!("00000000000000000000000000000000000000f3");
pub const TOKEN0: Address = address!("0000000000000000000000000000000000000a00");
pub const TOKEN1: Address = address!("0000000000000000000000000000000000000a01");
pub const PAIR: Address = address!("0000000000000000000000000000000000000b02");
pub const POOL: Address = address!("0000000000000000000000000000000000000b03");
const USER: Address = address!("0000000000000000000000000000000000000c00");

alloy_sol_types::sol! {
    event PairCreated(address indexed token0, address indexed token1, address pair, uint256 count);
    event Sync(uint112 reserve0, uint112 reserve1);
    event PoolCreated(address indexed token0, address indexed token1, uint24 indexed fee, int24 tickSpacing, address pool);
    event Initialize(uint160 sqrtPriceX96, int24 tick);
    event Mint(address sender, address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
    event Burn(address indexed owner, int24 indexed tickLower, int24 indexed tickUpper, uint128 amount, uint256 amount0, uint256 amount1);
    event Swap(address indexed sender, address indexed recipient, int256 amount0, int256 amount1, uint160 sqrtPriceX96, uint128 liquidity, int24 tick);

    event V2Swap(address indexed sender, uint256 amount0In, uint256 amount1In, uint256 amount0Out, uint256 amount1Out, address indexed to);
}

/// A small generator of numbers: the same seed gives the same chain.
#[derive(Debug, Clone, Copy)]
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        // Steele, Lea and Flood's SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What can happen in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    SwapV2,
    Mint,
    Burn,
    SwapV3,
}

impl Act {
    const ALL: [Self; 4] = [Self::SwapV2, Self::Mint, Self::Burn, Self::SwapV3];
}

/// The contracts after a block, and the block.
#[derive(Debug, Clone)]
pub struct World {
    pub block: ExecutedBlock,
    pub reserves: Reserves,
    pub slot: V3Slot,
    pub ticks: TickList,
    positions: Vec<(Tick, Tick, u128)>,
}

fn terms() -> V3Terms {
    V3Terms { fee: FeePips::new(3000).unwrap(), spacing: TickSpacing::new(60).unwrap() }
}

fn log(address: Address, event: &impl SolEvent) -> Log {
    Log { address, data: event.encode_log_data() }
}

fn block(number: u64, parent_hash: B256, salt: u64, logs: Vec<Log>) -> ExecutedBlock {
    let header = Header {
        number,
        parent_hash,
        timestamp: 1_700_000_000 + number,
        extra_data: Bytes::copy_from_slice(&salt.to_be_bytes()),
        base_fee_per_gas: Some(7),
        ..Header::default()
    };
    let transaction = |nonce| {
        let tx = TxLegacy { nonce, ..TxLegacy::default() };
        let hash = keccak256([salt.to_be_bytes(), nonce.to_be_bytes()].concat());
        Transaction::Legacy(Signed::new_unchecked(tx, Signature::test_signature(), hash))
    };
    let receipts: Vec<_> = logs
        .chunks(2)
        .map(|logs| EthereumReceipt {
            tx_type: TxType::Legacy,
            success: true,
            cumulative_gas_used: 0,
            logs: logs.to_vec(),
        })
        .collect();
    let transactions: Vec<_> = (0..receipts.len() as u64).map(transaction).collect();
    let senders = vec![USER; transactions.len()];
    let hash = header.hash_slow();
    let body = BlockBody { transactions, ..BlockBody::default() };
    let block = RecoveredBlock::new(Block { header, body }, hash, senders);
    ExecutedBlock { block: Arc::new(block), receipts: Arc::new(receipts), diff: None }
}

impl World {
    pub fn genesis() -> Self {
        Self {
            block: block(0, B256::ZERO, 0, Vec::new()),
            reserves: Reserves::default(),
            slot: V3Slot::default(),
            ticks: TickList::new(),
            positions: Vec::new(),
        }
    }

    pub fn reference(&self) -> BlockRef {
        self.block.reference()
    }

    /// The child of this block: the first one deploys, later ones trade as the dice fall.
    pub fn child(&self, dice: &mut Dice) -> Self {
        let count = if self.reference().number == 0 { 0 } else { dice.below(5) };
        let acts: Vec<Act> = (0..count).map(|_| Act::ALL[dice.below(4) as usize]).collect();
        self.child_with(&acts, dice)
    }

    /// The child of this block in which just this happens. The first one deploys, too.
    pub fn child_with(&self, acts: &[Act], dice: &mut Dice) -> Self {
        let mut next = self.clone();
        let mut logs = Vec::new();
        if self.reference().number == 0 {
            next.deploy(&mut logs);
        }
        for act in acts {
            match act {
                Act::SwapV2 => next.swap_v2(dice, &mut logs),
                Act::Mint => next.mint(dice, &mut logs),
                Act::Burn => next.burn(dice, &mut logs),
                Act::SwapV3 => next.swap_v3(dice, &mut logs),
            }
        }
        let parent = self.reference();
        next.block = block(parent.number + 1, parent.hash, dice.below(u64::MAX), logs);
        next
    }

    fn deploy(&mut self, logs: &mut Vec<Log>) {
        let (token0, token1) = (TOKEN0, TOKEN1);
        let count = U256::from(1);
        logs.push(log(V2_FACTORY, &PairCreated { token0, token1, pair: PAIR, count }));
        self.sync(Reserves { reserve0: 1_000_000_000, reserve1: 2_000_000_000 }, logs);
        let fee = alloy_primitives::aliases::U24::from(3000);
        let (spacing, pool) = (60.try_into().unwrap(), POOL);
        logs.push(log(
            V3_FACTORY,
            &PoolCreated { token0, token1, fee, tickSpacing: spacing, pool },
        ));
        let sqrt_price = SqrtPriceX96::new(U256::from(1) << 96).unwrap();
        self.slot = V3Slot { sqrt_price, tick: 0, liquidity: Liquidity::ZERO };
        let tick = 0.try_into().unwrap();
        logs.push(log(POOL, &Initialize { sqrtPriceX96: U160::from(sqrt_price.get()), tick }));
        self.add(-6_000, 6_000, 1_000_000_000_000, logs);
    }

    fn sync(&mut self, reserves: Reserves, logs: &mut Vec<Log>) {
        self.reserves = reserves;
        let reserve0 = alloy_primitives::aliases::U112::from(reserves.reserve0);
        let reserve1 = alloy_primitives::aliases::U112::from(reserves.reserve1);
        logs.push(log(PAIR, &Sync { reserve0, reserve1 }));
    }

    fn swap_v2(&mut self, dice: &mut Dice, logs: &mut Vec<Log>) {
        let zero_for_one = dice.below(2) == 0;
        let direction = if zero_for_one { Direction::ZeroForOne } else { Direction::OneForZero };
        let amount = U256::from(1_000 + dice.below(10_000_000));
        let quoted = self.reserves.quote(V2Fee::UNISWAP, direction, SwapKind::ExactIn(amount));
        let (amount_in, amount_out) = quoted.unwrap();
        let (taken, given) = (amount_in.to::<u128>(), amount_out.to::<u128>());
        let Reserves { reserve0, reserve1 } = self.reserves;
        let (reserves, [in0, in1, out0, out1]) = if zero_for_one {
            let reserves = Reserves { reserve0: reserve0 + taken, reserve1: reserve1 - given };
            (reserves, [amount_in, U256::ZERO, U256::ZERO, amount_out])
        } else {
            let reserves = Reserves { reserve0: reserve0 - given, reserve1: reserve1 + taken };
            (reserves, [U256::ZERO, amount_in, amount_out, U256::ZERO])
        };
        self.sync(reserves, logs);
        let swap = V2Swap {
            sender: USER,
            amount0In: in0,
            amount1In: in1,
            amount0Out: out0,
            amount1Out: out1,
            to: USER,
        };
        // The contract's event is called `Swap`, like that of V3.
        let data = swap.encode_log_data();
        let mut topics = data.topics().to_vec();
        topics[0] = keccak256("Swap(address,uint256,uint256,uint256,uint256,address)");
        logs.push(Log { address: PAIR, data: LogData::new_unchecked(topics, data.data) });
    }

    fn mint(&mut self, dice: &mut Dice, logs: &mut Vec<Log>) {
        let lower = self.slot.tick.div_euclid(60) * 60 - 60 * (1 + dice.below(20) as i32) + 300;
        let upper = lower + 60 * (1 + dice.below(20) as i32);
        self.add(lower, upper, 1_000_000 + u128::from(dice.below(1_000_000_000)), logs);
    }

    fn add(&mut self, lower: i32, upper: i32, amount: u128, logs: &mut Vec<Log>) {
        let (low, high) = (Tick::new(lower).unwrap(), Tick::new(upper).unwrap());
        let (amount0, amount1) =
            range_amounts(&self.slot, low, high, Liquidity::new(amount), true).unwrap();
        self.change(low, high, amount as i128);
        self.positions.push((low, high, amount));
        logs.push(log(
            POOL,
            &Mint {
                sender: USER,
                owner: USER,
                tickLower: lower.try_into().unwrap(),
                tickUpper: upper.try_into().unwrap(),
                amount,
                amount0,
                amount1,
            },
        ));
    }

    fn burn(&mut self, dice: &mut Dice, logs: &mut Vec<Log>) {
        // The first position stays, so that there is always something to trade with.
        if self.positions.len() < 2 {
            return;
        }
        let index = 1 + dice.below(self.positions.len() as u64 - 1) as usize;
        let (low, high, amount) = self.positions.swap_remove(index);
        let (amount0, amount1) =
            range_amounts(&self.slot, low, high, Liquidity::new(amount), false).unwrap();
        self.change(low, high, -(amount as i128));
        logs.push(log(
            POOL,
            &Burn {
                owner: USER,
                tickLower: low.get().try_into().unwrap(),
                tickUpper: high.get().try_into().unwrap(),
                amount,
                amount0,
                amount1,
            },
        ));
    }

    fn change(&mut self, low: Tick, high: Tick, delta: i128) {
        self.ticks.update_range(low, high, delta, terms().spacing).unwrap();
        if low.get() <= self.slot.tick && self.slot.tick < high.get() {
            self.slot.liquidity = self.slot.liquidity.add_delta(delta).unwrap();
        }
    }

    fn swap_v3(&mut self, dice: &mut Dice, logs: &mut Vec<Log>) {
        let zero_for_one = dice.below(2) == 0;
        let direction = if zero_for_one { Direction::ZeroForOne } else { Direction::OneForZero };
        let amount = SwapKind::ExactIn(U256::from(1 + dice.below(20_000_000_000)));
        let swap = self.slot.quote(&self.ticks, terms(), direction, amount);
        // Far from the first position there may be nothing left: then there is no trade.
        let Ok(swap) = swap else { return };
        self.slot = swap.slot;
        let taken = I256::try_from(swap.amount_in).unwrap();
        let given = -I256::try_from(swap.amount_out).unwrap();
        let (amount0, amount1) = if zero_for_one { (taken, given) } else { (given, taken) };
        logs.push(log(
            POOL,
            &Swap {
                sender: USER,
                recipient: USER,
                amount0,
                amount1,
                sqrtPriceX96: U160::from(swap.slot.sqrt_price.get()),
                liquidity: swap.slot.liquidity.get(),
                tick: swap.slot.tick.try_into().unwrap(),
            },
        ));
    }
}

/// What a sequencer tells while it builds the child of `parent`: a step for each transaction.
pub fn steps_of(parent: BlockRef, block: &ExecutedBlock) -> Vec<Arc<OpenUpdate>> {
    let mut first_log = 0;
    let header = block.block.header();
    let transactions = block.block.transactions().iter().zip(&*block.receipts);
    let step = |(first_tx, (tx, receipt)): (usize, (&Transaction, &EthereumReceipt))| {
        let transaction = LoggedTransaction { hash: *tx.tx_hash(), logs: receipt.logs.clone() };
        let step = OpenStep {
            parent,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas.unwrap(),
            first_tx: first_tx as u32,
            first_log,
            transactions: vec![transaction],
        };
        first_log += receipt.logs.len() as u32;
        Arc::new(OpenUpdate::Appended(step))
    };
    transactions.enumerate().map(step).collect()
}

/// A canonical chain that can be changed, and read as the node's store.
#[derive(Debug)]
pub struct Chain {
    worlds: Mutex<Vec<World>>,
}

impl Chain {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { worlds: Mutex::new(vec![World::genesis()]) })
    }

    pub fn tip_world(&self) -> World {
        self.worlds.lock().unwrap().last().unwrap().clone()
    }

    pub fn world(&self, number: u64) -> World {
        self.worlds.lock().unwrap()[number as usize].clone()
    }

    fn grow(worlds: &mut Vec<World>, count: u64, dice: &mut Dice) -> Vec<ExecutedBlock> {
        let mut blocks = Vec::new();
        for _ in 0..count {
            let child = worlds.last().unwrap().child(dice);
            blocks.push(child.block.clone());
            worlds.push(child);
        }
        blocks
    }

    /// Appends blocks.
    pub fn commit(&self, count: u64, dice: &mut Dice) -> ChainUpdate {
        let blocks = Self::grow(&mut self.worlds.lock().unwrap(), count, dice);
        ChainUpdate::Committed(ChainSegment::new(blocks).unwrap())
    }

    /// Replaces `depth` blocks by `count` new ones, perhaps none.
    pub fn reorg(&self, depth: usize, count: u64, dice: &mut Dice) -> ChainUpdate {
        self.replace(depth, |worlds| Self::grow(worlds, count, dice))
    }

    /// Replaces `depth` blocks, perhaps none, by blocks in which just this happens.
    pub fn reorg_with(&self, depth: usize, blocks: &[&[Act]], dice: &mut Dice) -> ChainUpdate {
        self.replace(depth, |worlds| {
            let mut new = Vec::new();
            for acts in blocks {
                let child = worlds.last().unwrap().child_with(acts, dice);
                new.push(child.block.clone());
                worlds.push(child);
            }
            new
        })
    }

    fn replace(
        &self,
        depth: usize,
        grow: impl FnOnce(&mut Vec<World>) -> Vec<ExecutedBlock>,
    ) -> ChainUpdate {
        let mut worlds = self.worlds.lock().unwrap();
        let keep = worlds.len() - depth;
        let old = worlds.split_off(keep).into_iter().map(|world| world.block).collect();
        match (ChainSegment::new(old), ChainSegment::new(grow(&mut worlds))) {
            (Ok(old), Ok(new)) => ChainUpdate::Reorged { old, new },
            (Ok(old), Err(_)) => ChainUpdate::Reverted(old),
            (Err(_), new) => ChainUpdate::Committed(new.unwrap()),
        }
    }
}

impl BlockSource for Chain {
    fn tip(&self) -> Result<BlockRef, StateError> {
        Ok(self.tip_world().reference())
    }

    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError> {
        let worlds = self.worlds.lock().unwrap();
        Ok(worlds.get(number as usize).map(|world| world.block.clone()))
    }
}
