//! Sockets.

mod access;
mod body;
mod connections;
mod health;
mod http;
mod inbound;
mod listener;
pub use listener::{RpcServer, ServerError};
mod outbox;
mod resumable;
mod stream;
mod subscription;
mod websocket;
