//! The settings of the JSON-RPC server, for every command that serves it; the port alone has a default of its own there.

use clap::Args;
use eyre::Context;
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use weir_rpc::{Hosts, LimitRules, LimitsHandle, Origins, RpcServer, ServerConfig};
use weir_runtime::{Shutdown, TaskSet};

/// Where the JSON-RPC server listens, whom it answers, and what one client, and all of them together, may ask of it.
#[derive(Debug, Clone, Args)]
pub(crate) struct HttpSettings {
    /// Address of the JSON-RPC server (HTTP and WebSocket).
    #[arg(long, env = "WEIR_HTTP_ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    pub(crate) http_addr: IpAddr,

    /// Connections the JSON-RPC server holds at most.
    #[arg(long, env = "WEIR_HTTP_MAX_CONNECTIONS", default_value_t = 1_024, value_name = "N")]
    pub(crate) http_max_connections: u32,

    /// Largest JSON-RPC request body in bytes.
    #[arg(long, env = "WEIR_HTTP_MAX_BODY_BYTES", default_value_t = 10 * 1024 * 1024, value_name = "BYTES")]
    pub(crate) http_max_body_bytes: u32,

    /// Requests in one JSON-RPC batch at most.
    #[arg(long, env = "WEIR_HTTP_MAX_BATCH", default_value_t = 1_000, value_name = "N")]
    pub(crate) http_max_batch: u32,

    /// Web origins that may call the JSON-RPC server, separated by commas, or * for all; none when empty.
    #[arg(long, env = "WEIR_HTTP_CORS", default_value = "", value_name = "ORIGINS")]
    pub(crate) http_cors: String,

    /// Host names that the JSON-RPC server answers, separated by commas, or * for all; IP addresses always are.
    #[arg(long, env = "WEIR_HTTP_HOSTS", default_value = "localhost", value_name = "NAMES")]
    pub(crate) http_hosts: String,

    /// Connections one IP address holds at most (an IPv6 address counts with its /64).
    #[arg(long, env = "WEIR_HTTP_MAX_CONNECTIONS_PER_IP", default_value_t = 512, value_name = "N")]
    pub(crate) http_max_connections_per_ip: u32,

    /// Bytes that large requests and answers of all clients hold at once.
    #[arg(long, env = "WEIR_HTTP_MAX_HELD_BYTES", default_value_t = 512 * 1024 * 1024, value_name = "BYTES")]
    pub(crate) http_max_held_bytes: u32,

    /// How long a connection may be idle before a request.
    #[arg(long, env = "WEIR_HTTP_IDLE_TIMEOUT", default_value = "60s", value_parser = parse_timeout, value_name = "DURATION")]
    pub(crate) http_idle_timeout: Duration,

    /// Time for a request's header to arrive, from its first byte.
    #[arg(long, env = "WEIR_HTTP_HEADER_TIMEOUT", default_value = "10s", value_parser = parse_timeout, value_name = "DURATION")]
    pub(crate) http_header_timeout: Duration,

    /// Time for a request's body, or a WebSocket message, to arrive.
    #[arg(long, env = "WEIR_HTTP_BODY_TIMEOUT", default_value = "15s", value_parser = parse_timeout, value_name = "DURATION")]
    pub(crate) http_body_timeout: Duration,

    /// Time in which a client takes at least 64 KiB of what waits to be written to it.
    #[arg(long, env = "WEIR_HTTP_WRITE_TIMEOUT", default_value = "20s", value_parser = parse_timeout, value_name = "DURATION")]
    pub(crate) http_write_timeout: Duration,

    /// Interval of WebSocket pings; a client silent for two of them is dropped.
    #[arg(long, env = "WEIR_HTTP_PING_INTERVAL", default_value = "30s", value_parser = parse_timeout, value_name = "DURATION")]
    pub(crate) http_ping_interval: Duration,

    /// Messages that wait for one WebSocket at most; a subscriber that falls further behind is told and dropped.
    #[arg(long, env = "WEIR_HTTP_WS_QUEUE", default_value_t = 4_096, value_name = "N")]
    pub(crate) http_ws_queue: u32,

    /// Requests of one WebSocket in progress at most; more are not read from it.
    #[arg(long, env = "WEIR_HTTP_WS_MAX_REQUESTS", default_value_t = 256, value_name = "N")]
    pub(crate) http_ws_max_requests: u32,

    /// Subscriptions of one WebSocket at most.
    #[arg(long, env = "WEIR_HTTP_WS_MAX_SUBSCRIPTIONS", default_value_t = 128, value_name = "N")]
    pub(crate) http_ws_max_subscriptions: u32,

    /// Threads for reads that execute code or decode blocks. They give way to those that seal blocks.
    #[arg(long, env = "WEIR_HTTP_READERS", default_value_t = 4, value_name = "N")]
    pub(crate) http_readers: u16,

