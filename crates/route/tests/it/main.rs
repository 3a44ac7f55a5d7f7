//! Quotes, cycles, opportunities, routes and order books on arenas in memory.

#![expect(clippy::unwrap_used, reason = "tests panic")]

mod allocations;
mod books;
mod curves;
mod cycles;
mod engine;
mod quotes;
mod routes;
mod world;
