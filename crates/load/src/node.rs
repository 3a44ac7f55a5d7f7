//! What a load run asks of a node, in typed form.

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{LoadError, connection::Connection, endpoint::Endpoint};

/// Calls in one JSON-RPC batch; below the batch limits of common nodes.
const BATCH_CALLS_MAX: usize = 100;
/// Offered when the node does not know `eth_maxPriorityFeePerGas`, in wei.
const DEFAULT_PRIORITY_FEE: u128 = 1_000_000_000;

/// A node with its chain id.
#[derive(Debug)]
pub(crate) struct Node {
    connection: Connection,
    /// The chain's id, for signatures (EIP-155).
    pub(crate) chain_id: u64,
}

/// What gas costs in the next block, in wei per gas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GasPrice {
    /// Base fee of the next block (EIP-1559).
    pub(crate) base_fee: u128,
    /// The tip that the node suggests.
    pub(crate) priority_fee: u128,
}

/// The parts of a block that a load run needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockSummary {
    /// Gas used by all its transactions.
    pub(crate) gas_used: U64,
    /// Hashes of its transactions, in order.
    pub(crate) transactions: Vec<B256>,
}

/// The parts of a receipt that a load run needs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiptSummary {
    /// Whose receipt it is.
    pub(crate) transaction_hash: B256,
    /// One if the execution succeeded.
    pub(crate) status: U64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    base_fee_per_gas: Vec<U256>,
}

impl Node {
    /// Connects and reads the chain id.
    pub(crate) async fn connect(endpoint: Endpoint) -> Result<Self, LoadError> {
        let mut connection = Connection::new(endpoint);
        let chain_id: U64 = connection.call("eth_chainId", json!([])).await?;
        Ok(Self { connection, chain_id: chain_id.to() })
    }

    /// The node's name and version, in its own words.
    pub(crate) async fn client_version(&mut self) -> Result<String, LoadError> {
        self.connection.call("web3_clientVersion", json!([])).await
    }

    /// Number of the newest block.
    pub(crate) async fn head(&mut self) -> Result<u64, LoadError> {
        let head: U64 = self.connection.call("eth_blockNumber", json!([])).await?;
        Ok(head.to())
    }

    /// A block by number, or nothing if it does not exist yet.
    pub(crate) async fn block(&mut self, number: u64) -> Result<Option<BlockSummary>, LoadError> {
        self.connection.call("eth_getBlockByNumber", json!([U64::from(number), false])).await
    }

    /// The receipts of a block, or nothing if it does not exist.
    pub(crate) async fn block_receipts(
        &mut self,
        number: u64,
    ) -> Result<Option<Vec<ReceiptSummary>>, LoadError> {
        self.connection.call("eth_getBlockReceipts", json!([U64::from(number)])).await
    }

    /// The receipts of transactions, where they are included.
    pub(crate) async fn receipts(
        &mut self,
        hashes: &[B256],
    ) -> Result<Vec<Option<ReceiptSummary>>, LoadError> {
        let params = hashes.iter().map(|hash| json!([hash])).collect();
        self.batched("eth_getTransactionReceipt", params).await
    }

    /// The next nonce of each account, transactions in the node's pool counted.
    pub(crate) async fn nonces(&mut self, accounts: &[Address]) -> Result<Vec<u64>, LoadError> {
        let params = accounts.iter().map(|account| json!([account, "pending"])).collect();
        let nonces: Vec<U64> = self.batched("eth_getTransactionCount", params).await?;
        Ok(nonces.into_iter().map(|nonce| nonce.to()).collect())
    }

    /// The next nonce of one account, transactions in the node's pool counted.
    pub(crate) async fn nonce(&mut self, account: Address) -> Result<u64, LoadError> {
        let params = json!([account, "pending"]);
        let nonce: U64 = self.connection.call("eth_getTransactionCount", params).await?;
        Ok(nonce.to())
    }

    /// The balance of one account, in wei.
    pub(crate) async fn balance(&mut self, account: Address) -> Result<U256, LoadError> {
        self.connection.call("eth_getBalance", json!([account, "latest"])).await
    }

    /// The balance of each account, in wei.
    pub(crate) async fn balances(&mut self, accounts: &[Address]) -> Result<Vec<U256>, LoadError> {
        let params = accounts.iter().map(|account| json!([account, "latest"])).collect();
        self.batched("eth_getBalance", params).await
    }

    /// The code at each address, empty where there is no contract.
    pub(crate) async fn codes(&mut self, addresses: &[Address]) -> Result<Vec<Bytes>, LoadError> {
        let params = addresses.iter().map(|address| json!([address, "latest"])).collect();
        self.batched("eth_getCode", params).await
    }

    /// Runs calls (contract, call data) at the newest block.
    pub(crate) async fn calls(
        &mut self,
        calls: &[(Address, Bytes)],
    ) -> Result<Vec<Bytes>, LoadError> {
        let params =
            calls.iter().map(|(to, data)| json!([{"to": to, "data": data}, "latest"])).collect();
        self.batched("eth_call", params).await
    }

    /// The price of gas in the next block, from `eth_feeHistory`, or `eth_gasPrice` where that is unknown.
    pub(crate) async fn gas_price(&mut self) -> Result<GasPrice, LoadError> {
        let history = self.connection.call("eth_feeHistory", json!(["0x1", "latest", []])).await;
        let base_fee = match history {
            Ok(FeeHistory { base_fee_per_gas }) => base_fee_per_gas.last().copied(),
            Err(LoadError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        let base_fee = match base_fee {
            Some(base_fee) => base_fee,
            None => self.connection.call("eth_gasPrice", json!([])).await?,
        };
        let priority_fee = self.connection.call("eth_maxPriorityFeePerGas", json!([])).await;
        let priority_fee: U256 = match priority_fee {
            Ok(fee) => fee,
            Err(LoadError::Refused { .. }) => U256::from(DEFAULT_PRIORITY_FEE),
            Err(error) => return Err(error),
        };
        Ok(GasPrice {
            base_fee: base_fee.saturating_to(),
            priority_fee: priority_fee.saturating_to(),
        })
    }

    /// The connection, to post signed transactions.
    pub(crate) const fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    async fn batched<R: serde::de::DeserializeOwned>(
        &mut self,
        method: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<R>, LoadError> {
        let mut results = Vec::with_capacity(params.len());
        let mut params = params.into_iter().peekable();
        while params.peek().is_some() {
            let some = params.by_ref().take(BATCH_CALLS_MAX).collect();
            results.extend(self.connection.batch::<R>(method, some).await?);
        }
        Ok(results)
    }
}
