//! A node as a child process.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_network::TxSignerSync;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee::{
    core::{
        client::{ClientT, Error as ClientError},
        params::ArrayParams,
    },
    http_client::{HttpClient, HttpClientBuilder},
    rpc_params,
};
use serde_json::Value;
use std::{
    path::Path,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};
use weir_testkit::Child;

/// The first development account's key.
pub(crate) const DEV_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// The second one's.
pub(crate) const SECOND_KEY: &str =
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
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
        Self::run("dev", arguments)
    }

    /// Starts `weir node` on free ports: one that serves the chain in a data folder and builds no blocks.
    pub(crate) fn follower(datadir: &Path) -> Self {
        let datadir = datadir.to_str().expect("the path is text");
        Self::run("node", &["--role", "follower", "--datadir", datadir])
    }

    fn run(kind: &str, arguments: &[&str]) -> Self {
        let child = Child::start(Self::command(kind).args(arguments));
        let line = child.line(PATIENCE);
        Self::at(child, &line)
    }

    fn command(kind: &str) -> Command {
        let mut command = weir();
        command.args([kind, "--http-port", "0", "--metrics-port", "0", "--print-ready"]);
        command.args(["--log-filter", "warn"]);
        command
    }

    /// A node that says with this line where it serves.
    fn at(child: Child, line: &str) -> Self {
        let ready: Value = serde_json::from_str(line).expect("one line of JSON");
        let http = ready["http"].as_str().expect("an address").to_owned();
        Self { child, http, ready }
    }

    /// Starts `weir dev` on a data folder.
    pub(crate) fn on(datadir: &Path, arguments: &[&str]) -> Self {
        let datadir = datadir.to_str().expect("the path is text");
        Self::start(&[&["--datadir", datadir], arguments].concat())
    }

    /// As [`Self::on`], for a node that may die before it serves: how it ended then.
    pub(crate) fn try_on(datadir: &Path, arguments: &[&str]) -> Result<Self, ExitStatus> {
        let child =
            Child::start(Self::command("dev").arg("--datadir").arg(datadir).args(arguments));
        match child.try_line(PATIENCE) {
            Some(line) => Ok(Self::at(child, &line)),
            None => Err(child.wait()),
        }
    }

    /// A client of this node.
    pub(crate) fn client(&self) -> Client {
        Client::at(&self.http)
    }
}

/// A JSON-RPC client that signs with the first development account.
pub(crate) struct Client {
    http: HttpClient,
    pub(crate) signer: PrivateKeySigner,
}

impl Client {
    /// A client of the server at this URL.
    pub(crate) fn at(url: &str) -> Self {
        let http = HttpClientBuilder::default().build(url).expect("the address is a URL");
        Self { http, signer: DEV_KEY.parse().expect("the key is valid") }
    }

    /// Calls a method that must be refused, and returns the words.
    pub(crate) async fn refused(&self, method: &str, params: ArrayParams) -> String {
        let answer: Result<Value, _> = self.http.request(method, params).await;
        answer.expect_err("the call is refused").to_string()
    }

    /// Calls a method that must be refused, and returns the code, the words and the data.
    pub(crate) async fn error(&self, method: &str, params: ArrayParams) -> (i64, String, Value) {
        let answer: Result<Value, _> = self.http.request(method, params).await;
        let ClientError::Call(error) = answer.expect_err("the call is refused") else {
            panic!("{method} is not answered");
        };
        let data = error.data().map(|data| serde_json::from_str(data.get()).expect("JSON"));
        let data = data.unwrap_or(Value::Null);
        (error.code().into(), error.message().to_owned(), data)
    }

    /// Calls a method; the words if the node refuses or is gone.
    pub(crate) async fn try_call(
        &self,
        method: &str,
        params: ArrayParams,
    ) -> Result<Value, String> {
        self.http.request(method, params).await.map_err(|error| error.to_string())
    }

    /// Calls a method; panics with the node's words if it refuses.
    pub(crate) async fn call(&self, method: &str, params: ArrayParams) -> Value {
        let answer = self.http.request(method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends one wei with this nonce, and returns the hash that the node acknowledged.
    pub(crate) async fn transfer(&self, nonce: u64) -> B256 {
        let raw = self.raw_transfer(nonce, 10_000_000_000, 1);
        let hash = self.call("eth_sendRawTransaction", rpc_params![raw]).await;
        serde_json::from_value(hash).expect("the answer is a hash")
    }

    /// Sends a transaction with this nonce, and returns the hash that the node acknowledged.
    pub(crate) async fn send(&self, nonce: u64, to: TxKind, value: U256, input: Bytes) -> B256 {
        let gas_limit = if input.is_empty() { 21_000 } else { 500_000 };
        let draft = TxEip1559 { nonce, gas_limit, to, value, input, ..draft(10_000_000_000, 1) };
        let raw = self.sign(draft);
        let hash = self.call("eth_sendRawTransaction", rpc_params![raw]).await;
        serde_json::from_value(hash).expect("the answer is a hash")
    }

    /// The encoding of a transfer of one wei; fees are in wei per gas.
    pub(crate) fn raw_transfer(&self, nonce: u64, fee_cap: u128, tip: u128) -> Bytes {
        self.sign(TxEip1559 {
            nonce,
            gas_limit: 21_000,
            to: Address::repeat_byte(0x77).into(),
            value: U256::from(1),
            ..draft(fee_cap, tip)
        })
    }

    fn sign(&self, mut transaction: TxEip1559) -> Bytes {
        let signature = self.signer.sign_transaction_sync(&mut transaction).expect("the key signs");
        TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into()
    }

    /// The number of the head.
    pub(crate) async fn head(&self) -> u64 {
        quantity(&self.call("eth_blockNumber", rpc_params![]).await)
    }

    /// The hash of a block, if it is there.
    pub(crate) async fn block_hash(&self, number: u64) -> Option<B256> {
        let params = rpc_params![format!("{number:#x}"), false];
        let block = self.call("eth_getBlockByNumber", params).await;
        serde_json::from_value(block["hash"].clone()).ok()
    }

    /// The nonce of the signing account after the head.
    pub(crate) async fn nonce(&self) -> u64 {
        let params = rpc_params![self.signer.address(), "latest"];
        quantity(&self.call("eth_getTransactionCount", params).await)
    }

    /// Waits until a block includes the transaction, and returns its number.
    pub(crate) async fn included(&self, hash: B256) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let receipt = self.call("eth_getTransactionReceipt", rpc_params![hash]).await;
            if !receipt.is_null() {
                return quantity(&receipt["blockNumber"]);
            }
            assert!(Instant::now() < deadline, "{hash} is not included");
            self.next_block().await;
        }
    }

    /// Waits for the head to move.
    pub(crate) async fn next_block(&self) {
        let before = self.head().await;
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        let deadline = Instant::now() + PATIENCE;
        while self.head().await == before {
            assert!(Instant::now() < deadline, "the head does not move");
            interval.tick().await;
        }
    }
}

/// A transaction of the development chain; fees are in wei per gas.
fn draft(fee_cap: u128, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: 61_972,
        max_fee_per_gas: fee_cap,
        max_priority_fee_per_gas: tip,
        ..TxEip1559::default()
    }
}

pub(crate) fn quantity(value: &Value) -> u64 {
    let text = value.as_str().expect("a quantity is a string");
    u64::from_str_radix(text.trim_start_matches("0x"), 16).expect("a quantity is hexadecimal")
}
