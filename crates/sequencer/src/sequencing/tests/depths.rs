//! Replaced blocks with the same transactions, at every depth.

use super::node::{HISTORY, Node, memory, spec};
use crate::genesis_state;
use std::sync::Arc;
use tempfile::TempDir;
use weir_primitives::{ChainUpdate, ExecutedBlock};
use weir_rpc::{ChainBackend, ReorgTransactions};
use weir_storage::{MdbxStore, Store, StoreOptions};

const DEPTHS: [u64; 7] = [1, 2, 3, 40, 127, 129, 200];

/// Replays the newest `depth` blocks and checks everything that follows from it.
fn replay(node: &mut Node, depth: u64) {
    let before = node.blocks();
    let kept = before.len() - depth as usize;
    let mut updates = node.chain.subscribe();
    let outcome = node.reorg(depth, Some(depth), ReorgTransactions::Replay);
    let after = node.blocks();
    let sent: u64 = before[kept..].iter().map(|block| block.receipts.len() as u64).sum();
    assert_eq!((outcome.replayed, outcome.returned, outcome.dropped), (sent, 0, Vec::new()));
    assert_eq!(outcome.ancestor, before[kept - 1].reference());
    assert_eq!(after.len(), before.len());
    assert_eq!(without_diffs(&after[..kept]), without_diffs(&before[..kept]));

    let update = updates.try_recv().unwrap();
    assert!(updates.try_recv().is_err(), "one update");
    let ChainUpdate::Reorged { old, new } = &*update else { panic!("{update:?}") };
    let of_update: Vec<_> = old.blocks().cloned().collect();
    assert_eq!(without_diffs(&of_update), without_diffs(&before[kept..]));
    let of_update: Vec<_> = new.blocks().cloned().collect();
    assert_eq!(without_diffs(&of_update), without_diffs(&after[kept..]));
    assert!(old.blocks().chain(new.blocks()).all(|block| block.diff.is_some()));

    let backend = node.backend();
    for (old, new) in before[kept..].iter().zip(&after[kept..]) {
        assert_ne!(old.block.hash(), new.block.hash());
        assert_eq!(old.block.transactions(), new.block.transactions());
        assert_eq!(old.reference().timestamp, new.reference().timestamp);
        let orphan = backend.block_by_hash(&old.block.hash()).unwrap().expect("remembered");
        assert_eq!(without_diffs(&[orphan]), without_diffs(std::slice::from_ref(old)));
        for transaction in new.block.transactions() {
            let (found, _) = backend.transaction(transaction.tx_hash()).unwrap().unwrap();
            assert_eq!(found.block.hash(), new.block.hash());
        }
    }
    node.check();
}

fn without_diffs(blocks: &[ExecutedBlock]) -> Vec<ExecutedBlock> {
    blocks.iter().map(|block| ExecutedBlock { diff: None, ..block.clone() }).collect()
}

#[test]
fn every_depth_in_memory_equals_the_replay_from_genesis() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(DEPTHS[6] + 5);
    for depth in DEPTHS {
        replay(&mut node, depth);
        node.grow(2);
    }
    node.check();
}

#[test]
fn every_depth_on_disk_equals_the_replay_and_outlives_a_restart() {
    let folder = TempDir::new().unwrap();
    let open = || -> Arc<dyn Store> {
        let genesis = genesis_state(&spec()).unwrap();
        Arc::new(MdbxStore::open(StoreOptions::new(folder.path()), &genesis).unwrap())
    };
    let mut node = Node::open(open(), HISTORY);
    node.grow(DEPTHS[6] + 5);
    for depth in DEPTHS {
        replay(&mut node, depth);
    }
    let blocks = without_diffs(&node.blocks());
    drop(node);
    let mut node = Node::open(open(), HISTORY);
    assert_eq!(without_diffs(&node.blocks()), blocks);
    node.grow(5);
    replay(&mut node, 5);
}
