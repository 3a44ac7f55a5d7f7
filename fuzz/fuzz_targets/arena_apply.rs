//! Blocks of any logs: an arena takes them, its open block says the same before, and reverting them restores what was there.

#![no_main]

use alloy_primitives::{B256, U256, keccak256};
use libfuzzer_sys::fuzz_target;
use weir_amm::{Direction, SwapKind};
use weir_arena::{
    ArenaConfig, BlockEnvelope, DEFAULT_RING_BLOCKS, Discovery, ExtractedStep, OpenPools, PoolArena,
};
use weir_fuzz::Input;
use weir_primitives::{BlockRef, LoggedBlock, LoggedTransaction, OpenStep};

const CHAIN: u64 = 1;

/// Transactions of a few logs each, until a byte says that the block ends.
fn transactions(input: &mut Input<'_>) -> Option<Vec<LoggedTransaction>> {
    let mut transactions = Vec::new();
    for index in 0..input.byte()? % 4 {
        let mut logs = Vec::new();
        for _ in 0..input.byte()? % 6 {
            logs.push(input.log()?);
        }
        transactions.push(LoggedTransaction { hash: B256::repeat_byte(index), logs });
    }
    Some(transactions)
}

/// The open block of these transactions, a step for each.
fn open_digest(arena: &PoolArena, block: &LoggedBlock, parent: BlockRef) -> Option<B256> {
    let mut open = OpenPools::on(arena, block.reference.timestamp)?;
    let mut first_log = 0;
    for (first_tx, transaction) in (0..).zip(&block.transactions) {
        let step = OpenStep {
            parent,
            timestamp: block.reference.timestamp,
            base_fee: 0,
            first_tx,
            first_log,
            transactions: vec![transaction.clone()],
        };
        let events = ExtractedStep::from_step(CHAIN, &step, &open).events;
        open.apply(&events).expect("a step follows its own block's steps");
        first_log += transaction.logs.len() as u32;
    }
    Some(open.snapshot().digest())
}

fuzz_target!(|data: &[u8]| {
    let config = ArenaConfig { discovery: Discovery::All, ..ArenaConfig::new(CHAIN) };
    let mut arena = PoolArena::new(config.clone());
    let mut rebuilt = PoolArena::new(config);
    let mut tip = BlockRef { number: 7, hash: keccak256(b"7"), ..BlockRef::default() };
    arena.restart_at(tip);
    rebuilt.restart_at(tip);
    let (mut input, mut digests, mut envelopes) = (Input(data), Vec::new(), Vec::new());
    while let Some(transactions) = transactions(&mut input) {
        let reference = BlockRef {
            number: tip.number + 1,
            hash: keccak256(tip.hash),
            parent_hash: tip.hash,
            timestamp: tip.timestamp + 1,
        };
        let block = LoggedBlock { reference, base_fee: 0, transactions };
        digests.push(arena.digest());
        let open = open_digest(&arena, &block, tip);
        let extracted = BlockEnvelope::from_logged(CHAIN, &block, &arena);
        arena.apply(&extracted.envelope).expect("a block's own events fit");
        assert_eq!(open, Some(arena.digest()), "steps lead where the block does");
        envelopes.push(extracted.envelope);
        tip = reference;
    }
    for (_, pool) in arena.pools() {
        for direction in [Direction::ZeroForOne, Direction::OneForZero] {
            for amount in [U256::ONE, U256::from(u64::MAX), U256::MAX >> 1] {
                let _ = pool.quote(direction, SwapKind::ExactIn(amount));
                let _ = pool.quote(direction, SwapKind::ExactOut(amount));
            }
            let _ = pool.curve(direction).map(|curve| curve.ranges().take(64).count());
        }
    }
    for envelope in &envelopes {
        rebuilt.apply(envelope).expect("the same blocks fit again");
    }
    assert_eq!(rebuilt.digest(), arena.digest());
    // The ring holds so many of the newest blocks, and the others are out of reach.
    for before in digests.into_iter().rev().take(DEFAULT_RING_BLOCKS) {
        arena.revert_tip().expect("the ring is longer");
        assert_eq!(arena.digest(), before, "a revert restores what was there");
    }
});
