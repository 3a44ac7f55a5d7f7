#![doc = include_str!("../README.md")]

mod wire;

mod error;
pub use error::{CodecError, ConsumerError, ProducerError, SyncFault};

mod completeness;
pub use completeness::Completeness;

mod handshake;
pub use handshake::{
    ANY_CHAIN, CODEC_FIXED, Hello, MAGIC, PROTOCOL_VERSION, Position, Refusal, Refused, Start,
    Welcome,
};

mod message;
pub use message::{
    BeginBlock, EndBlock, Gap, GapReason, Heartbeat, Message, PoolUpdate, ReorgEnd, ReorgStart,
    Reverted,
};

mod event;
pub use event::{FeedEvent, FeedUpdate, SequencedBlock};

mod codec;
mod event_codec;
pub use codec::{FRAME_BYTES_MAX, decode_all, decode_frame, encode, encode_event};

mod assembler;
pub use assembler::{FeedAssembler, UPDATES_PER_BLOCK_MAX};

mod log;
pub use log::RETAINED_BLOCKS_MIN;

mod producer;
pub use producer::{FeedProducer, FeedSubscription};

mod metrics;
pub use metrics::describe_metrics;

mod frames;
mod socket;

mod server;
pub use server::{CONSUMERS_MAX, CUT_GRACE, FeedServer, HEARTBEAT_INTERVAL, ServerOptions};

mod consumer;
pub use consumer::{ConsumerOptions, FeedConsumer, IDLE_TIMEOUT};

mod json;
mod tail;
pub use tail::{TailError, feed_tail};

mod whitelist;
pub use whitelist::{
    Rejection, RejectionReason, WHITELIST_BYTES_MAX, Whitelist, WhitelistError, WhitelistPool,
    WhitelistProtocol, WhitelistToken,
};
