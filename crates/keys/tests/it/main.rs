//! Keys that are elsewhere.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod remote;
