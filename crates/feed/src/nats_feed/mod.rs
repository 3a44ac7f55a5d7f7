//! The feed over core NATS, for consumers on other machines.
//!
//! One message is one block or one reorg: its frames as on the socket, divided where the server's limit asks for it.
//! Core NATS may lose messages and tells nobody, so each carries its place in the stream and a consumer finds what is
//! missing. Steps and snapshots stay on the socket.

mod assembler;
mod consumer;
mod error;
mod head;
mod publisher;

pub use assembler::{NATS_UPDATE_BYTES_MAX, NatsFeedAssembler};
pub use consumer::NatsFeedConsumer;
pub use error::{NatsFeedError, NatsMessageError};
pub use head::{NatsFeedHead, nats_feed_subject};
pub use publisher::{NATS_CHUNK_BYTES, NatsFeedOptions, NatsFeedPublisher};