    /// Such reads that wait for a thread at most; clients take turns.
    #[arg(long, env = "WEIR_HTTP_MAX_READS_WAITING", default_value_t = 1_024, value_name = "N")]
    pub(crate) http_max_reads_waiting: u32,

    /// Threads for traces, witnesses and simulations.
    #[arg(long, env = "WEIR_HTTP_TRACERS", default_value_t = 2, value_name = "N")]
    pub(crate) http_tracers: u16,

    /// Traces, witnesses and simulations that wait for a thread at most.
    #[arg(long, env = "WEIR_HTTP_MAX_TRACES_WAITING", default_value_t = 64, value_name = "N")]
    pub(crate) http_max_traces_waiting: u32,

    /// Blocks that one eth_getLogs may span.
    #[arg(long, env = "WEIR_HTTP_LOGS_MAX_BLOCKS", default_value_t = 10_000, value_name = "N")]
    pub(crate) http_logs_max_blocks: u64,

    /// Logs that one eth_getLogs may answer; one block is always answered.
    #[arg(long, env = "WEIR_HTTP_LOGS_MAX_RESULTS", default_value_t = 20_000, value_name = "N")]
    pub(crate) http_logs_max_results: u32,

    /// Rates of calls by address, API key, sender and method: a TOML file, read again on SIGHUP. Default: none is limited.
    #[arg(long, env = "WEIR_LIMITS", value_name = "FILE")]
    pub(crate) limits: Option<PathBuf>,
}

impl HttpSettings {
    /// The configuration of a server on this port.
    pub(crate) fn config(&self, port: u16) -> eyre::Result<ServerConfig> {
        let list = |text: &str| text.split(',').map(|part| part.trim().to_owned()).collect();
        Ok(ServerConfig {
            origins: match self.http_cors.as_str() {
                "" => Origins::None,
                "*" => Origins::Any,
                origins => Origins::List(list(origins)),
            },
            hosts: match self.http_hosts.as_str() {
                "*" => Hosts::Any,
                hosts => Hosts::List(list(hosts)),
            },
            connections_max: self.http_max_connections as usize,
            request_bytes_max: self.http_max_body_bytes as usize,
            batch_items_max: self.http_max_batch as usize,
            connections_per_address_max: self.http_max_connections_per_ip as usize,
            held_bytes_max: self.http_max_held_bytes,
            idle_timeout: self.http_idle_timeout,
            header_timeout: self.http_header_timeout,
            body_timeout: self.http_body_timeout,
            write_timeout: self.http_write_timeout,
            ping_interval: self.http_ping_interval,
            websocket_queue: self.http_ws_queue as usize,
            websocket_requests_max: self.http_ws_max_requests as usize,
            subscriptions_max: self.http_ws_max_subscriptions as usize,
            readers: usize::from(self.http_readers),
            readers_waiting_max: self.http_max_reads_waiting as usize,
            tracers: usize::from(self.http_tracers),
            tracers_waiting_max: self.http_max_traces_waiting as usize,
            logs_blocks_max: self.http_logs_max_blocks,
            logs_results_max: self.http_logs_max_results as usize,
            limits: self.limits.as_deref().map(read_limits).transpose()?.unwrap_or_default(),
            ..ServerConfig::new(SocketAddr::new(self.http_addr, port))
        })
    }

    /// Reads the rates again whenever the process gets SIGHUP.
    pub(crate) fn watch(&self, server: &RpcServer, tasks: &mut TaskSet) -> eyre::Result<()> {
        let Some(path) = self.limits.clone() else { return Ok(()) };
        let hangup = signal(SignalKind::hangup()).wrap_err("SIGHUP cannot be watched")?;
        let shutdown = tasks.shutdown().clone();
        tasks.spawn("limits", reread_limits(path, hangup, server.limits(), shutdown));
        Ok(())
    }
}

fn read_limits(path: &Path) -> eyre::Result<LimitRules> {
    let place = || format!("limits are not valid: path={}", path.display());
    let text = std::fs::read_to_string(path).wrap_err_with(place)?;
    LimitRules::parse(&text).wrap_err_with(place)
}

/// A file that is not valid is reported and changes nothing.
async fn reread_limits(
    path: PathBuf,
    mut hangup: Signal,
    limits: LimitsHandle,
    shutdown: Shutdown,
) -> Result<(), Infallible> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = hangup.recv() => {}
        }
        let replaced = read_limits(&path).and_then(|rules| Ok(limits.replace(rules)?));
        match replaced {
            Ok(()) => tracing::info!(path = %path.display(), "limits were read again"),
            Err(error) => tracing::warn!(error = format!("{error:#}"), "limits stay as they are"),
        }
    }
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let timeout = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if timeout.is_zero() {
        return Err("a time-out is longer than nothing".to_owned());
    }
    Ok(timeout)
}
