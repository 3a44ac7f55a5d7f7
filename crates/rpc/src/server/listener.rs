//! The port: accepting connections, at most so many, until shutdown.

use super::http::Front;
use crate::{backend::Backends, config::ServerConfig, dispatch::Dispatcher};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::TaskTracker;
use weir_runtime::Shutdown;

const CONNECTIONS: &str = "weir_rpc_connections";
const REFUSED: &str = "weir_rpc_connections_refused_total";
/// What one connection too many is told.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// Time for requests in progress to end after a shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause after a failed accept (out of file descriptors): retrying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be bound.
    #[error("address cannot be bound: address={address}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

/// The JSON-RPC server: HTTP and WebSocket on one port.
pub struct RpcServer {
    listener: TcpListener,
    address: SocketAddr,
    dispatcher: Arc<Dispatcher>,
}

impl std::fmt::Debug for RpcServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl RpcServer {
    /// Binds the port; connections wait in the backlog until [`Self::run`].
    ///
    /// Install the metrics recorder before: the handles are made here.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn bind(config: ServerConfig, backends: Backends) -> Result<Self, ServerError> {
        let address = config.address;
        let bind = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        describe_gauge!(CONNECTIONS, "Open JSON-RPC connections, HTTP and WebSocket");
        describe_counter!(REFUSED, "Connections refused because the limit was reached");
        Ok(Self { listener, address, dispatcher: Arc::new(Dispatcher::new(backends, config)) })
    }

    /// The address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until shutdown, then lets requests in progress end. A connection's failure ends that connection alone.
    /// The result is what a task set wants; it is never an error.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Infallible> {
        let api = Arc::clone(&self.dispatcher.api);
        let following = shutdown.clone();
        let tasks = TaskTracker::new();
        if let Some(chain) = api.backends.chain.clone() {
            tasks.spawn(async move { api.inclusions.run(chain, &api.filters, following).await });
        }
        let slots = Arc::new(Semaphore::new(self.dispatcher.api.config.connections_max));
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                refuse(&stream);
                continue;
            };
            let front = Front::new(Arc::clone(&self.dispatcher), shutdown.clone(), tasks.clone());
            tasks.spawn(serve(stream, front, Slot::new(slot), shutdown.clone()));
        }
        tasks.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections did not end in time");
        }
        Ok(())
    }
}

/// Says no without waiting for the peer: a fresh socket's buffer takes these bytes or the peer is gone.
fn refuse(stream: &TcpStream) {
    counter!(REFUSED).increment(1);
    let _ = stream.try_write(REFUSAL);
}

/// A connection's place under the limit; a WebSocket keeps it beyond its HTTP request.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn new(permit: OwnedSemaphorePermit) -> Arc<Self> {
        gauge!(CONNECTIONS).increment(1);
        Arc::new(Self { _permit: permit })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        gauge!(CONNECTIONS).decrement(1);
    }
}

async fn serve(stream: TcpStream, front: Front, slot: Arc<Slot>, shutdown: Shutdown) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection ended before it began");
        return;
    }
    let header_timeout = front.header_timeout();
    let front = Arc::new(front);
    let service = service_fn(move |request| {
        let (front, slot) = (Arc::clone(&front), Arc::clone(&slot));
        async move { front.answer(request, slot).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection failed");
    }
}
