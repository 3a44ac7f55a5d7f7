//! Reorgs, and who is right after them: Weir's arena and `amms`' `StateSpace`, fed the same logs of the same blocks.
//!
//! The truth is the pools that made the logs. The peer is fed as its own `subscribe` does it: for each block that the node announces,
//! the pool logs of the canonical block of that number. It goes back only if it knows its height, which its `subscribe` never tells
//! it; so it runs twice, as it ships and with its height told after each block.
//!
//! Exit 1 if Weir is wrong anywhere.

use alloy_primitives::{Address, Bytes, Log, LogData, U256, keccak256, map::HashMap};
use amms::{amms::amm::AMM, state_space::StateSpace};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::atomic::Ordering,
};
use weir_amm::{Liquidity, Tick, range_amounts};
use weir_arena::{ApplyError, ArenaConfig, PoolArena, PoolKey, PoolState};
use weir_bench::pool_world::{
    CHAIN_ID, Dice, TOKEN0, V2Book, V3Book, block, hydrate, peer_log, peer_space, pool_address,
    terms,
};
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock};

/// Blocks before the reorg: more than either keeps.
const HISTORY: u64 = 200;
/// Blocks that Weir keeps here, its default.
const RING: usize = 128;

/// What happens in a block.
#[derive(Clone, Copy)]
enum Act {
    /// A swap on the V3 pool of this index.
    Swap(usize),
    /// New reserves of the V2 pair of this index.
    Sync(usize),
    /// A position around the price of the V3 pool of this index.
    Mint(usize),
    /// Half of that position leaves.
    Burn(usize),
}

/// Pools that trade, as they are after one block.
#[derive(Clone)]
struct Pools {
    v3: Vec<V3Book>,
    v2: Vec<V2Book>,
    dice: Dice,
}

impl Pools {
    fn new() -> Self {
        let mut dice = Dice::new(11);
        let v3 = (0..3).map(|index| V3Book::new(pool_address(index), &mut dice)).collect();
        let v2 = (3..5).map(|index| V2Book::new(pool_address(index), &mut dice)).collect();
        Self { v3, v2, dice }
    }

    fn act(&mut self, act: Act) -> Log {
        match act {
            Act::Swap(pool) => self.v3[pool].trade(&mut self.dice),
            Act::Sync(pool) => self.v2[pool].trade(&mut self.dice),
            Act::Mint(pool) => position(&mut self.v3[pool], 8 * 10i128.pow(18)),
            Act::Burn(pool) => position(&mut self.v3[pool], -4 * 10i128.pow(18)),
        }
    }
}

/// Changes a position of 240 ticks to each side of the price, and tells it.
fn position(book: &mut V3Book, delta: i128) -> Log {
    let spacing = terms().spacing;
    let middle = spacing.compress(128 * 60) * spacing.get();
    let bound = |tick| Tick::new(tick).expect("in range");
    let (lower, upper) = (bound(middle - 240), bound(middle + 240));
    let amount = Liquidity::new(delta.unsigned_abs());
    let is_mint = delta > 0;
    let (amount0, amount1) =
        range_amounts(&book.slot, lower, upper, amount, is_mint).expect("small");
    book.ticks.update_range(lower, upper, delta, spacing).expect("aligned");
    if (lower.get()..upper.get()).contains(&book.slot.tick) {
        book.slot.liquidity = book.slot.liquidity.add_delta(delta).expect("small");
    }
    let word = |tick: Tick| U256::from(tick.get().unsigned_abs()).into();
    let (name, words) = if is_mint {
        let sender = U256::from_be_slice(TOKEN0.into_word().as_slice());
        ("Mint(address,address,int24,int24,uint128,uint256,uint256)", vec![sender])
    } else {
        ("Burn(address,int24,int24,uint128,uint256,uint256)", Vec::new())
    };
    let words = words.into_iter().chain([U256::from(amount.get()), amount0, amount1]);
    let data: Vec<u8> = words.flat_map(|word| word.to_be_bytes::<32>()).collect();
    let topics = vec![keccak256(name), TOKEN0.into_word(), word(lower), word(upper)];
    Log { address: book.address, data: LogData::new_unchecked(topics, Bytes::from(data)) }
}

/// A block with the pools after it.
#[derive(Clone)]
struct Made {
    block: ExecutedBlock,
    logs: Vec<Log>,
    after: Pools,
}

fn make(parent: &Made, acts: &[Act]) -> Made {
    let mut after = parent.after.clone();
    let logs: Vec<Log> = acts.iter().map(|act| after.act(*act)).collect();
    Made { block: block(Some(parent.block.reference()), &logs), logs, after }
}

