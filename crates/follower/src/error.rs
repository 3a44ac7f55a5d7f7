//! What can go wrong with a node, and what to do then.

use alloy_primitives::{B256, Bytes};
use alloy_transport::TransportError;
use weir_primitives::Severity;

/// JSON-RPC code of "limit exceeded" (EIP-1474).
const CODE_LIMIT_EXCEEDED: i64 = -32005;
/// JSON-RPC codes of requests that no node would accept: invalid request, unknown method, invalid parameters.
const CODES_OF_BAD_REQUESTS: std::ops::RangeInclusive<i64> = -32602..=-32600;

/// An error object in a node's answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node refused: code={code} message={message}")]
pub struct RefusedError {
    /// The JSON-RPC error code.
    pub code: i64,
    /// What the node says. For people and for [`SendOutcome`](crate::SendOutcome); its wording differs between clients.
    pub message: String,
    /// The error's data where it is bytes: what a call reverted with.
    pub data: Option<Bytes>,
}

/// Why a node did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not one of `http://` or `ws://`, or the WebSocket cannot be opened.
    #[error("connection cannot be opened: url={url}")]
    Connect {
        /// The URL without path, query and password.
        url: String,
        /// What the transport says.
        #[source]
        source: Box<TransportError>,
    },
    /// There was no answer before the deadline.
    #[error("no answer in time: method={method} timeout_ms={timeout_ms}")]
    Timeout {
        /// The JSON-RPC method.
        method: &'static str,
        /// The deadline.
        timeout_ms: u64,
    },
    /// The request or its answer was lost on the way, or the server answered with an HTTP error.
    #[error("request was lost on the way: method={method}")]
    Transport {
        /// The JSON-RPC method.
        method: &'static str,
        /// What the transport says.
        #[source]
        source: Box<TransportError>,
    },
    /// The node answered with an error object.
    #[error("request was refused: method={method}")]
    Refused {
        /// The JSON-RPC method.
        method: &'static str,
        /// The error object.
        #[source]
        source: RefusedError,
    },
    /// The node's answer is not of the form that the method promises, or has a transaction type that Weir does not know.
    #[error("answer is malformed: method={method}")]
    Malformed {
        /// The JSON-RPC method.
        method: &'static str,
        /// What the parser says.
        #[source]
        source: Box<TransportError>,
    },
    /// The node does not know a block by the hash it gave before: it was reorged away or pruned.
    #[error("block is unknown to the node: hash={hash}")]
    UnknownBlock {
        /// The hash asked for.
        hash: B256,
    },
    /// The node's answer contradicts itself: a header, body or receipts do not hash to what is claimed.
    #[error(
        "answer contradicts itself: part={part} block={block} claimed={claimed} computed={computed}"
    )]
    Inconsistent {
        /// What does not fit: for example `block hash`, `transactions root` or `receipts root`.
        part: &'static str,
        /// Number of the block.
        block: u64,
        /// The hash the node claims.
        claimed: B256,
        /// The hash of what the node sent.
        computed: B256,
    },
    /// The node's answer contradicts itself: it does not have as many entries as the block has transactions.
    #[error("answer is incomplete: part={part} block={block} expected={expected} found={found}")]
    Incomplete {
        /// `receipts` or `transactions`.
        part: &'static str,
        /// Number of the block.
        block: u64,
        /// How many there must be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The node's answer contradicts itself: the bloom filter in the header is not that of the logs.
    #[error("bloom filter is not that of the logs: block={block}")]
    BloomMismatch {
        /// Number of the block.
        block: u64,
    },
    /// The node's answer contradicts itself: logs are out of order, or twice there.
    #[error("logs are out of order: block={block}")]
    LogOrder {
        /// Number of the block.
        block: u64,
    },
    /// A transaction of a block has a signature that recovers to no address.
    #[error("sender cannot be recovered: block={block}")]
    Sender {
        /// Number of the block.
        block: u64,
        /// Which transaction.
        #[source]
        source: weir_primitives::SenderError,
    },
}

impl ClientError {
    /// What the caller does next.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Connect { .. } | Self::Timeout { .. } | Self::Transport { .. } => Severity::Retry,
            Self::UnknownBlock { .. } => Severity::Reset,
            Self::Refused { source, .. } if source.code == CODE_LIMIT_EXCEEDED => Severity::Retry,
            Self::Refused { source, .. } if is_bad_request(source.code) => Severity::Halt,
            Self::Refused { .. } => Severity::Reset,
            Self::Malformed { .. }
            | Self::Inconsistent { .. }
            | Self::Incomplete { .. }
            | Self::BloomMismatch { .. }
            | Self::LogOrder { .. }
            | Self::Sender { .. } => Severity::Halt,
        }
    }

    /// The node's error object, if that is what this is.
    pub const fn refused(&self) -> Option<&RefusedError> {
        match self {
            Self::Refused { source, .. } => Some(source),
            _ => None,
        }
    }

    pub(crate) fn from_transport(method: &'static str, error: TransportError) -> Self {
        match error {
            TransportError::ErrorResp(payload) => {
                let data = payload.as_revert_data().or_else(|| {
                    let data = payload.try_data_as::<Bytes>()?;
                    data.ok()
                });
                let message = payload.message.into_owned();
                Self::Refused { method, source: RefusedError { code: payload.code, message, data } }
            }
            TransportError::Transport(_) => Self::Transport { method, source: Box::new(error) },
            other => Self::Malformed { method, source: Box::new(other) },
        }
    }
}

pub(crate) const fn is_bad_request(code: i64) -> bool {
    *CODES_OF_BAD_REQUESTS.start() <= code && code <= *CODES_OF_BAD_REQUESTS.end()
}
