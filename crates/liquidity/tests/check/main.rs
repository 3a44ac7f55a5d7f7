//! `pools_check` on a real node with Uniswap's own bytecode, against an honest arena and against ones that lie a little.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod deployed;
mod engine;
mod lies;
mod node;
mod quoters;
mod v4_lies;

/// Chain id of the node.
const CHAIN: u64 = 31_337;
