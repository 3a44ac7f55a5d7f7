//! The reorgs by which followers of block numbers go wrong: Weir's side of the table in `bench/README.md`.

use crate::{
    common::{Act, Dice},
    model::Bench,
};
use weir_arena::DEFAULT_RING_BLOCKS;
use weir_liquidity::{EngineInput, TradingState};

const TRADES: &[Act] = &[Act::SwapV3, Act::SwapV2, Act::SwapV3];
const OTHERS: &[Act] = &[Act::SwapV2];
const EMPTY: &[Act] = &[];
const TWICE: &[Act] = &[Act::SwapV3, Act::SwapV3, Act::Mint, Act::SwapV3];

/// One reorg: how many blocks with what in each are replaced by which.
struct Case(&'static str, usize, &'static [Act], Vec<&'static [Act]>);

fn cases() -> Vec<Case> {
    vec![
        Case("the same pools trade differently", 1, TRADES, vec![OTHERS, TRADES]),
        Case("another pool trades instead", 1, &[Act::SwapV3], vec![OTHERS, OTHERS]),
        Case("nothing happens instead", 1, TRADES, vec![EMPTY, OTHERS]),
        Case("the same height, an empty block", 1, TRADES, vec![EMPTY]),
        Case("the first of the new blocks is empty", 3, TRADES, vec![EMPTY, OTHERS, OTHERS]),
        Case("to a shorter chain", 3, TRADES, vec![OTHERS]),
        Case("removed without replacement", 3, TRADES, vec![]),
        Case("a mint is undone", 1, &[Act::Mint], vec![EMPTY, OTHERS]),
        Case("a burn is undone, the pool swaps", 1, &[Act::Burn], vec![&[Act::SwapV3]]),
        Case("several events of one pool a block", 2, TWICE, vec![OTHERS, OTHERS]),
        Case("30 blocks", 30, TRADES, vec![OTHERS; 31]),
        Case("31 blocks", 31, TRADES, vec![OTHERS; 32]),
        Case("127 blocks, nothing happens instead", 127, TWICE, vec![EMPTY; 128]),
        Case("128 blocks", 128, TRADES, vec![OTHERS; 129]),
        Case("129 blocks", 129, TRADES, vec![OTHERS; 130]),
        Case("129 blocks, nothing happens instead", 129, TRADES, vec![EMPTY; 130]),
        Case("150 blocks, to a shorter chain", 150, TWICE, vec![TRADES]),
    ]
}

#[test]
fn after_every_reorg_the_engine_equals_the_contracts_and_a_rebuild() {
    for Case(name, depth, old, new) in cases() {
        let mut dice = Dice(depth as u64 + new.len() as u64);
        let mut bench = Bench::live(Bench::options(), 20, &mut dice);
        // What a burn takes away must be there.
        let moved = bench.chain.reorg_with(0, &[&[Act::Mint, Act::Mint]], &mut dice);
        bench.take(EngineInput::Chain(moved));
        let before = bench.view().head.digest();
        for _ in 0..depth {
            let moved = bench.chain.reorg_with(0, &[old], &mut dice);
            bench.take(EngineInput::Chain(moved));
        }
        assert_ne!(bench.view().head.digest(), before, "{name}: the old blocks change something");
        bench.assert_true();

        // Another seed: the traders of the new branch decide differently.
        let moved = bench.chain.reorg_with(depth, &new, &mut Dice(999));
        bench.take(EngineInput::Chain(moved));
        bench.assert_true();
        let is_deep = depth > DEFAULT_RING_BLOCKS;
        assert_eq!(bench.handle.state() == TradingState::Live, !is_deep, "{name}");
        assert_eq!(!bench.open.is_empty(), is_deep, "{name}: the node is asked if it must be");
        bench.serve_all();
        assert_eq!(bench.handle.state(), TradingState::Live, "{name}");
        bench.assert_true();
        bench.assert_equals_rebuild();
    }
}
