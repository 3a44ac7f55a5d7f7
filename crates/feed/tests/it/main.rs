//! The feed with real files, sockets and arenas.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../arena/tests/it/history.rs"]
#[allow(dead_code, reason = "the arena's tests use the rest of it")]
mod history;

mod chaos;
mod nats;
mod open_block;
mod python;
mod recording;
mod story;
mod upstream;
