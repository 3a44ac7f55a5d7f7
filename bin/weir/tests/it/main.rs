//! The program end to end: as a child process, against real peers and stock clients.

mod admin;
mod bundles;
mod clients;
mod compat;
mod conditions;
mod config;
mod crash;
mod deploy;
mod history;
mod keys;
mod l1;
mod liquidity;
mod node;
mod observe;
mod openrpc;
mod receipts;
mod reorgs;
mod rotation;
mod schema;
mod status;
mod store;
mod sync;
mod traces;
mod upgrade;
mod witness;
