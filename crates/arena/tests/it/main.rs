//! The arena against real contracts, and against itself rebuilt.

#![expect(clippy::unwrap_used, reason = "tests panic")]

mod chain;
mod contracts;
mod decoding;
mod fee_tokens;
mod history;
mod holds;
mod open;
mod rebuild;
mod singletons;
mod v2_contracts;
mod v3_contracts;
mod v4_contracts;
mod v4_world;
mod whitelist;
