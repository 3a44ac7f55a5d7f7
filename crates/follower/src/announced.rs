//! Heads that a node announces over a WebSocket.

use crate::{ChainClient, ClientError};
use alloy_primitives::B256;
use serde_json::value::RawValue;
use tokio::sync::broadcast::{self, error::RecvError};

/// A `newHeads` subscription. What it carries is not looked at: announcements may be late, doubled, out of order or of a
/// block that has been reorged away since, so each is only a reason to ask for the head.
#[derive(Debug)]
pub(crate) struct HeadSubscription {
    heads: broadcast::Receiver<Box<RawValue>>,
}

/// The connection that carried the announcements is gone.
#[derive(Debug)]
pub(crate) struct ConnectionLost;

impl HeadSubscription {
    /// Waits for the next announcement, and takes those that have arrived behind it. Cancel-safe.
    pub(crate) async fn announced(&mut self) -> Result<(), ConnectionLost> {
        match self.heads.recv().await {
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(ConnectionLost),
        }
        while self.heads.try_recv().is_ok() {}
        Ok(())
    }
}

impl ChainClient {
    /// Subscribes to `newHeads`. `None` over HTTP.
    pub(crate) async fn subscribe_heads(&self) -> Result<Option<HeadSubscription>, ClientError> {
        const METHOD: &str = "eth_subscribe";
        if !self.connection().is_websocket() {
            return Ok(None);
        }
        let exchange = self.connection().exchange(METHOD, async |rpc| {
            // Alloy answers with an id of its own, which stays the same for all subscribers of one connection.
            let id: B256 = rpc.request(METHOD, ["newHeads"]).await?;
            match rpc.pubsub_frontend() {
                Some(frontend) => Ok(Some(frontend.get_subscription(id).await?.rx)),
                None => Ok(None),
            }
        });
        let timeout = self.config().request_timeout;
        let timed_out = |_| ClientError::Timeout {
            method: METHOD,
            timeout_ms: crate::request::millis(timeout),
        };
        let heads = tokio::time::timeout(timeout, exchange).await.map_err(timed_out)??;
        Ok(heads.map(|heads| HeadSubscription { heads }))
    }
}
