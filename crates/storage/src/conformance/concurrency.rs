//! Reads beside writes.

use super::{MadeBlock, Open, TestChain, state::check_state};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// Threads that read while blocks are written.
const READERS: usize = 3;

pub(super) fn readers_see_whole_blocks(open: Open<'_>) {
    let mut chain = TestChain::new(30);
    let store = open(chain.genesis());
    let blocks: Vec<MadeBlock> = (0..60).map(|_| chain.next_block()).collect();
    let is_done = AtomicBool::new(false);
    let read = || {
        let mut last = 0;
        while !is_done.load(Ordering::Acquire) {
            let snapshot = store.snapshot().expect("snapshot");
            let number = snapshot.head().number;
            assert!(last <= number, "the head does not go back");
            last = number;
            // Two threads on one snapshot.
            thread::scope(|scope| {
                scope.spawn(|| check_state(&snapshot, chain.state(number)));
                check_state(&snapshot, chain.state(number));
            });
        }
    };
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        let written: Result<(), _> =
            blocks.iter().try_for_each(|made| store.commit(&made.commit()));
        is_done.store(true, Ordering::Release);
        written.expect("readers do not disturb the writer");
        readers.into_iter().for_each(|reader| reader.join().expect("a reader panicked"));
    });
}
