//! One connection that is opened again when it is lost.

use crate::ClientError;
use alloy_pubsub::{ConnectionHandle, PubSubConnect};
use alloy_rpc_client::{ClientBuilder, RpcClient, WsConnect};
use alloy_transport::{TransportError, TransportErrorKind, TransportResult};
use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
};
use tokio::sync::Mutex;

/// A WebSocket that alloy does not open again by itself: it would do so silently, and the heads announced meanwhile would
/// be missing without anybody knowing.
struct OnceConnected(WsConnect);

impl PubSubConnect for OnceConnected {
    fn is_local(&self) -> bool {
        self.0.is_local()
    }

    async fn connect(&self) -> TransportResult<ConnectionHandle> {
        self.0.connect().await
    }

    async fn try_reconnect(&self) -> TransportResult<ConnectionHandle> {
        Err(TransportErrorKind::non_retryable_str("the owner opens the connection again"))
    }
}

/// The transport of a client and all its clones.
pub(crate) struct Connection {
    url: String,
    current: Mutex<Opened>,
    /// What the node is known not to serve; see [`ReceiptMethod`](crate::logged::ReceiptMethod).
    receipt_method: AtomicU8,
}

struct Opened {
    rpc: RpcClient,
    generation: u64,
    is_lost: bool,
}

impl Connection {
    pub(crate) async fn open(url: &str) -> Result<Self, ClientError> {
        let opened = Opened { rpc: open(url).await?, generation: 0, is_lost: false };
        let current = Mutex::new(opened);
        Ok(Self { url: url.to_owned(), current, receipt_method: AtomicU8::new(0) })
    }

    pub(crate) fn receipt_method(&self) -> u8 {
        self.receipt_method.load(Ordering::Relaxed)
    }

    pub(crate) fn set_receipt_method(&self, method: u8) {
        self.receipt_method.store(method, Ordering::Relaxed);
    }

    /// Whether the node can announce heads.
    pub(crate) fn is_websocket(&self) -> bool {
        is_websocket(&self.url)
    }

    /// Runs one exchange over the connection, opening it first if the last exchange found it lost.
    pub(crate) async fn exchange<T>(
        &self,
        method: &'static str,
        exchange: impl AsyncFnOnce(&RpcClient) -> TransportResult<T>,
    ) -> Result<T, ClientError> {
        let (rpc, generation) = self.live().await?;
        let answer = exchange(&rpc).await;
        if answer.as_ref().is_err_and(is_gone) {
            self.lost(generation).await;
        }
        answer.map_err(|error| ClientError::from_transport(method, error))
    }

    async fn live(&self) -> Result<(RpcClient, u64), ClientError> {
        let mut current = self.current.lock().await;
        if current.is_lost {
            current.rpc = open(&self.url).await?;
            current.generation += 1;
            current.is_lost = false;
        }
        Ok((current.rpc.clone(), current.generation))
    }

    async fn lost(&self, generation: u64) {
        let mut current = self.current.lock().await;
        // Another clone may have opened it again already.
        if current.generation == generation {
            current.is_lost = true;
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("url", &without_secrets(&self.url)).finish()
    }
}

async fn open(url: &str) -> Result<RpcClient, ClientError> {
    let opened = if is_websocket(url) {
        ClientBuilder::default().pubsub(OnceConnected(WsConnect::new(url))).await
    } else {
        ClientBuilder::default().connect(url).await
    };
    opened.map_err(|source| ClientError::Connect {
        url: without_secrets(url),
        source: Box::new(source),
    })
}

fn is_websocket(url: &str) -> bool {
    url.starts_with("ws://") || url.starts_with("wss://")
}

fn is_gone(error: &TransportError) -> bool {
    error.as_transport_err().is_some_and(TransportErrorKind::is_backend_gone)
}

/// Scheme, host and port: access tokens stand in the path, the query or the user part.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_in_errors_carry_no_secrets() {
        let check = |url, expected| assert_eq!(without_secrets(url), expected);
        check("https://user:word@node.example:8545/v2/key?k=1", "https://node.example:8545");
        check("ws://127.0.0.1:8546", "ws://127.0.0.1:8546");
        check("nonsense", "://nonsense");
    }
}
