//! A node as a child process.

use alloy_network::{EthereumWallet, TransactionBuilder};
use alloy_primitives::{Address, B256, U256};
use alloy_provider::{DynProvider, Provider, ProviderBuilder};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer_local::PrivateKeySigner;
use serde_json::Value;
use std::{path::Path, process::Command, time::Duration};
use weir_testkit::Child;

/// The first development account's key.
pub(crate) const DEV_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// How long a node may take to serve, or a block to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) fn weir() -> Command {
    Command::new(env!("CARGO_BIN_EXE_weir"))
}

/// A running `weir dev`.
pub(crate) struct Node {
    pub(crate) child: Child,
    pub(crate) http: String,
    pub(crate) ready: Value,
}

impl Node {
    /// Starts `weir dev` on free ports.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut command = weir();
        command.args(["dev", "--http-port", "0", "--metrics-port", "0", "--print-ready"]);
        command.args(["--log-filter", "warn"]).args(arguments);
        let child = Child::start(&mut command);
        let ready: Value = serde_json::from_str(&child.line(PATIENCE)).expect("one line of JSON");
        let http = ready["http"].as_str().expect("an address").to_owned();
        Self { child, http, ready }
    }

    /// Starts `weir dev` on a data folder.
    pub(crate) fn on(datadir: &Path, arguments: &[&str]) -> Self {
        let datadir = datadir.to_str().expect("the path is text");
        Self::start(&[&["--datadir", datadir], arguments].concat())
    }

    /// A client that signs with the first development account.
    pub(crate) fn client(&self) -> DynProvider {
        let signer: PrivateKeySigner = DEV_KEY.parse().expect("the key is valid");
        ProviderBuilder::new()
            .disable_recommended_fillers()
            .wallet(EthereumWallet::from(signer))
            .connect_http(self.http.parse().expect("the address is a URL"))
            .erased()
    }
}

/// A transfer of one wei from the first development account.
pub(crate) fn transfer(nonce: u64) -> TransactionRequest {
    TransactionRequest::default()
        .with_to(Address::repeat_byte(0x77))
        .with_value(U256::from(1))
        .with_nonce(nonce)
        .with_gas_limit(21_000)
        .with_max_fee_per_gas(10_000_000_000)
        .with_max_priority_fee_per_gas(1)
        .with_chain_id(61_972)
}

/// Waits until a block includes the transaction, and returns its number. Polls by block, not by time.
pub(crate) async fn included(client: &DynProvider, hash: B256) -> u64 {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let receipt = client.get_transaction_receipt(hash).await.expect("the node answers");
        if let Some(receipt) = receipt {
            return receipt.block_number.expect("a receipt has a block");
        }
        assert!(std::time::Instant::now() < deadline, "{hash} is not included");
        next_block(client).await;
    }
}

/// Waits for the head to move.
pub(crate) async fn next_block(client: &DynProvider) {
    let before = client.get_block_number().await.expect("the node answers");
    let mut interval = tokio::time::interval(Duration::from_millis(20));
    let deadline = std::time::Instant::now() + PATIENCE;
    while client.get_block_number().await.expect("the node answers") == before {
        assert!(std::time::Instant::now() < deadline, "the head does not move");
        interval.tick().await;
    }
}
