//! The error object of JSON-RPC and the codes we use.

use crate::backend::{BackendError, PoolUnusable, SubmitError};
use serde::Serialize;
use std::borrow::Cow;
use weir_primitives::StateError;

/// JSON-RPC 2.0: the text is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// JSON-RPC 2.0: the JSON is not a request object (or a batch breaks a limit).
pub const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC 2.0: there is no such method.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// JSON-RPC 2.0: the parameters do not fit the method.
pub const INVALID_PARAMS: i32 = -32602;
/// JSON-RPC 2.0: the server failed.
pub const INTERNAL_ERROR: i32 = -32603;
/// EIP-1474: the request is fine but cannot be served (geth's default code).
pub const SERVER_ERROR: i32 = -32000;
/// ERC-7796: a condition does not hold, or cannot be checked.
pub const CONDITION_FAILED: i32 = -32003;
/// geth: an answer, or the answers of a batch, would exceed the size limit.
pub const RESPONSE_TOO_LARGE: i32 = -32003;
/// The operator has halted what the request needs; the message states why.
pub const HALTED: i32 = -32010;
/// EIP-1474: a limit of this server is reached; the message states which.
pub const LIMIT_EXCEEDED: i32 = -32005;
/// geth: the call ran and reverted; `data` holds what it returned.
pub const EXECUTION_REVERTED: i32 = 3;
/// execution-apis: the history asked for is no longer kept.
pub const PRUNED_HISTORY: i32 = 4444;
/// EIP-7966: the transaction was accepted but not included before the deadline.
pub const SYNC_TIMEOUT: i32 = 4;

/// EIP-7966: the transaction is not in the pool: it could not be executed now, or it was dropped.
pub const SYNC_NOT_READY: i32 = 5;

/// Codes of `eth_simulateV1`, as execution-apis states them.
pub mod simulation {
    /// A transaction's nonce is below its sender's.
    pub const NONCE_TOO_LOW: i32 = -38010;
    /// A transaction's nonce is above its sender's.
    pub const NONCE_TOO_HIGH: i32 = -38011;
    /// A transaction's fee cap is below the block's base fee.
    pub const BASE_FEE_TOO_LOW: i32 = -38012;
    /// A transaction's gas does not cover what is charged before execution.
    pub const INTRINSIC_GAS: i32 = -38013;
    /// A sender cannot pay for gas and value.
    pub const INSUFFICIENT_FUNDS: i32 = -38014;
    /// A transaction asks for more gas than its block has left.
    pub const BLOCK_GAS_LIMIT: i32 = -38015;
    /// A block's number is not above that of the block before.
    pub const BLOCK_NUMBER_ORDER: i32 = -38020;
    /// A block's time is not after that of the block before.
    pub const BLOCK_TIMESTAMP_ORDER: i32 = -38021;
    /// A precompile is moved to its own address.
    pub const MOVED_TO_ITSELF: i32 = -38022;
    /// Two precompiles are moved to one address.
    pub const MOVED_TWICE: i32 = -38023;
    /// A sender has code.
    pub const SENDER_NOT_EOA: i32 = -38024;
    /// The code of a creation is too long.
    pub const INIT_CODE_TOO_LONG: i32 = -38025;
    /// More blocks or calls than are simulated at once.
    pub const CLIENT_LIMIT: i32 = -38026;
    /// The EVM stopped a call.
    pub const VM_ERROR: i32 = -32015;
}

/// What a failed call answers: the `error` member of a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpcError {
    /// The code, see the constants of this module.
    pub code: i32,
    /// One sentence, lower case, stating limits and values.
    pub message: Cow<'static, str>,
    /// A JSON string that a program can act on, such as the revert data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
}

impl RpcError {
    /// An error without data.
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The same error with a data string.
    #[must_use]
    pub fn with_data(mut self, data: String) -> Self {
        self.data = Some(data);
        self
    }

    /// -32602 with this message.
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    /// -32000 with this message.
    pub fn server(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(SERVER_ERROR, message)
    }

    /// -32005 with this message.
    pub fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(LIMIT_EXCEEDED, message)
    }

    /// -32601, worded as geth does.
    pub fn method_not_found(method: &str) -> Self {
        let method = truncated(method, METHOD_NAME_ECHO_BYTES_MAX);
        Self::new(METHOD_NOT_FOUND, format!("the method {method} does not exist/is not available"))
    }

    /// The block a state was asked for is unknown.
    pub(crate) const fn header_not_found() -> Self {
        Self { code: SERVER_ERROR, message: Cow::Borrowed("header not found"), data: None }
    }
}

/// How much of an unknown method's name is echoed.
const METHOD_NAME_ECHO_BYTES_MAX: usize = 64;

fn truncated(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl From<StateError> for RpcError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Pruned { .. } => Self::new(PRUNED_HISTORY, error.to_string()),
            StateError::Store(_) | StateError::Missing { .. } => {
                tracing::error!(%error, "state read failed");
                Self::new(INTERNAL_ERROR, error.to_string())
            }
        }
    }
}

impl From<BackendError> for RpcError {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::State(error) => error.into(),
            BackendError::Unsupported => {
                Self::new(METHOD_NOT_FOUND, "this node does not offer the method")
            }
            BackendError::Limited { limit } => Self::limit(limit),
            BackendError::Halted { .. } => Self::new(HALTED, error.to_string()),
            BackendError::Refused { reason } => Self::invalid_params(reason),
            BackendError::Store(_) => {
                tracing::error!(%error, "read failed");
                Self::new(INTERNAL_ERROR, error.to_string())
            }
        }
    }
}

impl From<PoolUnusable> for RpcError {
    fn from(error: PoolUnusable) -> Self {
        Self::new(CONDITION_FAILED, format!("transaction rejected: {error}"))
            .with_data(error.code().to_owned())
    }
}

impl From<SubmitError> for RpcError {
    fn from(error: SubmitError) -> Self {
        Self { code: error.code, message: error.message.into(), data: error.data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_method_name_is_cut_at_a_character() {
        let name = "é".repeat(100);
        let error = RpcError::method_not_found(&name);
        assert!(error.message.len() < 120, "{}", error.message);
        assert!(error.message.contains(&"é".repeat(32)));
    }
}
