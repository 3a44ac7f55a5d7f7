//! The index of logs against reading every block.

use super::{Open, TestChain, reverts::revert};
use crate::{LogValue, Snapshot, Store};
use alloy_primitives::B256;
use std::collections::BTreeMap;

/// Blocks that are written before and after others are taken off.
const BLOCKS: usize = 20;

/// Every value in the logs with the blocks that hold it, found by reading them.
fn scanned(snapshot: &dyn Snapshot) -> BTreeMap<(u8, B256), (LogValue, Vec<u64>)> {
    let mut found: BTreeMap<(u8, B256), (LogValue, Vec<u64>)> = BTreeMap::new();
    for number in 0..=snapshot.head().number {
        let block = snapshot.block_by_number(number).expect("read").expect("the block is there");
        let logs = block.receipts.iter().flat_map(|receipt| receipt.logs.iter());
        for log in logs {
            let address = ((0xff, log.address.into_word()), LogValue::Address(log.address));
            let topics = (0..).zip(log.data.topics());
            let topics = topics.map(|(position, value)| {
                ((position, *value), LogValue::Topic { position, value: *value })
            });
            for (key, value) in topics.chain([address]) {
                let (_, blocks) = found.entry(key).or_insert_with(|| (value, Vec::new()));
                if blocks.last() != Some(&number) {
                    blocks.push(number);
                }
            }
        }
    }
    found
}

fn check(store: &dyn Store) -> usize {
    let snapshot = store.snapshot().expect("snapshot");
    let head = snapshot.head().number;
    let values = scanned(&*snapshot);
    for (value, blocks) in values.values() {
        for (first, last) in [(0, head), (0, u64::MAX), (3, head / 2), (head, head), (5, 4)] {
            let wanted: Vec<u64> =
                blocks.iter().copied().filter(|at| (first..=last).contains(at)).collect();
            let found = snapshot.log_blocks(value, first, last).expect("read");
            assert_eq!(found, wanted, "{value:?} {first} {last}");
        }
    }
    let absent = LogValue::Topic { position: 3, value: B256::repeat_byte(0x5a) };
    assert_eq!(snapshot.log_blocks(&absent, 0, head).expect("read"), Vec::<u64>::new());
    values.len()
}

pub(super) fn the_index_equals_a_scan(open: Open<'_>) {
    let mut chain = TestChain::new(61);
    let store = open(chain.genesis());
    for _ in 0..BLOCKS {
        store.commit(&chain.next_block().commit()).expect("commit");
    }
    assert!(check(&*store) > 10, "there is something to find");
    revert(&*store, &mut chain, BLOCKS as u64 / 2);
    check(&*store);
    for _ in 0..BLOCKS {
        store.commit(&chain.next_block().commit()).expect("commit");
    }
    check(&*store);
}
