//! What goes wrong between two machines.

use crate::{CodecError, SyncFault, nats::SettleError};
use weir_primitives::Severity;

/// Why a message is not a part of a feed. It is left out; what that loses is found by the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NatsMessageError {
    /// A header is missing or not a number.
    #[error("header is missing or not a number: header={header}")]
    Header {
        /// Its name.
        header: &'static str,
    },
    /// The message is of another codec.
    #[error("codec is not supported: codec={codec}")]
    Codec {
        /// The codec named.
        codec: u64,
    },
    /// The number of a part does not fit the number of parts.
    #[error("part is out of bounds: chunk={chunk} chunks={chunks}")]
    Chunk {
        /// Which part.
        chunk: u64,
        /// Of how many.
        chunks: u64,
    },
    /// The parts of an update are more than [`NATS_UPDATE_BYTES_MAX`](crate::NATS_UPDATE_BYTES_MAX) together.
    #[error("update is too large: seq={seq}")]
    TooLarge {
        /// Sequence number of its first record.
        seq: u64,
    },
    /// The payload is not a run of records.
    #[error("payload does not hold records: seq={seq}")]
    Records {
        /// Sequence number of its first record.
        seq: u64,
        /// What is wrong.
        #[source]
        source: CodecError,
    },
    /// The records do not continue the stream.
    #[error("records do not continue the stream: seq={seq}")]
    NotSynced {
        /// Sequence number of the first record.
        seq: u64,
        /// What is wrong.
        #[source]
        source: SyncFault,
    },
}

/// Why there is no feed over NATS.
#[derive(Debug, thiserror::Error)]
pub enum NatsFeedError {
    /// The server cannot be reached, or refuses.
    #[error("nats server cannot be reached")]
    Connect(#[source] async_nats::ConnectError),
    /// The subscription is not possible.
    #[error("subject cannot be subscribed to")]
    Subscribe(#[source] async_nats::SubscribeError),
    /// A message cannot be published.
    #[error("message cannot be published")]
    Publish(#[source] async_nats::PublishError),
    /// The connection ended for good.
    #[error("nats connection is closed")]
    Closed,
    /// A message is not a part of a feed. Reading goes on with the next one.
    #[error("message is not a part of the feed")]
    Message(#[source] NatsMessageError),
}

impl NatsFeedError {
    /// What the driver does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Connect(_) | Self::Publish(_) | Self::Closed | Self::Message(_) => {
                Severity::Retry
            }
            Self::Subscribe(_) => Severity::Halt,
        }
    }
}

impl From<SettleError> for NatsFeedError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Subscribe(source) => Self::Subscribe(source),
            SettleError::Publish(source) => Self::Publish(source),
            SettleError::Closed | SettleError::Late(_) => Self::Closed,
        }
    }
}
