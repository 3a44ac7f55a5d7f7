//! Tests of the pool through its public interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admission;
mod bounds;
mod bundles;
mod delegated;
mod in_flight;
mod model;
mod ordering;
mod properties;
mod reorged;
mod replacement;
mod support;
