//! What an operator may do to a running node.

use super::{BackendError, Readiness};
use crate::LimitRules;
use alloy_primitives::{Address, B256};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};

/// A halted part of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HaltView {
    /// `ingress`, `sealing`, `batching` or `searching`.
    pub scope: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Unix time in milliseconds.
    pub since_ms: u64,
    /// Who halted it: name and address.
    pub by: String,
}

/// How the node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminStatusView {
    /// Number of the newest sealed block.
    pub head_number: u64,
    /// Its hash.
    pub head_hash: B256,
    /// Transactions in the pool that are executable next or behind such.
    pub pending: u64,
    /// Transactions in the pool that wait for a missing nonce.
    pub queued: u64,
    /// Bytes in the journal.
    pub journal_bytes: u64,
    /// Whether the node is emptying its pool and then stops.
    pub is_draining: bool,
    /// What is halted.
    pub halts: Vec<HaltView>,
}

/// The key that is to sign for a role from now on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RotateKeyRequest {
    /// Where it is, as the setting spells it: a file of the node, or `http://HOST:PORT#0xADDRESS`. Without it, the present file is
    /// read again.
    pub key: Option<String>,
    /// File of the node with the password, if the key is a keystore.
    pub password: Option<PathBuf>,
    /// How long the signatures of the key that signed so far are believed, in milliseconds. Default: what the setting says.
    pub overlap_ms: Option<u64>,
}

/// A change of the key of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRotationView {
    /// The key that signed so far.
    pub previous: Address,
    /// The key that signs now; the same if the file still holds it.
    pub signer: Address,
}

/// Controls of a node. `caller` is who acts: name and address. Every act is in the audit log, also one that failed.
pub trait AdminBackend: Send + Sync + 'static {
    /// Whether the node takes transactions and puts them into blocks.
    fn readiness(&self) -> Readiness;

    /// How the node stands.
    fn status(&self) -> AdminStatusView;

    /// Halts a scope until it is resumed, over restarts.
    fn halt(&self, caller: &str, scope: &str, reason: &str) -> Result<(), BackendError>;

    /// Lets a scope go on; answers whether it was halted.
    fn resume(&self, caller: &str, scope: &str) -> Result<bool, BackendError>;

    /// Drops a transaction that is in no block; answers whether it was in the pool.
    fn drop_transaction(&self, caller: &str, hash: B256) -> Result<bool, BackendError>;

    /// Drops all transactions of a sender that are in no block; answers their hashes.
    fn drop_sender(&self, caller: &str, sender: Address) -> Result<Vec<B256>, BackendError>;

    /// Replaces the filter of the logs.
    fn set_log_filter(&self, caller: &str, filter: &str) -> Result<(), BackendError>;

    /// Rewrites the journal so that it holds what is needed and nothing else; answers its bytes.
    fn compact_journal(&self, caller: &str) -> Result<u64, BackendError>;

    /// Takes no more transactions, puts those that are executable into blocks, and then stops the node.
    fn drain(&self, caller: &str) -> Result<(), BackendError>;

    /// The limits in force on the node's JSON-RPC server.
    fn limits(&self) -> Result<Arc<LimitRules>, BackendError>;

    /// Puts other limits in force, given in TOML as the file of the setting has them. They are not kept: the file is.
    fn set_limits(&self, caller: &str, text: &str) -> Result<(), BackendError>;

    /// Lets another key sign for a role.
    fn rotate_key(
        &self,
        caller: String,
        role: String,
        request: RotateKeyRequest,
    ) -> BoxFuture<'static, Result<KeyRotationView, BackendError>>;
}
