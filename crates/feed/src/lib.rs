#![doc = include_str!("../README.md")]

mod wire;

mod error;
pub use error::{CodecError, ConsumerError, ProducerError};

mod sync_fault;
pub use sync_fault::SyncFault;

mod completeness;
pub use completeness::Completeness;

mod handshake;
pub use handshake::{
    ANY_CHAIN, CODEC_FIXED, CODEC_GATES, Hello, MAGIC, PROTOCOL_VERSION, Position, Refusal,
    Refused, Start, Welcome,
};

mod step;
pub use step::{FeedStep, STEPS_PER_BLOCK_MAX, Step, StepRetracted, StepUpdate};

mod gate;
pub use gate::{FeedGates, Gate, GateCode, GateReason, GateState};

mod snapshot;
pub use snapshot::{
    FeedPool, FeedSnapshot, PoolFees, SnapshotBegin, SnapshotEnd, SnapshotFeeSource, SnapshotPool,
    SnapshotTick,
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
mod snapshot_codec;
mod step_codec;
pub use codec::{FRAME_BYTES_MAX, decode_all, decode_frame, encode, encode_event};

mod assembler;
pub use assembler::{FeedAssembler, UPDATES_PER_BLOCK_MAX};

mod step_log;

mod log;
pub use log::RETAINED_BLOCKS_MIN;

mod producer;
pub use producer::{FeedProducer, FeedSubscription};

mod metrics;
pub use metrics::describe_metrics;

mod frames;
mod socket;

mod connection;
mod gate_tail;
mod session;

mod upstream;
pub use upstream::{
    UPSTREAM_FRAME_BYTES_MAX, UpstreamEpilogue, UpstreamError, UpstreamEvent, UpstreamFluid,
    UpstreamMessage, UpstreamPool, UpstreamPoolMetadata, UpstreamProtocol, UpstreamRange,
    UpstreamSlot0, UpstreamStreamError, UpstreamToken, UpstreamUpdate, UpstreamUpdateType,
    decode_upstream, encode_upstream,
};

mod server;
pub use server::{
    CONSUMERS_MAX, CUT_GRACE, FeedServer, HEARTBEAT_INTERVAL, SNAPSHOT_WAIT, ServerCodec,
    ServerOptions,
};

mod consumer;
pub use consumer::{ConsumerOptions, FeedConsumer, IDLE_TIMEOUT};

mod recording;
pub use recording::{
    CHUNK_BYTES_MAX, RECORDING_MAGIC, RECORDING_VERSION, RecordError, RecordOptions, RecordReport,
    RecordedFeed, RecordingError, RecordingWriter, ReplayError, ReplayReport, SegmentCheck,
    feed_record, feed_replay,
};

mod nats_feed;
pub use nats_feed::{
    NATS_CHUNK_BYTES, NATS_UPDATE_BYTES_MAX, NatsFeedAssembler, NatsFeedConsumer, NatsFeedError,
    NatsFeedHead, NatsFeedOptions, NatsFeedPublisher, NatsMessageError, nats_feed_subject,
};

mod json;
pub use json::event_to_json;

mod tail;
pub use tail::{TailError, feed_tail};

mod whitelist;
pub use whitelist::{
    APPLIED_REJECTED_MAX, AppliedError, AppliedRejection, CHUNKS_MAX, ChunkFault, DEFERRED_MAX,
    DELTA_ROWS_MAX, DELTAS_MAX, DocumentError, Rejection, RejectionReason, TrackerCounts,
    WHITELIST_BYTES_MAX, Whitelist, WhitelistAddress, WhitelistApplied, WhitelistAssembler,
    WhitelistChange, WhitelistChunk, WhitelistDocument, WhitelistError, WhitelistKind,
    WhitelistMessage, WhitelistOutcome, WhitelistPool, WhitelistProtocol, WhitelistToken,
    WhitelistTracker, WhitelistUpdate, WhitelistVersion, whitelist_chain_name,
};

mod nats;
pub use nats::{
    AcknowledgementWait, CHUNK_BYTES, NatsUrlError, NatsWhitelistUrl, PublishError, PublishOptions,
    WhitelistHandle, WhitelistOptions, WhitelistPublished, WhitelistServer, WhitelistSource,
    WhitelistStatus, publish_whitelist,
};
