//! Snapshots of any pools: an arena takes them or says why not, and whatever it took can be quoted without a panic.

#![no_main]

use alloy_primitives::{B256, U256};
use libfuzzer_sys::fuzz_target;
use weir_amm::{Direction, SwapKind};
use weir_arena::{ArenaConfig, PoolArena};
use weir_feed::{FeedPool, FeedSnapshot, Message, decode_frame};
use weir_primitives::BlockRef;

fuzz_target!(|data: &[u8]| {
    let mut pools: Vec<FeedPool> = Vec::new();
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (frame, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        match (decode_frame(frame), pools.last_mut()) {
            (Ok(Message::SnapshotPool(pool)), _) => {
                pools.push(FeedPool { pool, ticks: Vec::new() })
            }
            (Ok(Message::SnapshotTick(tick)), Some(pool)) => pool.ticks.push(tick),
            _ => {}
        }
    }
    let block = BlockRef { number: 9, hash: B256::repeat_byte(9), ..BlockRef::default() };
    let snapshot = FeedSnapshot { chain_id: 1, epoch: 1, next_seq: 1, block, pools };
    let mut arena = PoolArena::new(ArenaConfig::new(1));
    let _ = snapshot.restore(&mut arena);
    for (_, pool) in arena.pools() {
        for direction in [Direction::ZeroForOne, Direction::OneForZero] {
            for amount in [U256::ONE, U256::from(u64::MAX), U256::MAX >> 1] {
                let _ = pool.quote(direction, SwapKind::ExactIn(amount));
                let _ = pool.quote(direction, SwapKind::ExactOut(amount));
            }
            let _ = pool.curve(direction).map(|curve| curve.ranges().take(64).count());
        }
    }
});
