//! Synthetic chains of envelopes.
#![allow(dead_code, unreachable_pub, reason = "every test file uses a part of it")]

use alloy_primitives::{Address, B256};
use std::sync::Arc;
use weir_arena::{BlockEnvelope, EventRecord, PoolEvent, PoolKey};
use weir_feed::{FeedEvent, FeedUpdate, Message, decode_all, encode_event};
use weir_primitives::BlockRef;

pub const CHAIN: u64 = 61_972;
pub const EPOCH: u64 = 7;

/// The hash of block `number` on branch `branch`.
pub fn hash(number: u64, branch: u8) -> B256 {
    let mut hash = B256::repeat_byte(branch);
    hash.0[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

/// A block with `updates` syncs whose parent is on `parent_branch`.
pub fn block(number: u64, branch: u8, parent_branch: u8, updates: u32) -> Arc<BlockEnvelope> {
    let reference = BlockRef {
        number,
        hash: hash(number, branch),
        parent_hash: hash(number - 1, parent_branch),
        timestamp: 1_700_000_000 + number,
    };
    let record = |index: u32| EventRecord {
        tx_index: index / 2,
        log_index: index,
        tx_hash: B256::with_last_byte(1),
        pool: PoolKey::address(CHAIN, Address::with_last_byte((index % 50) as u8)),
        event: PoolEvent::V2Sync {
            reserve0: u128::from(number) * 1_000 + u128::from(index),
            reserve1: u128::from(branch),
        },
    };
    let events = (0..updates).map(record).collect();
    Arc::new(BlockEnvelope::new(CHAIN, reference, 7, events))
}

/// One block of branch 0 as an update.
pub fn commit(number: u64, updates: u32) -> FeedUpdate {
    FeedUpdate::Committed(vec![block(number, 0, 0, updates)])
}

/// Frames of events, decoded.
pub fn messages(events: &[FeedEvent]) -> Vec<Message> {
    let mut bytes = Vec::new();
    for event in events {
        encode_event(event, &mut bytes);
    }
    decode_all(&bytes).unwrap()
}

/// The numbers of blocks among events, reverted ones negative.
pub fn numbers(events: &[FeedEvent]) -> Vec<i64> {
    let number = |event: &FeedEvent| match event {
        FeedEvent::Block(block) => Some(block.envelope.block().number as i64),
        FeedEvent::Reverted(reverted) => Some(-(reverted.block.number as i64)),
        _ => None,
    };
    events.iter().filter_map(number).collect()
}
