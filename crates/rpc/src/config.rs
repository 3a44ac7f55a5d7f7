//! Settings of the server, every limit with its unit.

use crate::{jwt::JwtSecret, limits::LimitRules};
use std::{net::SocketAddr, time::Duration};

/// Which `Origin`s of browser pages may use the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origins {
    /// No page of another origin. Programs send no `Origin` and are not affected.
    #[default]
    None,
    /// Every page.
    Any,
    /// These origins, for example `http://localhost:3000`.
    List(Vec<String>),
}

/// Which `Host` headers are answered; this defeats DNS rebinding. Literal IP addresses always are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hosts {
    /// Every name.
    Any,
    /// These names, without ports.
    List(Vec<String>),
}

impl Default for Hosts {
    fn default() -> Self {
        Self::List(vec!["localhost".to_owned()])
    }
}

/// Everything a user can set about the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address to listen on; port 0 picks a free one.
    pub address: SocketAddr,
    /// The secret of the tokens that every request must bring; `None` serves everybody.
    pub jwt: Option<JwtSecret>,
    /// Pages that may use the server.
    pub origins: Origins,
    /// Host names that are answered.
    pub hosts: Hosts,
    /// Connections at once, HTTP and WebSocket together; one more is refused with 503.
    pub connections_max: usize,
    /// Connections of one address at once (an IPv6 address counts with its /64); one more is refused with 429.
    pub connections_per_address_max: usize,
    /// Bytes that large requests and answers of all clients hold at once; one more is refused with -32005.
    pub held_bytes_max: u32,
    /// Size of an HTTP body or a WebSocket message, in bytes.
    pub request_bytes_max: usize,
    /// Size of one answer, in bytes.
    pub response_bytes_max: usize,
    /// Requests in a batch.
    pub batch_items_max: usize,
    /// Size of all answers of a batch, in bytes.
    pub batch_response_bytes_max: usize,
    /// How long a connection may be idle before a request, the first one or the next.
    pub idle_timeout: Duration,
    /// Time for a whole request header to arrive, from its first byte.
    pub header_timeout: Duration,
    /// Time for a whole body or WebSocket message to arrive.
    pub body_timeout: Duration,
    /// Time in which a peer takes at least 64 KiB of what waits to be written to it.
    pub write_timeout: Duration,
    /// Interval of WebSocket pings; a peer silent for two of them is dropped.
    pub ping_interval: Duration,
    /// Messages waiting to be written to one WebSocket; a subscriber that falls further behind is told and dropped.
    pub websocket_queue: usize,
    /// Requests of one WebSocket in progress; more are not read from the socket.
    pub websocket_requests_max: usize,
    /// Subscriptions of one WebSocket.
    pub subscriptions_max: usize,
    /// Threads for heavy reads (calls, logs, whole blocks). They step back for those that seal blocks.
    pub readers: usize,
    /// Heavy reads waiting for a thread; clients take turns. One more is refused with -32005, or takes the place of one of
    /// a client that has more waiting.
    pub readers_waiting_max: usize,
    /// Threads for traces, witnesses and simulations, which step back even for reads.
    pub tracers: usize,
    /// Traces waiting for a thread, in the same way.
    pub tracers_waiting_max: usize,
    /// Rates of calls; they can be replaced while the server runs.
    pub limits: LimitRules,
    /// Gas of one `eth_call`, `eth_estimateGas` or `eth_createAccessList`.
    pub call_gas_max: u64,
    /// Blocks one `eth_getLogs` may span.
    pub logs_blocks_max: u64,
    /// Logs one `eth_getLogs` may answer.
    pub logs_results_max: usize,
    /// Filters kept for polling.
    pub filters_max: usize,
    /// A filter not polled for this long is dropped.
    pub filter_timeout: Duration,
    /// Default time `eth_sendRawTransactionSync` waits (EIP-7966).
    pub sync_timeout: Duration,
    /// Longest time `eth_sendRawTransactionSync` may be asked to wait.
    pub sync_timeout_max: Duration,
    /// What `web3_clientVersion` answers.
    pub client_version: String,
}

const MIB: usize = 1024 * 1024;

impl ServerConfig {
    /// The defaults of a node that serves `address`.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            jwt: None,
            origins: Origins::None,
            hosts: Hosts::default(),
            connections_max: 1_024,
            connections_per_address_max: 512,
            held_bytes_max: 512 * 1024 * 1024,
            request_bytes_max: 5 * MIB,
            response_bytes_max: 32 * MIB,
            batch_items_max: 1_000,
            batch_response_bytes_max: 32 * MIB,
            idle_timeout: Duration::from_secs(60),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(20),
            ping_interval: Duration::from_secs(30),
            websocket_queue: 4_096,
            websocket_requests_max: 256,
            subscriptions_max: 128,
            readers: 4,
            readers_waiting_max: 1_024,
            tracers: 2,
            tracers_waiting_max: 64,
            limits: LimitRules::default(),
            call_gas_max: 50_000_000,
            logs_blocks_max: 10_000,
            logs_results_max: 20_000,
            filters_max: 1_024,
            filter_timeout: Duration::from_secs(300),
            sync_timeout: Duration::from_secs(2),
            sync_timeout_max: Duration::from_secs(60),
            client_version: format!("weir/v{}", env!("CARGO_PKG_VERSION")),
        }
    }
}
