//! What the benchmarks share.

/// The allocator of `weir`, for both sides: with the system's, most of a benchmark can be page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod market;
pub mod pool_world;
pub mod sdk;
