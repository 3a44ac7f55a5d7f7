//! Memory that is handed out once and never taken back: the program ends with its block.

use core::{
    alloc::{GlobalAlloc, Layout},
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Bytes that checking a block may use.
const HEAP_BYTES: usize = 256 << 20;

static mut HEAP: [MaybeUninit<u8>; HEAP_BYTES] = [const { MaybeUninit::uninit() }; HEAP_BYTES];

#[global_allocator]
static BUMP: Bump = Bump { used: AtomicUsize::new(0) };

struct Bump {
    used: AtomicUsize,
}

// SAFETY: each byte of the heap is handed out once at most, aligned as asked, because `used` only grows.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let heap = (&raw mut HEAP).cast::<u8>();
        let place = |used: usize| {
            let start = (heap as usize + used).checked_next_multiple_of(layout.align())?;
            let end = (start - heap as usize).checked_add(layout.size())?;
            (end <= HEAP_BYTES).then_some(end)
        };
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place) {
            // SAFETY: `place` has checked that the end of what comes next is in the heap.
            Ok(used) => unsafe { heap.add(used).add(heap.add(used).align_offset(layout.align())) },
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