/// One reorg.
struct Case {
    name: &'static str,
    /// Blocks replaced.
    depth: usize,
    /// What the replaced blocks held; the same for each.
    old: &'static [Act],
    /// What took their place, block by block.
    new: Vec<&'static [Act]>,
}

fn cases() -> Vec<Case> {
    const TRADES: &[Act] = &[Act::Swap(0), Act::Swap(1), Act::Sync(0)];
    const OTHERS: &[Act] = &[Act::Swap(2), Act::Sync(1)];
    const EMPTY: &[Act] = &[];
    const TWICE: &[Act] = &[Act::Swap(0), Act::Swap(0), Act::Mint(0), Act::Swap(0)];
    let case = |name, depth, old, new| Case { name, depth, old, new };
    vec![
        case("one block, same pools trade differently", 1, TRADES, vec![&TRADES[1..], TRADES]),
        case("one block, other pools trade instead", 1, TRADES, vec![OTHERS, OTHERS]),
        case("one block, nothing happens instead", 1, TRADES, vec![EMPTY, OTHERS]),
        case("same height, empty block of another hash", 1, TRADES, vec![EMPTY]),
        case(
            "three blocks, the first of the new ones empty",
            3,
            TRADES,
            vec![EMPTY, OTHERS, OTHERS],
        ),
        case("three blocks, to a shorter chain", 3, TRADES, vec![OTHERS]),
        case("three blocks, removed without replacement", 3, TRADES, vec![]),
        case("a mint undone", 1, &[Act::Mint(0)], vec![EMPTY, OTHERS]),
        case("a burn undone, the pool swaps instead", 1, &[Act::Burn(1)], vec![&[Act::Swap(1)]]),
        case("several events of one pool a block", 2, TWICE, vec![OTHERS, OTHERS]),
        case("30 blocks", 30, TRADES, vec![OTHERS; 31]),
        case("31 blocks", 31, TRADES, vec![OTHERS; 32]),
        case("128 blocks", 128, TRADES, vec![OTHERS; 129]),
        case("129 blocks", 129, TRADES, vec![OTHERS; 130]),
    ]
}

/// How one side ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    /// It refuses, with an error, and can be rebuilt.
    Refused,
    Wrong,
    Panicked,
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Refused => "refuses, is rebuilt",
            Self::Wrong => "**wrong**",
            Self::Panicked => "**panics**",
        }
    }
}

/// The chain before and after.
struct Story {
    genesis: Pools,
    history: Vec<Made>,
    old: Vec<Made>,
    new: Vec<Made>,
}

impl Story {
    fn of(case: &Case) -> Self {
        let genesis = Pools::new();
        let root = Made { block: block(None, &[]), logs: Vec::new(), after: genesis.clone() };
        let mut history = vec![root];
        let common = HISTORY as usize - case.depth;
        let grow = |chain: &mut Vec<Made>, parent: &Made, acts: &[Act]| {
            let made = make(chain.last().unwrap_or(parent), acts);
            chain.push(made);
        };
        let root = history[0].clone();
        for number in 0..common {
            let acts = [Act::Swap(number % 3), Act::Sync(number % 2), Act::Mint(0)];
            grow(&mut history, &root, if number == 3 { &acts } else { &acts[..2] });
        }
        // What a burn takes away must be there.
        grow(&mut history, &root, &[Act::Mint(1)]);
        let fork = history[history.len() - 1].clone();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for _ in 0..case.depth {
            grow(&mut old, &fork, case.old);
        }
        // The other branch's traders decide differently.
        let mut other = fork.clone();
        other.after.dice = Dice::new(99);
        for acts in &case.new {
            grow(&mut new, &other, acts);
        }
        Self { genesis, history, old, new }
    }

    /// The pools at the end.
    fn truth(&self) -> &Pools {
        let fork = &self.history[self.history.len() - 1];
        &self.new.last().unwrap_or(fork).after
    }

    /// The blocks that are canonical at the end, without the first.
    fn canonical(&self) -> impl Iterator<Item = &Made> {
        self.history[1..].iter().chain(&self.new)
    }
}

fn segment(blocks: &[Made]) -> Option<ChainSegment> {
    let blocks: Vec<_> = blocks.iter().map(|made| made.block.clone()).collect();
    ChainSegment::new(blocks).ok()
}

fn fresh(story: &Story) -> PoolArena {
    let config = ArenaConfig { ring_blocks: RING, ..ArenaConfig::new(CHAIN_ID) };
    let mut arena = PoolArena::new(config);
    hydrate(&mut arena, &story.genesis.v3, &story.genesis.v2);
    arena
}

