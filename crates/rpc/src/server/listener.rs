//! The port: accepting connections, at most so many, until shutdown.

use super::{
    connections::{Connections, Refusal},
    http::Front,
    stream::{GuardedStream, StreamLimits, Traffic},
};
use crate::{
    backend::{Backends, ChainBackend},
    config::ServerConfig,
    dispatch::Dispatcher,
    limits::{LimitsError, LimitsHandle},
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::TaskTracker;
use weir_runtime::Shutdown;

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
    /// A thread for reads cannot be started.
    #[error("thread for reads cannot be started")]
    Threads(#[source] std::io::Error),
    /// The limits in the configuration are not valid.
    #[error(transparent)]
    Limits(#[from] LimitsError),
}

/// The JSON-RPC server: HTTP and WebSocket on one port.
pub struct RpcServer {
    listener: TcpListener,
    address: SocketAddr,
    dispatcher: Arc<Dispatcher>,
    connections: Arc<Connections>,
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
    /// If the address cannot be bound, a thread cannot be started, or the limits are not valid.
    pub async fn bind(config: ServerConfig, backends: Backends) -> Result<Self, ServerError> {
        let address = config.address;
        let bind = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        config.limits.check()?;
        let connections =
            Connections::new(config.connections_max, config.connections_per_address_max);
        let dispatcher = Dispatcher::new(backends, config).map_err(ServerError::Threads)?;
        Ok(Self { listener, address, dispatcher: Arc::new(dispatcher), connections })
    }

    /// Reads and replaces the rates of calls while the server runs.
    pub fn limits(&self) -> LimitsHandle {
        LimitsHandle::new(Arc::clone(&self.dispatcher.limiter))
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
        let updates = api.backends.chain.as_deref().map(ChainBackend::subscribe_updates);
        let (numbered, numbering) = (Arc::clone(&api), shutdown.clone());
        tasks.spawn(async move { numbered.streams.run(updates, numbering).await });
        if let Some(chain) = api.backends.chain.clone() {
            tasks.spawn(async move { api.inclusions.run(chain, &api.filters, following).await });
        }
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "connection ended before it began");
                continue;
            }
            let slot = match self.connections.admit(peer.ip()) {
                Ok(slot) => slot,
                Err(refusal) => {
                    refuse(&stream, refusal);
                    continue;
                }
            };
            let front =
                Front::new(Arc::clone(&self.dispatcher), shutdown.clone(), tasks.clone(), slot);
            tasks.spawn(serve(stream, front, shutdown.clone()));
        }
        tasks.close();
        if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections did not end in time");
        }
        Ok(())
    }
}

impl RpcServer {
    /// Serves one connection that came another way than over the port, until it ends; `peer` is whom it counts for. What
    /// it began goes on as long. It is dropped unserved if a limit on connections is reached.
    pub async fn serve_stream<S>(&self, stream: S, peer: IpAddr, shutdown: &Shutdown)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Ok(slot) = self.connections.admit(peer) else { return };
        let tasks = TaskTracker::new();
        let front = Front::new(Arc::clone(&self.dispatcher), shutdown.clone(), tasks.clone(), slot);
        serve(stream, front, shutdown.clone()).await;
        tasks.close();
        tasks.wait().await;
    }
}

/// Says no without waiting for the peer: a fresh socket's buffer takes these bytes or the peer is gone.
fn refuse(stream: &TcpStream, refusal: Refusal) {
    let _ = stream.try_write(refusal.answer());
}

async fn serve<S>(stream: S, front: Front, shutdown: Shutdown)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (config, address) = (front.config(), front.address());
    let limits = StreamLimits { head: config.header_timeout, write: config.write_timeout };
    let idle_timeout = config.idle_timeout;
    let traffic = Arc::new(Traffic::default());
    let stream = GuardedStream::new(stream, Arc::clone(&traffic), limits);
    let front = Arc::new(front);
    let service = service_fn(move |request| {
        let (front, traffic) = (Arc::clone(&front), Arc::clone(&traffic));
        async move { front.answer(request, traffic).await }
    });
    // The time of hyper runs while the connection is idle, too; a head that has begun has the stream's.
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
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
        tracing::debug!(%error, %address, "connection failed");
    }
}
