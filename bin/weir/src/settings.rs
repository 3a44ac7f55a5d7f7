//! Every setting of a node: one list that flags, `WEIR_*` environment and the configuration file share.

use crate::{cli::liquidity::WhitelistArg, http_settings::HttpSettings};
use alloy_primitives::Address;
use clap::{ArgAction, Args, ValueEnum};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use weir_keys::KeySource;
use weir_liquidity::{LiquidityHandle, SnapshotSpill, SpillOptions, SpillStoreError};
use weir_rpc::{Backends, JwtSecret, RpcServer, ServerConfig};
use weir_runtime::TaskSet;
use weir_sequencer::NodeAdmin;
use weir_storage::HistoryWindow;

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormatSetting {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which candidate is executed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OrderingSetting {
    /// By arrival.
    Fifo,
    /// By the tip that the block's beneficiary gets.
    PriorityFee,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleSetting {
    /// It builds blocks.
    Sequencer,
    /// It serves a chain and builds nothing.
    Follower,
}

/// When an acknowledged transaction is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DurabilitySetting {
    /// Before the answer.
    Always,
    /// At the latest this long after the answer.
    Interval(Duration),
    /// When the operating system likes.
    None,
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SwitchSetting {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// The settings of `weir dev` and `weir node`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// Folder of the chain's data.
    #[arg(long, env = "WEIR_DATADIR", default_value = ".weir/dev", value_name = "DIR")]
    pub(crate) datadir: PathBuf,

    /// Keep nothing: the chain lives in memory and ends with the process.
    #[arg(long, env = "WEIR_EPHEMERAL", default_value_t = false, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(crate) ephemeral: bool,

    /// Genesis in geth's JSON format, with its fork times. Default: chain 61972, Osaka, ten funded accounts.
    #[arg(long, env = "WEIR_GENESIS", value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,

    /// Time between blocks, whole seconds, at least 1s (Ethereum timestamps are whole and must grow).
    #[arg(long, env = "WEIR_BLOCK_TIME", default_value = "1s", value_parser = parse_block_time, value_name = "DURATION")]
    pub(crate) block_time: Duration,

    /// Time between the steps in which an open block takes transactions.
    #[arg(long, env = "WEIR_STEP_TIME", default_value = "5ms", value_parser = parse_step_time, value_name = "DURATION")]
    pub(crate) step_time: Duration,

    /// Gas limit of the built-in genesis; a genesis file states its own.
    #[arg(long, env = "WEIR_GAS_LIMIT", default_value_t = 1_000_000_000, value_name = "GAS")]
    pub(crate) gas_limit: u64,

    /// Account that receives the tips.
    #[arg(long, env = "WEIR_BENEFICIARY", default_value_t = Address::ZERO, value_name = "ADDRESS")]
    pub(crate) beneficiary: Address,

    /// Seed of the blocks' PREVRANDAO values, so that a run can be repeated.
    #[arg(long, env = "WEIR_SEED", default_value_t = 0, value_name = "N")]
    pub(crate) seed: u64,

    /// Which candidate is executed first.
    #[arg(long, env = "WEIR_ORDERING", default_value = "fifo", value_name = "POLICY")]
    pub(crate) ordering: OrderingSetting,

    /// When an acknowledged transaction is on disk: always, interval:DURATION or none.
    #[arg(long, env = "WEIR_DURABILITY", default_value = "always", value_parser = parse_durability, value_name = "POLICY")]
    pub(crate) durability: DurabilitySetting,

    /// Bytes of the journal at most, in MiB. It is rewritten before it is so long; beyond it transactions are refused until blocks have taken what waits.
    #[arg(long, env = "WEIR_JOURNAL_MAX_MB", default_value_t = weir_sequencer::DEFAULT_JOURNAL_BYTES_MAX >> 20, value_name = "MIB")]
    pub(crate) journal_max_mb: u64,

    /// Transactions the pool holds at most.
    #[arg(long, env = "WEIR_POOL_MAX_TRANSACTIONS", default_value_t = 200_000, value_name = "N")]
    pub(crate) pool_max_transactions: usize,

    /// Transactions the pool holds of one sender at most.
    #[arg(long, env = "WEIR_POOL_MAX_PER_SENDER", default_value_t = 4_096, value_name = "N")]
    pub(crate) pool_max_per_sender: usize,

    /// How long a transaction waits in the pool at most, from its arrival or from a restart.
    #[arg(long, env = "WEIR_POOL_LIFETIME", default_value = "3h", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) pool_lifetime: Duration,

    /// Storage roots, slots and other parts of accounts that the conditions of one transaction may name.
    #[arg(long, env = "WEIR_CONDITION_COST_MAX", default_value_t = weir_sequencer::DEFAULT_CONDITION_COST_MAX, value_name = "N")]
    pub(crate) condition_cost_max: usize,

    /// Key that signs receipts (weir_sendRawTransactionSigned): a file of hexadecimal, a keystore of `weir key`, or http://HOST:PORT#0xADDRESS for one
    /// that a remote signer keeps (Web3Signer's API). Default: none are signed.
    #[arg(long, env = "WEIR_RECEIPT_KEY", value_name = "KEY")]
    pub(crate) receipt_key: Option<KeySource>,

    /// File with the password, if it is a keystore.
    #[arg(long, env = "WEIR_RECEIPT_KEY_PASSWORD", value_name = "FILE")]
    pub(crate) receipt_key_password: Option<PathBuf>,

    /// How long receipts of an earlier key are believed after another has taken its place (weir admin rotate-key, SIGHUP).
    #[arg(long, env = "WEIR_RECEIPT_KEY_OVERLAP", default_value = "1day", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) receipt_key_overlap: Duration,

    /// How long the node answers for transactions that left the pool without being included, over restarts too.
    #[arg(long, env = "WEIR_STATUS_RETENTION", default_value = "1day", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) status_retention: Duration,

    /// Such transactions at most; beyond it the oldest is forgotten early.
    #[arg(long, env = "WEIR_STATUS_MAX", default_value_t = weir_sequencer::DEFAULT_STATUS_MAX, value_name = "N")]
    pub(crate) status_max: usize,

    /// What the node does: sequencer builds blocks, follower serves the chain that its data folder holds.
    #[arg(long, env = "WEIR_ROLE", default_value = "sequencer", value_name = "ROLE")]
    pub(crate) role: RoleSetting,

    /// Blocks before the head whose state can be read, over restarts too; archive keeps all.
    #[arg(long, env = "WEIR_HISTORY_BLOCKS", default_value = "10000", value_parser = parse_history, value_name = "N")]
    pub(crate) history_blocks: HistoryWindow,

    /// Execute every sealed block again from its own witness before it is stored and published. Off for experiments only.
    #[arg(long, env = "WEIR_SELF_CHECK", default_value = "on", value_name = "SWITCH")]
    pub(crate) self_check: SwitchSetting,

    /// Memory for nodes of the state's tries, in MiB; what was used longest ago is forgotten and read again when needed.
    #[arg(long, env = "WEIR_TRIE_CACHE_MB", default_value_t = 1_024, value_name = "MIB")]
    pub(crate) trie_cache_mb: usize,

    /// Newest blocks whose witnesses are kept.
    #[arg(long, env = "WEIR_WITNESS_BLOCKS", default_value_t = 64, value_name = "N")]
    pub(crate) witness_blocks: u64,

    /// Port of the JSON-RPC server; 0 picks a free one.
    #[arg(long, env = "WEIR_HTTP_PORT", default_value_t = 8545, value_name = "PORT")]
    pub(crate) http_port: u16,

    #[command(flatten)]
    pub(crate) http: HttpSettings,

    /// Unix socket of the pool feed. Default: feed/weir.sock in the data folder.
    #[arg(long, env = "WEIR_FEED_SOCKET", value_name = "PATH")]
    pub(crate) feed_socket: Option<PathBuf>,

    /// Pools to follow: a JSON file, or nats://SERVER#CHAIN for a list that changes. Default: pools are discovered from factory events.
    #[arg(long, env = "WEIR_WHITELIST", value_name = "LIST")]
    pub(crate) whitelist: Option<WhitelistArg>,

    #[command(flatten)]
    pub(crate) spill: SpillSettings,

    #[command(flatten)]
    pub(crate) paths: PathSettings,

    /// Address of the Prometheus endpoint.
    #[arg(long, env = "WEIR_METRICS_ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    pub(crate) metrics_addr: IpAddr,

    /// Port of the Prometheus endpoint. Default: 9090, or a free port when that is taken.
    #[arg(long, env = "WEIR_METRICS_PORT", value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,

    /// L1 node that batches are posted to; needs l1-key. Default: none, blocks are not posted.
    #[arg(long, env = "WEIR_L1", value_name = "URL")]
    pub(crate) l1: Option<String>,

    /// Key that signs batches and pays for them: a file, a keystore or a remote signer, as with receipt-key.
    #[arg(long, env = "WEIR_L1_KEY", value_name = "KEY")]
    pub(crate) l1_key: Option<KeySource>,

    /// File with the password, if it is a keystore.
    #[arg(long, env = "WEIR_L1_KEY_PASSWORD", value_name = "FILE")]
    pub(crate) l1_key_password: Option<PathBuf>,

    /// Address on L1 that batches are sent to.
    #[arg(long, env = "WEIR_L1_INBOX", default_value_t = weir_sequencer::batching::DEFAULT_INBOX, value_name = "ADDRESS")]
    pub(crate) l1_inbox: Address,

    /// A batch is closed when it has this many bytes after compression.
    #[arg(long, env = "WEIR_L1_BATCH_MAX_BYTES", default_value_t = weir_sequencer::batching::DEFAULT_BATCH_BYTES_MAX, value_name = "BYTES")]
    pub(crate) l1_batch_max_bytes: usize,

    /// A batch is closed when its first block is this old.
    #[arg(long, env = "WEIR_L1_BATCH_MAX_AGE", default_value = "10s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) l1_batch_max_age: Duration,

    /// Post all batches again if L1 is another chain than before (a development L1 that was thrown away); otherwise stop.
    #[arg(long, env = "WEIR_L1_REPOST", default_value_t = false, action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub(crate) l1_repost: bool,

    #[command(flatten)]
    pub(crate) admin: AdminSettings,

    /// Seal this block, and then stop. Default: go on.
    #[arg(long, env = "WEIR_STOP_AT_BLOCK", value_name = "NUMBER")]
    pub(crate) stop_at_block: Option<u64>,

    /// How long the parts of a node may take to stop before they are aborted.
    #[arg(long, env = "WEIR_STOP_GRACE", default_value = "10s", value_parser = humantime::parse_duration, value_name = "DURATION")]
    pub(crate) stop_grace: Duration,

    /// How log lines are written.
    #[arg(long, env = "WEIR_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub(crate) log_format: LogFormatSetting,

    /// What is logged, per module: for example info,weir_sequencer=debug.
    #[arg(long, env = "WEIR_LOG_FILTER", default_value = "info", value_name = "FILTER")]
    pub(crate) log_filter: String,
}

/// The settings of the operator's address.
#[derive(Debug, Clone, Args)]
pub(crate) struct AdminSettings {
    /// Address of the admin API.
    #[arg(long, env = "WEIR_ADMIN_ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    pub(crate) admin_addr: IpAddr,

    /// Port of the admin API; 0 picks a free one. Default: there is none.
    #[arg(long, env = "WEIR_ADMIN_PORT", value_name = "PORT")]
    pub(crate) admin_port: Option<u16>,

    /// File with the secret of the admin API's tokens, 32 bytes in hexadecimal; made if absent. Default: admin.jwt in the data folder.
    #[arg(long, env = "WEIR_ADMIN_JWT", value_name = "FILE")]
    pub(crate) admin_jwt: Option<PathBuf>,
}

impl AdminSettings {
    /// Serves the admin API, if there is to be one, and answers where.
    pub(crate) async fn serve(
        &self,
        settings: &Settings,
        admin: NodeAdmin,
        tasks: &mut TaskSet,
    ) -> eyre::Result<Option<String>> {
        let Some(port) = self.admin_port else { return Ok(None) };
        let secret = match &self.admin_jwt {
            Some(path) => path.clone(),
            None if settings.ephemeral => {
                eyre::bail!("--admin-port needs --admin-jwt here: nothing is kept")
            }
            None => settings.datadir.join("admin.jwt"),
        };
        let jwt = Some(JwtSecret::read_or_make(&secret)?);
        let config = ServerConfig { jwt, ..ServerConfig::new((self.admin_addr, port).into()) };
        let backends = Backends { admin: Some(Arc::new(admin)), ..Backends::default() };
        let server = RpcServer::bind(config, backends).await?;
        let address = format!("http://{}", server.address());
        tasks.spawn("admin", server.run(tasks.shutdown().clone()));
        Ok(Some(address))
    }
}

/// The settings of snapshots that are older than the undo ring.
#[derive(Debug, Clone, Args)]
pub(crate) struct SpillSettings {
    /// Folder for pool states of blocks that have left the undo ring, one folder in it a chain. Default: they are forgotten.
    #[arg(long, env = "WEIR_SNAPSHOT_SPILL", value_name = "DIR")]
    pub(crate) snapshot_spill: Option<PathBuf>,

    /// Blocks below the undo ring that are kept there, at least; at most 1,024 more.
    #[arg(long, env = "WEIR_SNAPSHOT_SPILL_BLOCKS", default_value_t = 100_000, value_name = "N")]
    pub(crate) snapshot_spill_blocks: u64,
}

impl SpillSettings {
    /// Opens the chain's folder, if there is to be one, for an engine that has not run yet.
    pub(crate) fn attach(&self, engine: &LiquidityHandle) -> Result<(), SpillStoreError> {
        let Some(path) = &self.snapshot_spill else { return Ok(()) };
        let chain_id = engine.chain_id();
        let path = path.join(chain_id.to_string());
        let options = SpillOptions { path, chain_id, blocks: self.snapshot_spill_blocks };
        engine.attach_spill(Arc::new(SnapshotSpill::open(options)?));
        Ok(())
    }
}

/// The settings of the search for paths.
#[derive(Debug, Clone, Args)]
pub(crate) struct PathSettings {
    /// Tokens that cycles begin and end with, the preferred first, separated by commas. Default: the three with the most pools.
    #[arg(long, env = "WEIR_BASE_TOKENS", default_value = "", value_name = "ADDRESSES")]
    pub(crate) base_tokens: String,

    /// Pools of a cycle at most, 2 to 4.
    #[arg(long, env = "WEIR_CYCLE_HOPS", default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=4), value_name = "N")]
    pub(crate) cycle_hops: u8,

    /// The token that wraps the native coin: pools of the two are joined, and profit in it is compared with the cost of gas.
    #[arg(long, env = "WEIR_WRAPPED_NATIVE", value_name = "ADDRESS")]
    pub(crate) wrapped_native: Option<Address>,
}

fn parse_block_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time.is_zero() || time.subsec_nanos() != 0 {
        return Err("block time is whole seconds, at least 1s".to_owned());
    }
    Ok(time)
}

fn parse_step_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < Duration::from_millis(1) {
        return Err("step time is at least 1ms".to_owned());
    }
    Ok(time)
}

/// A number of blocks, or `archive`.
pub(crate) fn parse_history(text: &str) -> Result<HistoryWindow, String> {
    match text {
        "archive" => Ok(HistoryWindow::Archive),
        _ => text
            .parse()
            .map(HistoryWindow::Blocks)
            .map_err(|_| "a number of blocks, or archive".to_owned()),
    }
}

fn parse_durability(text: &str) -> Result<DurabilitySetting, String> {
    match text {
        "always" => Ok(DurabilitySetting::Always),
        "none" => Ok(DurabilitySetting::None),
        _ => {
            let duration =
                text.strip_prefix("interval:").ok_or("always, interval:DURATION or none")?;
            humantime::parse_duration(duration)
                .map(DurabilitySetting::Interval)
                .map_err(|error| error.to_string())
        }
    }
}
