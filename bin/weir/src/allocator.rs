//! The memory that the program gives back, and when.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use std::ffi::c_long;

/// Requests allocate and free on different threads, which the system's allocator does under locks.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, which the binding does not name. The number is the same in versions 2 and 3.
const PURGE_DELAY: mi_option_t = 15;

/// Milliseconds for which small pieces of freed memory are kept; large ones ten times as long (`arena_purge_mult`).
///
/// A block is built, sealed and checked in memory that the block before it has freed. By default that is given back
/// within a tenth of a second, and page faults are then a fifth of the time of a seal (`bench/README.md`).
const PURGE_DELAY_MILLISECONDS: c_long = 1_000;

/// Keeps freed memory for a while. `MIMALLOC_PURGE_DELAY` says otherwise.
pub(crate) fn keep_freed_memory() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_some() {
        return;
    }
    #[expect(unsafe_code, reason = "the allocator's options can be set by its C function alone")]
    // SAFETY: the function writes one integer to a table of options, and the index is that of an option.
    unsafe {
        mi_option_set(PURGE_DELAY, PURGE_DELAY_MILLISECONDS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_purge_delay() {
        // Its default in all versions of the allocator.
        #[expect(unsafe_code, reason = "read through the allocator's C function")]
        // SAFETY: reads one integer of the table of options.
        let get = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            assert_eq!(get(), 10);
            keep_freed_memory();
            assert_eq!(get(), PURGE_DELAY_MILLISECONDS);
        }
    }
}
