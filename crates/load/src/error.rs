//! What can go wrong before, during and after a load run.

use std::path::PathBuf;

use alloy_primitives::{Address, B256, U256};

/// Why a load run, a deployment or a traffic stream stopped.
///
/// A transaction that the node refuses during a run is not an error: the report counts it by reason.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The node's address is not a plain `http://host[:port][/path]`. Correct the setting.
    #[error("node address must be http://host[:port][/path] url={url}")]
    InvalidUrl {
        /// The address as given.
        url: String,
    },
    /// A setting is outside of what it may be. Correct the setting.
    #[error("setting out of range setting={setting} allowed={allowed}")]
    InvalidSetting {
        /// Name of the setting.
        setting: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// The key is zero or not below the order of secp256k1. Give another key.
    #[error("private key is not a secp256k1 scalar")]
    InvalidKey,
    /// Nobody listens at the node's address. Start the node or correct the address.
    #[error("cannot connect to the node address={address}")]
    Connect {
        /// Host and port.
        address: String,
        /// The socket's answer.
        #[source]
        source: std::io::Error,
    },
    /// The connection broke in the middle of a request. Retry.
    #[error("connection to the node failed")]
    Transport {
        /// What the HTTP client saw.
        #[source]
        source: hyper::Error,
    },
    /// The node did not answer a request in time. Retry, or look at the node.
    #[error("node did not answer timeout_ms={timeout_ms}")]
    Timeout {
        /// How long we waited.
        timeout_ms: u64,
    },
    /// The HTTP answer was not 200. The address may not be that of a JSON-RPC endpoint.
    #[error("node answered with an HTTP error status={status}")]
    HttpStatus {
        /// The status code.
        status: u16,
    },
    /// The answer is not the JSON that the method promises.
    #[error("node answered with unexpected JSON method={method}")]
    MalformedReply {
        /// The JSON-RPC method.
        method: &'static str,
        /// What the decoder saw.
        #[source]
        source: serde_json::Error,
    },
    /// The node answered a request with a JSON-RPC error.
    #[error("node refused method={method} code={code} message={message}")]
    Refused {
        /// The JSON-RPC method.
        method: &'static str,
        /// JSON-RPC error code.
        code: i64,
        /// The node's own words.
        message: String,
    },
    /// A contract artifact is not where it was expected. Run `scripts/setup-npm`, or set the folder.
    #[error("cannot read contract artifact path={}", path.display())]
    ArtifactUnreadable {
        /// The file looked for.
        path: PathBuf,
        /// The file system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A contract artifact has no bytecode in the expected form.
    #[error("contract artifact is malformed path={}", path.display())]
    ArtifactMalformed {
        /// The file.
        path: PathBuf,
    },
    /// A pool's creation code is not the one deployed on mainnet: addresses and behaviour would differ.
    #[error(
        "creation code is not that of mainnet contract={contract} expected={expected} found={found}"
    )]
    InitCodeMismatch {
        /// `UniswapV2Pair` or `UniswapV3Pool`.
        contract: &'static str,
        /// keccak-256 of mainnet's creation code.
        expected: B256,
        /// keccak-256 of the package's creation code.
        found: B256,
    },
    /// The factory's bytecode does not contain the pool creation code that was checked.
    #[error("factory does not create the pool that was checked contract={contract}")]
    FactoryMismatch {
        /// The factory's name.
        contract: &'static str,
    },
    /// The funding account cannot pay for the run. Give a richer `--key`, or fewer accounts.
    #[error("funding account is too poor account={account} held={held} needed={needed}")]
    InsufficientFunds {
        /// The funding account.
        account: Address,
        /// Its balance, in wei.
        held: U256,
        /// What the run needs, in wei.
        needed: U256,
    },
    /// A transaction of the preparation was included and failed.
    #[error("preparation transaction reverted step={step} hash={hash}")]
    SetupReverted {
        /// What the transaction was to do.
        step: &'static str,
        /// Its hash.
        hash: B256,
    },
    /// A transaction of the preparation was not included in time. The node may have stopped making blocks.
    #[error(
        "preparation transaction was not included step={step} hash={hash} timeout_ms={timeout_ms}"
    )]
    SetupNotIncluded {
        /// What the transaction was to do.
        step: &'static str,
        /// Its hash.
        hash: B256,
        /// How long we waited.
        timeout_ms: u64,
    },
    /// The deployer account has sent its transactions but an expected contract is absent or different.
    #[error("deployment on this chain is incomplete contract={contract} address={address}")]
    DeploymentIncomplete {
        /// The contract's name.
        contract: &'static str,
        /// Where it should be.
        address: Address,
    },
    /// The caller stopped the run before any transaction was sent.
    #[error("stopped before the first transaction")]
    Stopped,
    /// A worker of this crate panicked: a defect in Weir.
    #[error("load worker stopped")]
    Worker {
        /// What the runtime reports.
        #[source]
        source: tokio::task::JoinError,
    },
}
