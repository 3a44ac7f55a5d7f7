//! The engine for any source: against a model of a node, behind a feed socket, and against a real node with real contracts.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "../common/anvil.rs"]
mod anvil;
#[path = "../common/mod.rs"]
mod common;

mod followed;
mod gates;
mod histories;
mod model;
mod reorg_cases;
mod socket;
mod spill;
