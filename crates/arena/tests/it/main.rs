//! The arena against real contracts, and against itself rebuilt.

#![expect(clippy::unwrap_used, reason = "tests panic")]

mod chain;
mod contracts;
mod decoding;
mod history;
mod rebuild;
mod v2_contracts;
mod v3_contracts;
mod whitelist;
