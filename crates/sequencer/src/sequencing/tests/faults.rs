//! A process that dies in the middle of a reorg.

use super::node::{HISTORY, Node, memory};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tempfile::TempDir;
use weir_rpc::{ReorgRequest, ReorgTransactions};
use weir_storage::{
    BlockCommit, Journal, JournalOptions, RecordWrite, RevertCommit, Snapshot, StorageError, Store,
    StoreStats,
};

/// A store that takes a number of writes and then none, as if the process had died there.
struct Mortal {
    inner: Arc<dyn Store>,
    writes_left: AtomicU64,
}

impl Mortal {
    fn write(&self) -> Result<(), StorageError> {
        let left = self
            .writes_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| StorageError::Full)
    }
}

impl Store for Mortal {
    fn snapshot(&self) -> Result<Arc<dyn Snapshot>, StorageError> {
        self.inner.snapshot()
    }

    fn commit(&self, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
        self.write()?;
        self.inner.commit(commit)
    }

    fn revert(&self, revert: &RevertCommit<'_>) -> Result<(), StorageError> {
        self.write()?;
        self.inner.revert(revert)
    }

    fn write_records(&self, writes: &[RecordWrite]) -> Result<(), StorageError> {
        self.inner.write_records(writes)
    }

    fn stats(&self) -> Result<StoreStats, StorageError> {
        self.inner.stats()
    }
}

#[test]
fn dying_at_any_write_leaves_a_whole_chain_and_loses_no_transaction() {
    const BLOCKS: u64 = 12;
    const DEPTH: u64 = 6;
    for survived in 0..=DEPTH {
        let folder = TempDir::new().unwrap();
        let journal = || Some(Journal::open(folder.path(), JournalOptions::default()).unwrap());
        let inner = memory();
        let mortal =
            Mortal { inner: inner.clone(), writes_left: AtomicU64::new(BLOCKS + survived) };
        let mut node = Node::open_with(Arc::new(mortal), HISTORY, journal());
        node.grow(BLOCKS);
        // Included transactions are no longer in the journal of a long run.
        node.ingress.compact_journal().unwrap();
        let before = node.blocks();
        let mut updates = node.chain.subscribe();
        let transactions = ReorgTransactions::Replay;
        let request = ReorgRequest { depth: DEPTH, new_blocks: Some(DEPTH), transactions };
        let error = node.try_reorg(request).unwrap_err();
        assert!(error.to_string().contains("could not be stored"), "{error}");
        assert!(updates.try_recv().is_err(), "nobody is told of half a reorg");
        let head = node.chain.view().head().reference();
        assert_eq!(head, before[before.len() - 1].reference(), "readers keep the old head");
        drop(node);

        let mut node = Node::open_with(inner, HISTORY, journal());
        node.check();
        let kept = if survived == 0 { BLOCKS } else { BLOCKS - DEPTH + survived - 1 };
        assert_eq!(node.head(), kept);
        node.seal();
        node.check();
        for transaction in before.iter().flat_map(|block| block.block.transactions()) {
            assert!(node.is_included(transaction.tx_hash()), "{survived}");
        }
    }
}

#[test]
fn dropped_transactions_stay_dropped_over_a_restart() {
    let folder = TempDir::new().unwrap();
    let journal = || Some(Journal::open(folder.path(), JournalOptions::default()).unwrap());
    let store = memory();
    let mut node = Node::open_with(store.clone(), HISTORY, journal());
    node.grow(6);
    let outcome = node.reorg(3, Some(3), ReorgTransactions::Drop);
    assert!(!outcome.dropped.is_empty());
    drop(node);
    let mut node = Node::open_with(store, HISTORY, journal());
    assert!(node.pool.lock().is_empty());
    node.grow(3);
    node.check();
}
