//! Sockets.

mod access;
mod health;
mod http;
mod listener;
pub use listener::{RpcServer, ServerError};
mod outbox;
mod subscription;
mod websocket;
