//! Properties of the batch format.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod bounds;
mod golden;
mod round_trip;
mod support;