fn apply<'a>(arena: &mut PoolArena, blocks: impl Iterator<Item = &'a Made>) {
    for made in blocks {
        let update = ChainUpdate::Committed(ChainSegment::single(made.block.clone()));
        let applied = arena.apply_update(&update).expect("the child of the tip");
        assert!(applied.halted.is_empty(), "{:?}", applied.halted);
    }
}

fn weir(story: &Story) -> Verdict {
    let mut rebuilt = fresh(story);
    apply(&mut rebuilt, story.canonical());
    let mut arena = fresh(story);
    apply(&mut arena, story.history[1..].iter().chain(&story.old));
    let old = segment(&story.old).expect("linked");
    let update = match segment(&story.new) {
        Some(new) => ChainUpdate::Reorged { old, new },
        None => ChainUpdate::Reverted(old),
    };
    match arena.apply_update(&update) {
        Ok(_) if arena.digest() == rebuilt.digest() && is_weir_right(&arena, story.truth()) => {
            Verdict::Right
        }
        Ok(_) => Verdict::Wrong,
        Err(ApplyError::TooDeep { .. }) if is_weir_right(&rebuilt, story.truth()) => {
            Verdict::Refused
        }
        Err(_) => Verdict::Wrong,
    }
}

fn is_weir_right(arena: &PoolArena, truth: &Pools) -> bool {
    let state = |address: Address| {
        let key = PoolKey::address(CHAIN_ID, address);
        arena.pool(arena.find(&key).expect("listed")).expect("found").state().clone()
    };
    let v3 = truth.v3.iter().all(|book| match state(book.address) {
        PoolState::V3(ours) => ours.slot == book.slot && *ours.ticks == book.ticks,
        _ => false,
    });
    let v2 = truth.v2.iter().all(|book| match state(book.address) {
        PoolState::V2(ours) => ours.reserves == book.reserves,
        _ => false,
    });
    v3 && v2
}

/// Announces a block to the peer: `subscribe` asks for the logs of its number.
fn announce(space: &mut StateSpace, made: &Made, knows_height: bool) {
    let number = made.block.reference().number;
    let logs: Vec<_> = made.logs.iter().map(|log| peer_log(log, number)).collect();
    space.sync(&logs).expect("the logs decode");
    if knows_height {
        space.latest_block.store(number, Ordering::Relaxed);
    }
}

fn amms(story: &Story, knows_height: bool) -> Verdict {
    let mut space = peer_space(&story.genesis.v3, &story.genesis.v2);
    for made in story.history[1..].iter().chain(&story.old) {
        announce(&mut space, made, knows_height);
    }
    let followed = catch_unwind(AssertUnwindSafe(|| {
        for made in &story.new {
            announce(&mut space, made, knows_height);
        }
    }));
    match followed {
        Err(_) => Verdict::Panicked,
        Ok(()) if is_peer_right(&space, story.truth()) => Verdict::Right,
        Ok(()) => Verdict::Wrong,
    }
}

fn is_peer_right(space: &StateSpace, truth: &Pools) -> bool {
    let v3 = truth.v3.iter().all(|book| {
        let Some(AMM::UniswapV3Pool(ours)) = space.get(&book.address) else { return false };
        let theirs: HashMap<i32, (u128, i128)> =
            book.ticks.iter().map(|(tick, info)| (tick.get(), (info.gross, info.net))).collect();
        let ticks = ours.ticks.iter().filter(|(_, info)| info.liquidity_gross > 0);
        let ticks: HashMap<i32, (u128, i128)> =
            ticks.map(|(tick, info)| (*tick, (info.liquidity_gross, info.liquidity_net))).collect();
        let slot = (ours.sqrt_price, ours.tick, ours.liquidity);
        slot == (book.slot.sqrt_price.get(), book.slot.tick, book.slot.liquidity.get())
            && ticks == theirs
    });
    let v2 = truth.v2.iter().all(|book| {
        let Some(AMM::UniswapV2Pool(ours)) = space.get(&book.address) else { return false };
        (ours.reserve_0, ours.reserve_1) == (book.reserves.reserve0, book.reserves.reserve1)
    });
    v3 && v2
}

fn main() -> ExitCode {
    // The peer's panics are rows of the table.
    std::panic::set_hook(Box::new(|_| {}));
    println!("| reorg | Weir | amms, height told | amms as it ships |");
    println!("|---|---|---|---|");
    let mut is_weir_ever_wrong = false;
    for case in cases() {
        let story = Story::of(&case);
        let ours = weir(&story);
        let (told, ships) = (amms(&story, true), amms(&story, false));
        is_weir_ever_wrong |= !matches!(ours, Verdict::Right | Verdict::Refused);
        println!("| {} | {} | {} | {} |", case.name, ours.name(), told.name(), ships.name());
    }
    ExitCode::from(u8::from(is_weir_ever_wrong))
}
