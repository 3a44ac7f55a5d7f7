//! One request with a deadline, and reads that are tried again.

use crate::{Backoff, ChainClient, ClientError};
use alloy_json_rpc::{RpcRecv, RpcSend};
use weir_primitives::Severity;

impl ChainClient {
    /// Sends a request once, with the deadline.
    pub(crate) async fn once<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: P,
    ) -> Result<R, ClientError> {
        let timeout = self.config().request_timeout;
        metrics::counter!("weir_follower_requests_total", "method" => method).increment(1);
        let exchange = self.connection().exchange(method, async |rpc| {
            let answer: Result<R, _> = rpc.request(method, params).await;
            answer
        });
        let result = match tokio::time::timeout(timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::Timeout { method, timeout_ms: millis(timeout) }),
        };
        if result.is_err() {
            metrics::counter!("weir_follower_request_errors_total", "method" => method)
                .increment(1);
        }
        result
    }

    /// Sends a read until it is answered or the attempts are used up.
    pub(crate) async fn read<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: P,
    ) -> Result<R, ClientError> {
        self.retrying(|| self.once(method, params.clone())).await
    }

    /// Repeats an idempotent operation while its error says that it may succeed.
    pub(crate) async fn retrying<T, F>(&self, operation: impl Fn() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let config = self.config();
        let mut backoff = Backoff::new(config.backoff_base, config.backoff_max);
        loop {
            let error = match operation().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait = backoff.next_wait();
            if error.severity() != Severity::Retry || backoff.failures() >= config.read_attempts_max
            {
                return Err(error);
            }
            tracing::debug!(%error, wait_ms = millis(wait), "read is tried again");
            tokio::time::sleep(wait).await;
        }
    }
}

pub(crate) fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
