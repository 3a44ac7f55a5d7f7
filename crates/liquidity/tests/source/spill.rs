//! Snapshots that have left the undo ring: what is on disk is what the ring had.

use crate::{
    common::Dice,
    model::{Bench, is_state, pair, pool, state},
};
use std::{path::Path, sync::Arc};
use weir_arena::{PoolStatic, SwapState52};
use weir_liquidity::{
    SPILL_SEGMENT_BLOCKS, SnapshotSpill, SourceOptions, SpillOptions, SpillStoreError,
};

const RING: usize = 8;

fn open(path: &Path, blocks: u64) -> Result<SnapshotSpill, SpillStoreError> {
    let options = SpillOptions { path: path.into(), chain_id: crate::common::CHAIN, blocks };
    SnapshotSpill::open(options)
}

fn options() -> SourceOptions {
    SourceOptions { ring_blocks: RING, ..Bench::options() }
}

/// Every block below the ring is answered as the contracts were after it. Returns how many states were compared.
fn compare(bench: &Bench, spill: &SnapshotSpill) -> usize {
    let mut compared = 0;
    let oldest = bench.view().oldest().unwrap_or(0);
    for number in spill.oldest().unwrap_or(oldest)..oldest {
        let world = bench.chain.world(number);
        for statics in [pair(), pool()] {
            let found = spill.state_at(&statics.key.id, number).unwrap();
            let Some(spilled) = found else { continue };
            assert_eq!((spilled.number, spilled.hash), (number, world.reference().hash));
            let Some(ours) = spilled.state else { continue };
            let (theirs, ticks) = match state(&world, &statics.key) {
                weir_arena::Hydration::V2(reserves) => {
                    (SwapState52::from_v2(&reserves), Vec::new())
                }
                weir_arena::Hydration::V3 { slot, ticks, .. } => {
                    (SwapState52::from_v3(&slot), ticks)
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(ours.state, theirs, "{} at {number}", statics.key);
            assert_eq!(ours.ticks, ticks, "{} at {number}", statics.key);
            compared += 1;
        }
    }
    compared
}

/// The newest file, and its length.
fn newest(path: &Path) -> (std::path::PathBuf, u64) {
    let mut files: Vec<_> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let file = files.pop().unwrap();
    let length = std::fs::metadata(&file).unwrap().len();
    (file, length)
}

#[test]
fn what_left_the_ring_is_answered_as_the_ring_did() {
    for seed in 0..12 {
        let (folder, mut dice) = (tempfile::tempdir().unwrap(), Dice(seed));
        let mut bench = Bench::new(options());
        let spill = Arc::new(open(folder.path(), 10_000).unwrap());
        bench.handle.attach_spill(Arc::clone(&spill));
        bench.take(crate::model::full());
        let mut compared = 0;
        for _ in 0..40 {
            match dice.below(8) {
                0 if bench.chain.tip_world().reference().number > 6 => {
                    bench.reorg(1 + dice.below(5) as usize, 1 + dice.below(6), &mut dice)
                }
                // Below the ring: the pools that it touched are read anew.
                1 if bench.chain.tip_world().reference().number > 60 => {
                    let depth = RING + 1 + dice.below(20) as usize;
                    bench.reorg(depth, depth as u64 + 1, &mut dice);
                }
                _ => bench.commit(1 + dice.below(12), &mut dice),
            }
            if dice.below(3) > 0 {
                bench.serve_all();
            }
            bench.assert_true();
            compared += compare(&bench, &spill);
        }
        assert!(compared > 100, "{compared}");

        // A later run goes on with what this one has left, whatever was torn off its end.
        let (bytes, blocks) = (spill.bytes(), spill.blocks());
        let reopened = open(folder.path(), 10_000).unwrap();
        assert_eq!((reopened.bytes(), reopened.blocks()), (bytes, blocks));
        compare(&bench, &reopened);
        let (file, length) = newest(folder.path());
        let torn = length - 1 - dice.below(40).min(length - 19);
        std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(torn).unwrap();
        let reopened = open(folder.path(), 10_000).unwrap();
        assert!(reopened.blocks() < blocks);
        compare(&bench, &reopened);
    }
}

#[test]
fn the_bound_is_kept_by_whole_files() {
    let (folder, mut dice) = (tempfile::tempdir().unwrap(), Dice(3));
    let mut bench = Bench::new(options());
    let spill = Arc::new(open(folder.path(), 100).unwrap());
    bench.handle.attach_spill(Arc::clone(&spill));
    bench.take(crate::model::full());
    for _ in 0..26 {
        bench.commit(100, &mut dice);
        bench.serve_all();
        let spilled = bench.view().oldest().unwrap() - 1;
        assert!(spill.blocks() >= spilled.min(100), "{} of {spilled}", spill.blocks());
        assert!(spill.blocks() <= 100 + SPILL_SEGMENT_BLOCKS);
    }
    assert!(spill.oldest().unwrap() > 1_000);
    assert!(compare(&bench, &spill) > 1_000);
    let unknown: PoolStatic = pair();
    assert_eq!(spill.state_at(&unknown.key.id, 5).unwrap(), None);
    // Less than a quarter of the states with their ticks, 36 bytes each.
    let first = spill.oldest().unwrap();
    let ticks = |number| bench.chain.world(number).ticks.len() as u64;
    let ticks: u64 = (first..first + spill.blocks()).map(ticks).sum();
    let states = 2 * 52 * spill.blocks() + 36 * ticks;
    assert!(4 * spill.bytes() < states, "{} bytes for {states}", spill.bytes());
    spill.sync().unwrap();
    assert!(is_state(
        bench.view().head.get(&pool().key).unwrap(),
        &state(&bench.chain.tip_world(), &pool().key)
    ));
}

#[test]
fn files_of_another_chain_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = SpillOptions { path: folder.path().into(), chain_id: 1, blocks: 1 };
    let mut dice = Dice(1);
    let mut bench = Bench::new(options());
    bench.handle.attach_spill(Arc::new(open(folder.path(), 1).unwrap()));
    bench.take(crate::model::full());
    bench.commit(30, &mut dice);
    assert!(matches!(SnapshotSpill::open(other), Err(SpillStoreError::Foreign { .. })));
}

#[test]
fn files_of_an_earlier_format_are_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(1);
    let mut bench = Bench::new(options());
    bench.handle.attach_spill(Arc::new(open(folder.path(), 1).unwrap()));
    bench.take(crate::model::full());
    bench.commit(30, &mut dice);
    let (file, _) = newest(folder.path());
    let mut bytes = std::fs::read(&file).unwrap();
    // The version is behind the eight bytes that say what the file is.
    assert_eq!(bytes[8..10], [2, 0]);
    bytes[8] = 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(open(folder.path(), 1).unwrap().blocks(), 0);
    assert!(!file.exists());
}
