//! The server over real sockets, in front of a chain in memory; clients write their own bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod chain;
mod client;
mod liquidity;

mod abuse;
mod clients;
mod compat;
mod conditional;
mod http;
mod limits;
mod methods;
mod pools;
mod protocol;
mod rates;
mod resumable;
mod subscriptions;
mod websocket;

use chain::MemoryChain;
use std::{net::SocketAddr, sync::Arc};
use weir_rpc::{Backends, LimitsHandle, RpcServer, ServerConfig};
use weir_runtime::{Shutdown, ShutdownReason};

/// A server on a free port, stopped when dropped.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) chain: Arc<MemoryChain>,
    pub(crate) pools: Arc<liquidity::Pools>,
    pub(crate) limits: LimitsHandle,
    pub(crate) shutdown: Shutdown,
    pub(crate) running: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.shutdown.trigger(ShutdownReason::Done);
    }
}

pub(crate) fn config() -> ServerConfig {
    ServerConfig::new("127.0.0.1:0".parse().unwrap())
}

/// Serves `chain`.
pub(crate) async fn serve(chain: MemoryChain, config: ServerConfig) -> Node {
    let chain = Arc::new(chain);
    let backends = Backends {
        chain: Some(chain.clone()),
        pools: None,
        batches: Some(Arc::new(liquidity::Batches)),
        ..Backends::default()
    };
    serve_backends(chain, backends, config).await
}

/// Serves pools alone, as a process does that only follows chains.
pub(crate) async fn serve_pools() -> Node {
    let backends = Backends::default();
    serve_backends(Arc::new(MemoryChain::dev()), backends, config()).await
}

async fn serve_backends(chain: Arc<MemoryChain>, backends: Backends, config: ServerConfig) -> Node {
    let pools = Arc::new(liquidity::Pools::default());
    let backends = Backends { pools: Some(pools.clone()), ..backends };
    let server = RpcServer::bind(config, backends).await.unwrap();
    let (address, limits) = (server.address(), server.limits());
    let shutdown = Shutdown::new();
    let stopping = shutdown.clone();
    let running = tokio::spawn(async move { server.run(stopping).await.unwrap() });
    Node { address, chain, pools, limits, shutdown, running: Some(running) }
}

/// Serves a fresh chain with the default settings.
pub(crate) async fn node() -> Node {
    serve(MemoryChain::dev(), config()).await
}
