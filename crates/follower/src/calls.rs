//! Many reads of one block in few requests.

use crate::{ChainClient, ClientError, request::millis};
use alloy_eips::BlockId;
use alloy_json_rpc::{RpcRecv, RpcSend};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rpc_types_eth::TransactionRequest;

/// One read-only call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRequest {
    /// The contract.
    pub to: Address,
    /// Selector and arguments.
    pub data: Bytes,
}

impl CallRequest {
    pub(crate) fn to_rpc(&self) -> TransactionRequest {
        TransactionRequest::default().to(self.to).input(self.data.clone().into())
    }
}

/// How one call of many ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// It returned these bytes (none if the address has no code).
    Returned(Bytes),
    /// It reverted, with this data where the node reports it.
    Reverted(Option<Bytes>),
}

impl CallOutcome {
    /// The bytes returned, or `None` if it reverted.
    pub const fn returned(&self) -> Option<&Bytes> {
        match self {
            Self::Returned(bytes) => Some(bytes),
            Self::Reverted(_) => None,
        }
    }
}

/// JSON-RPC code of a reverted call, and the general server error that some nodes use for it.
const CODES_OF_REVERTS: [i64; 2] = [3, -32000];

impl ChainClient {
    /// Executes calls on the state after one block, in JSON-RPC batches, and returns the outcomes in the order of the calls.
    ///
    /// # Errors
    /// Any [`ClientError`]; a revert is an outcome and not an error.
    pub async fn call_many(
        &self,
        calls: &[CallRequest],
        block_hash: B256,
    ) -> Result<Vec<CallOutcome>, ClientError> {
        let at = BlockId::hash(block_hash);
        let params: Vec<_> = calls.iter().map(|call| (call.to_rpc(), at)).collect();
        let answers = self.read_many::<_, Bytes>("eth_call", &params).await?;
        let outcome = |answer| match answer {
            Ok(bytes) => Ok(CallOutcome::Returned(bytes)),
            Err(ClientError::Refused { source, .. }) if CODES_OF_REVERTS.contains(&source.code) => {
                if source.code == 3 || source.message.contains("revert") {
                    return Ok(CallOutcome::Reverted(source.data));
                }
                Err(ClientError::Refused { method: "eth_call", source })
            }
            Err(error) => Err(error),
        };
        answers.into_iter().map(outcome).collect()
    }

    /// Reads storage slots after one block, in JSON-RPC batches, in the order asked.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn storage_many(
        &self,
        slots: &[(Address, U256)],
        block_hash: B256,
    ) -> Result<Vec<U256>, ClientError> {
        let at = BlockId::hash(block_hash);
        let params: Vec<_> =
            slots.iter().map(|(address, slot)| (*address, B256::from(*slot), at)).collect();
        let answers = self.read_many::<_, U256>("eth_getStorageAt", &params).await?;
        answers.into_iter().collect()
    }

    /// One method with many parameters. The outer error is of the transport, the inner ones are the node's answers.
    pub(crate) async fn read_many<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: &[P],
    ) -> Result<Vec<Result<R, ClientError>>, ClientError> {
        let mut answers = Vec::with_capacity(params.len());
        for chunk in params.chunks(self.config().batch_calls_max.max(1)) {
            answers.extend(self.retrying(|| self.batch_once(method, chunk)).await?);
        }
        Ok(answers)
    }

    async fn batch_once<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: &[P],
    ) -> Result<Vec<Result<R, ClientError>>, ClientError> {
        metrics::counter!("weir_follower_requests_total", "method" => method).increment(1);
        let timeout = self.config().request_timeout;
        let exchange = self.connection().exchange(method, async |rpc| {
            let mut batch = rpc.new_batch();
            let mut waiters = Vec::with_capacity(params.len());
            for params in params {
                waiters.push(batch.add_call::<_, R>(method, params)?);
            }
            batch.send().await?;
            Ok(waiters)
        });
        let sent = tokio::time::timeout(timeout, exchange).await;
        let waiters =
            sent.map_err(|_| ClientError::Timeout { method, timeout_ms: millis(timeout) })??;
        let mut answers = Vec::with_capacity(waiters.len());
        for waiter in waiters {
            match waiter.await.map_err(|error| ClientError::from_transport(method, error)) {
                // An answer that is missing from the batch makes the whole batch worth another attempt.
                Err(error @ ClientError::Transport { .. }) => return Err(error),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }
}
