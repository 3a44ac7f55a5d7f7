//! Evaluations after the first take no memory from the allocator.

use crate::world::World;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};
use weir_route::{GasTerms, PathEngine};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks for.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is the system allocator's own; counting touches a thread local without a destructor.
#[expect(unsafe_code, reason = "an allocator is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn evaluations_after_the_first_rounds_allocate_nothing() {
    let mut world = World::new(21, 8, 120);
    let start = world.snapshot();
    let mut blocks: Vec<_> = (0..6).map(|_| (world.block(20), world.snapshot())).collect();
    for index in (0..blocks.len()).rev() {
        let before = if index == 0 { start.clone() } else { blocks[index - 1].1.clone() };
        blocks.push((blocks[index].0.clone(), before));
    }
    let mut engine = PathEngine::new(world.options(3, 3));
    let terms = GasTerms { base_fee: 7, priority_fee: 1 };
    engine.evaluate(&start, &[], terms);
    let mut round = |is_counting: bool| {
        let (mut changes, before) = (0, COUNT.get());
        for (dirty, snapshot) in &blocks {
            let delta = engine.evaluate(snapshot, dirty, terms);
            changes += delta.appeared.len() + delta.changed.len() + delta.disappeared.len();
        }
        assert!(changes > 100, "blocks change what there is: changes={changes}");
        if is_counting { COUNT.get() - before } else { 0 }
    };
    round(false);
    round(false);
    assert_eq!(round(true), 0);
}
