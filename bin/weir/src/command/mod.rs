//! One file a command.

pub(crate) mod admin;
pub(crate) mod config;
pub(crate) mod conformance;
pub(crate) mod db;
pub(crate) mod demo;
pub(crate) mod derive;
pub(crate) mod feed;
pub(crate) mod import;
pub(crate) mod input;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod liquidity;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod pools;
pub(crate) mod proof;
pub(crate) mod receipt;
pub(crate) mod upgrade;
pub(crate) mod verify;
pub(crate) mod whitelist;
