//! `weir liquidity`: which chains to follow and what to serve.

use crate::{
    http_settings::HttpSettings,
    settings::{LogFormatSetting, PathSettings, SpillSettings},
};
use alloy_primitives::Address;
use clap::Args;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    str::FromStr,
};
use weir_feed::{Completeness, NatsWhitelistUrl};

/// Where a chain comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceArg {
    /// A node's JSON-RPC, over HTTP or WebSocket.
    Node(String),
    /// The feed socket of another Weir.
    Socket(PathBuf),
    /// A feed over NATS: the server and the chain.
    Nats { server: String, chain_id: u64 },
    /// A recorded feed.
    Recording(PathBuf),
}

impl FromStr for SourceArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').ok_or_else(source_forms)?;
        match scheme {
            "http" | "https" | "ws" | "wss" => Ok(Self::Node(text.to_owned())),
            "unix" if !rest.is_empty() => Ok(Self::Socket(rest.into())),
            "file" if !rest.is_empty() => Ok(Self::Recording(rest.into())),
            "nats" => {
                let (server, chain) = text.split_once('#').ok_or_else(source_forms)?;
                let chain_id = chain.parse().map_err(|_| "the chain after # is not a number")?;
                Ok(Self::Nats { server: server.to_owned(), chain_id })
            }
            _ => Err(source_forms()),
        }
    }
}

fn source_forms() -> String {
    "expected http://NODE, ws://NODE, unix:PATH, nats://SERVER#CHAIN-ID or file:RECORDING"
        .to_owned()
}

impl fmt::Display for SourceArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(url) => f.write_str(url),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
            // The server's address may hold a password.
            Self::Nats { chain_id, .. } => write!(f, "nats feed of chain {chain_id}"),
            Self::Recording(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// Where a list of pools comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WhitelistArg {
    /// A JSON file, read once.
    File(PathBuf),
    /// A NATS server, and the chain as its subjects call it.
    Nats(NatsWhitelistUrl),
}

impl FromStr for WhitelistArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("nats://") {
            return text.parse().map(Self::Nats).map_err(|error| format!("{error}"));
        }
        Ok(Self::File(text.into()))
    }
}

/// The command line of `weir liquidity`.
#[derive(Debug, Args)]
pub(crate) struct LiquidityArgs {
    /// A chain: http://NODE, ws://NODE, unix:PATH (a feed socket), nats://SERVER#CHAIN-ID (a feed over NATS) or file:RECORDING.
    /// Several chains: several times.
    #[arg(long = "source", required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<SourceArg>,

    /// A node of a chain that is followed by its feed: pools are read and compared there. Several chains: several times.
    #[arg(long = "node", value_name = "URL")]
    pub(crate) nodes: Vec<String>,

    /// Pools of a chain: FILE or nats://SERVER#CHAIN. Several chains: several times. Default: pools are discovered from the events of
    /// factories and PoolManagers.
    #[arg(long = "whitelist", value_name = "LIST")]
    pub(crate) whitelists: Vec<WhitelistArg>,

    /// Without a whitelist: the first block read of a node. Pools created before it are found by --discover-from alone. Default: 0, or
    /// with --discover-from the block after the head.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) start_block: Option<u64>,

    /// Without a whitelist: search the node's logs for pools created from this block on, up to where following begins. Each is read from its
    /// contract.
    #[arg(long, conflicts_with = "whitelists", value_name = "NUMBER")]
    pub(crate) discover_from: Option<u64>,

    /// Pools that --discover-from finds at most.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(crate) discover_max: usize,

    /// Without a whitelist: only pools of this factory or PoolManager. Several: several times. Default: those of any.
    #[arg(long = "factory", value_name = "ADDRESS")]
    pub(crate) factories: Vec<Address>,

    /// Blocks that can be reverted without reading pools anew, and asked for by number.
    #[arg(long, default_value_t = weir_arena::DEFAULT_RING_BLOCKS, value_name = "N")]
    pub(crate) ring_blocks: usize,

    /// Seconds that can be reverted, at least: on fast chains a number of blocks alone is a short time.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(crate) ring_seconds: u64,

    /// Weakest proof that a block is complete which is traded on: executed_in_node, receipts_root_verified,
    /// block_access_list_verified, block_hash_pinned_logs, bloom_excluded or unproven.
    #[arg(long, default_value = "bloom_excluded", value_parser = parse_completeness, value_name = "PROOF")]
    pub(crate) completeness: Completeness,

    /// Pools a block that are compared with the node in the background.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) verify_pools: usize,

    /// Port of the JSON-RPC server; 0 picks a free one.
    #[arg(long, default_value_t = 8547, value_name = "PORT")]
    pub(crate) http_port: u16,

    #[command(flatten)]
    pub(crate) http: HttpSettings,

    /// Unix socket on which all chains are fed on. Default: none.
    #[arg(long, value_name = "PATH")]
    pub(crate) feed_socket: Option<PathBuf>,

    /// Unix socket on which one chain is fed on in upstream's bincode layout. Default: none.
    #[arg(long, value_name = "PATH")]
    pub(crate) upstream_socket: Option<PathBuf>,

    /// NATS server to which all chains are fed on, nats://SERVER. Default: none.
    #[arg(long, value_name = "URL")]
    pub(crate) feed_nats: Option<String>,

    /// Address of the Prometheus endpoint.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    pub(crate) metrics_addr: IpAddr,

    /// Port of the Prometheus endpoint. Default: 9090, or a free port when that is taken.
    #[arg(long, value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,

    /// Print one line of JSON with the addresses on standard output once everything serves.
    #[arg(long)]
    pub(crate) print_ready: bool,

    /// How log lines are written.
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    pub(crate) log_format: LogFormatSetting,

    /// What is logged, per module: for example info,weir_liquidity=debug.
    #[arg(long, default_value = "info", value_name = "FILTER")]
    pub(crate) log_filter: String,

    #[command(flatten)]
    pub(crate) spill: SpillSettings,

    #[command(flatten)]
    pub(crate) paths: PathSettings,
}

fn parse_completeness(text: &str) -> Result<Completeness, String> {
    let known = [
        Completeness::ExecutedInNode,
        Completeness::ReceiptsRootVerified,
        Completeness::BlockAccessListVerified,
        Completeness::BlockHashPinnedLogs,
        Completeness::BloomExcluded,
        Completeness::Unproven,
    ];
    let names = || known.map(Completeness::name).join(", ");
    known
        .into_iter()
        .find(|completeness| completeness.name() == text)
        .ok_or_else(|| format!("one of {}", names()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let parsed = |text: &str| text.parse::<SourceArg>();
        assert_eq!(parsed("ws://a:1"), Ok(SourceArg::Node("ws://a:1".to_owned())));
        assert_eq!(parsed("unix:/a/b"), Ok(SourceArg::Socket("/a/b".into())));
        assert_eq!(parsed("file:a"), Ok(SourceArg::Recording("a".into())));
        let nats = SourceArg::Nats { server: "nats://a:4222".to_owned(), chain_id: 7 };
        assert_eq!(parsed("nats://a:4222#7"), Ok(nats));
        for wrong in ["", "a", "unix:", "ftp://a", "nats://a", "nats://a#x"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
        for text in ["http://a", "unix:/a", "file:b"] {
            assert_eq!(parsed(text).map(|source| source.to_string()), Ok(text.to_owned()));
        }
    }
}
