//! What the benchmarks share.

pub mod pool_world;
