//! The backends and the journal, from outside.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking, in their helpers too")]

mod audit;
mod conformance;
mod crash;
mod journal;
mod mdbx;
mod model;
