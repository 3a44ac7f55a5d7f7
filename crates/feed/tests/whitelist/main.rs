//! Whitelists: every generation of the format, chunks, coalesced changes, and NATS itself.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod chunks;
mod generations;
mod nats;
mod nats_faults;
mod slow_server;
mod support;
mod tracker;
