//! Blocks built from signed transactions on a state in memory.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod determinism;
mod interleaving;
mod pool;
mod script;
mod support;
mod witness;
