//! The client against a real node (anvil), and against one that misbehaves.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod anvil;
mod faults;
mod follow;
