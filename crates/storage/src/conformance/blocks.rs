//! Blocks, hashes, locations.

use super::{MadeBlock, Open, TestChain};
use crate::{BlockCommit, Snapshot, StorageError};
use alloy_primitives::B256;
use weir_primitives::{ExecutedBlock, StateProvider};

pub(super) fn genesis_is_readable(open: Open<'_>) {
    let chain = TestChain::new(1);
    let snapshot = open(chain.genesis()).snapshot().expect("snapshot");
    assert_eq!(snapshot.head(), chain.genesis().block.reference());
    check_block(&*snapshot, &chain.genesis().block);
    assert_eq!(snapshot.block_by_number(1).expect("read"), None);
    assert_eq!(snapshot.header_by_number(1).expect("read"), None);
    assert_eq!(snapshot.number_of(&B256::ZERO).expect("read"), None);
    assert_eq!(snapshot.transaction_location(&B256::ZERO).expect("read"), None);
}

pub(super) fn blocks_read_back_as_they_were_written(open: Open<'_>) {
    let mut chain = TestChain::new(2);
    let store = open(chain.genesis());
    let blocks: Vec<MadeBlock> = (0..12).map(|_| chain.next_block()).collect();
    for made in &blocks {
        store.commit(&made.commit()).expect("commit");
        let snapshot = store.snapshot().expect("snapshot");
        assert_eq!(snapshot.head(), made.block.reference());
        check_block(&*snapshot, &made.block);
    }
    let snapshot = store.snapshot().expect("snapshot");
    blocks.iter().for_each(|made| check_block(&*snapshot, &made.block));
}

pub(super) fn check_block(snapshot: &dyn Snapshot, expected: &ExecutedBlock) {
    let number = expected.reference().number;
    let hash = expected.block.hash();
    let found = snapshot.block_by_number(number).expect("read").expect("the block is there");
    assert_eq!(found, ExecutedBlock { diff: None, ..expected.clone() });
    let header = snapshot.header_by_number(number).expect("read").expect("the header is there");
    assert_eq!(header, (hash, expected.block.header().clone()));
    assert_eq!(snapshot.number_of(&hash).expect("read"), Some(number));
    for (index, transaction) in expected.block.transactions().iter().enumerate() {
        let location = snapshot.transaction_location(transaction.tx_hash()).expect("read");
        assert_eq!(location, Some((number, index as u64)));
    }
}

pub(super) fn strangers_are_refused(open: Open<'_>) {
    let mut chain = TestChain::new(3);
    let store = open(chain.genesis());
    let [first, second] = [chain.next_block(), chain.next_block()];
    let mut fork = TestChain::new(4);
    let foreign = fork.next_block();
    for stranger in [&second, &foreign] {
        let error = store.commit(&stranger.commit()).expect_err("not a child of genesis");
        assert!(matches!(error, StorageError::NotChildOfHead { .. }), "{error}");
    }
    let head = store.snapshot().expect("snapshot").head();
    assert_eq!(head, chain.genesis().block.reference());
    store.commit(&first.commit()).expect("the child is taken");
    let again = store.commit(&first.commit()).expect_err("taken once");
    assert!(matches!(again, StorageError::NotChildOfHead { .. }), "{again}");
    store.commit(&second.commit()).expect("the next child is taken");
}

pub(super) fn blocks_without_diff_are_refused(open: Open<'_>) {
    let mut chain = TestChain::new(5);
    let store = open(chain.genesis());
    let made = chain.next_block();
    let block = ExecutedBlock { diff: None, ..made.block.clone() };
    let commit = BlockCommit { block: &block, ..made.commit() };
    let error = store.commit(&commit).expect_err("no diff");
    assert!(matches!(error, StorageError::DiffMissing { number: 1 }), "{error}");
    store.commit(&made.commit()).expect("with the diff it is taken");
}

pub(super) fn block_hashes_are_those_of_ancestors(open: Open<'_>) {
    let mut chain = TestChain::new(6);
    let store = open(chain.genesis());
    let mut hashes = vec![chain.head().hash];
    for _ in 0..5 {
        let snapshot = store.snapshot().expect("snapshot");
        let made = chain.next_block();
        store.commit(&made.commit()).expect("commit");
        for (number, hash) in hashes.iter().enumerate() {
            let found = snapshot.block_hash(number as u64).expect("read");
            assert_eq!(found, Some(*hash));
        }
        let beyond = hashes.len() as u64;
        assert_eq!(snapshot.block_hash(beyond).expect("read"), None, "not an ancestor");
        assert_eq!(snapshot.block_hash(u64::MAX).expect("read"), None);
        hashes.push(made.block.block.hash());
    }
}
