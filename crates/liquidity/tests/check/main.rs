//! `pools_check` on a real node with Uniswap's own bytecode, against an honest arena and against ones that lie a little.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "../common/anvil.rs"]
mod anvil;

mod blocks;
mod deployed;
mod engine;
mod lies;
mod quoters;
mod v4_lies;
