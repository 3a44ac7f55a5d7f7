//! A running node: every part started in order, and the addresses at which it serves.

use crate::{
    keys::NodeKeys,
    settings::{
        DurabilitySetting, LogFormatSetting, OrderingSetting, RoleSetting, Settings, SwitchSetting,
    },
};
use eyre::{Context, bail};
use serde::Serialize;
use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use weir_evm::ChainSpec;
use weir_rpc::{Backends, RpcServer};
use weir_runtime::{
    Halts, LogFormat, LogOptions, MetricsHandle, MetricsServer, MetricsServerError, OpenFiles,
    Shutdown, SystemClock, TaskSet, raise_open_files,
};
use weir_sequencer::{
    Chain, Controls, DropLog, Ingress, NodeAdmin, NodeBackend, SelfCheckOptions, SequencingConfig,
    SequencingDriver, SharedPool, StatusRetention, dev_spec, genesis_state, reorg_channel,
};
use weir_storage::{
    Durability, GenesisState, Journal, JournalOptions, JournalRecord, MdbxStore, MemoryStore,
    Store, StoreOptions,
};
use weir_txpool::{OrderingPolicy, PoolConfig, TxPool};

/// Where Prometheus expects a first exporter; taken if it is free and no other port was asked for.
const DEFAULT_METRICS_PORT: u16 = 9090;

/// Newest blocks that a development node can take off.
const REORG_BLOCKS: usize = 256;

/// Where a node serves.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Addresses {
    pub(crate) http: String,
    pub(crate) ws: String,
    pub(crate) feed: PathBuf,
    pub(crate) metrics: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) admin: Option<String>,
}

/// Who a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeKind {
    /// A developer, who may reorganise the chain by `weir_devReorg`.
    Development,
    /// Users, whose blocks stay.
    Operated,
}

/// A node whose parts are running.
pub(crate) struct Node {
    tasks: TaskSet,
    /// How long parts may take to stop before they are aborted.
    stop_grace: Duration,
    addresses: Addresses,
    chain: Arc<Chain>,
    /// Holds the feed socket of an ephemeral node; removed when the node ends.
    _scratch: Option<tempfile::TempDir>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// The rules of the chain that the settings name.
pub(crate) fn chain_spec(genesis: Option<&Path>, gas_limit: u64) -> eyre::Result<ChainSpec> {
    let Some(path) = genesis else { return Ok(dev_spec(gas_limit)) };
    let text = std::fs::read_to_string(path)
        .wrap_err_with(|| format!("genesis cannot be read: path={}", path.display()))?;
    ChainSpec::from_genesis_json(&text)
        .wrap_err_with(|| format!("genesis is not valid: path={}", path.display()))
}

/// Where an import leaves the genesis file of the chain in a data folder.
pub(crate) fn kept_genesis(datadir: &Path) -> PathBuf {
    datadir.join("genesis.json")
}

/// The genesis file that the settings name, or the one that the data folder holds.
fn genesis_path(settings: &Settings) -> Option<PathBuf> {
    let kept = || Some(kept_genesis(&settings.datadir)).filter(|path| path.is_file());
    settings.genesis.clone().or_else(|| if settings.ephemeral { None } else { kept() })
}

/// What the settings say about logs.
pub(crate) fn log_options(settings: &Settings) -> LogOptions {
    let format = match settings.log_format {
        LogFormatSetting::Text => LogFormat::Text,
        LogFormatSetting::Json => LogFormat::Json,
    };
    LogOptions { format, filter: settings.log_filter.clone() }
}

impl Node {
    /// Starts every part, in the order in which they need each other.
    pub(crate) async fn start(
        settings: &Settings,
        kind: NodeKind,
        shutdown: Shutdown,
    ) -> eyre::Result<Self> {
        check_role(settings)?;
        raise_limits();
        let metrics = weir_runtime::install_metrics()?;
        let metrics = bind_metrics(settings.metrics_addr, settings.metrics_port, metrics).await?;
        describe_metrics();
        let is_follower = settings.role == RoleSetting::Follower;
        let chain = open_chain(settings)?;
        let controls = controls(settings)?;
        let keys = NodeKeys::open(settings).await?;
        let (pool, drops, ingress) = open_ingress(settings, &chain, &controls, &keys)?;

        let mut tasks = TaskSet::new(shutdown.clone());
        let (scratch, feed) = feed_socket(settings)?;
        let halts = controls.halts.clone();
        let pools =
            crate::liquidity::start(settings, &chain, &feed, halts.clone(), &mut tasks).await?;
        let l1_keys = keys.l1.as_deref();
        let batches = crate::batching::start(settings, &chain, halts, l1_keys, &mut tasks).await?;
        let mut backend =
            NodeBackend::new(chain.clone(), pool.clone(), ingress.clone(), drops.clone());
        let is_reorganised = kind == NodeKind::Development && !is_follower;
        let reorgs = is_reorganised.then(|| reorg_channel(pool.clone()));
        let (reorgs, inbox) = reorgs.unzip();
        if let Some(reorgs) = reorgs {
            backend = backend.with_reorgs(reorgs);
        }
        if let Some(batches) = &batches {
            backend = backend.with_batches(batches.clone());
        }
        let backends = Backends {
            chain: Some(Arc::new(backend)),
            pools: Some(pools),
            batches: batches.map(|batches| Arc::new(batches) as _),
            admin: None,
        };
        let server = RpcServer::bind(settings.http.config(settings.http_port)?, backends).await?;
        settings.http.watch(&server, &mut tasks)?;
        keys.watch(&mut tasks)?;
        let admin = NodeAdmin::new(chain.clone(), pool.clone(), ingress.clone(), controls)
            .with_limits(server.limits())
            .with_l1_keys(keys.l1);
        let admin = if is_follower { admin.of_follower() } else { admin };
        let admin = settings.admin.serve(settings, admin, &mut tasks).await?;
        let addresses = Addresses {
            admin,
            http: format!("http://{}", server.address()),
            ws: format!("ws://{}", server.address()),
            feed,
            metrics: format!("http://{}/metrics", metrics.address()),
        };
        tasks.spawn("rpc", server.run(shutdown.clone()));
        tasks.spawn("metrics", metrics.run(shutdown.clone()));
        if !is_follower {
            let config = sequencing_config(settings);
            let driver = SequencingDriver::new(chain.clone(), pool, ingress, config, SystemClock)
                .with_self_check(self_check(settings));
            let driver = match inbox {
                Some(inbox) => driver.with_reorgs(inbox),
                None => driver,
            };
            tasks.spawn_thread("sequencing", move || driver.run(&shutdown));
        }
        let stop_grace = settings.stop_grace;
        Ok(Self { tasks, stop_grace, addresses, chain, _scratch: scratch })
    }

    /// Where it serves.
    pub(crate) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Its chain.
    pub(crate) const fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// Runs until shutdown; fails if a part ended by itself.
    pub(crate) async fn run(self) -> eyre::Result<()> {
        self.tasks.run(self.stop_grace).await?;
        Ok(())
    }
}

/// Opens the chain in the store, which begins with the genesis that the settings name if it is empty.
fn open_chain(settings: &Settings) -> eyre::Result<Arc<Chain>> {
    let genesis = genesis_path(settings);
    let spec = Arc::new(chain_spec(genesis.as_deref(), settings.gas_limit)?);
    let genesis = genesis_state(&spec).wrap_err("genesis state cannot be built")?;
    let store = open_store(settings, &genesis)?;
    let chain = Chain::open(spec, store, REORG_BLOCKS)?;
    let is_follower = settings.role == RoleSetting::Follower;
    Ok(Arc::new(if is_follower { chain.settled() } else { chain }))
}

/// Tells Prometheus what the parts of a node measure.
fn describe_metrics() {
    weir_sequencer::describe_metrics();
    weir_liquidity::describe_metrics();
    weir_feed::describe_metrics();
}

/// Raises the number of files that may be open; what the system does not grant is told, and no reason to stop.
pub(crate) fn raise_limits() {
    match raise_open_files() {
        Ok(OpenFiles { before, now }) => tracing::info!(?before, ?now, "limit of open files"),
        Err(error) => tracing::warn!(%error, "limit of open files cannot be raised"),
    }
}

/// Refuses settings that only a sequencer can follow.
fn check_role(settings: &Settings) -> eyre::Result<()> {
    if settings.role == RoleSetting::Sequencer {
        return Ok(());
    }
    if settings.l1.is_some() {
        bail!("a follower posts no batches: --role follower and --l1 exclude each other");
    }
    if settings.stop_at_block.is_some() {
        bail!("a follower seals no block: --role follower and --stop-at-block exclude each other");
    }
    Ok(())
}

/// The pool as the journal has it, what became of what left it, and the way in.
fn open_ingress(
    settings: &Settings,
    chain: &Arc<Chain>,
    controls: &Controls,
    keys: &NodeKeys,
) -> eyre::Result<(Arc<SharedPool>, Arc<DropLog>, Arc<Ingress>)> {
    let base_fee = next_base_fee(chain);
    let pool = Arc::new(SharedPool::new(TxPool::new(pool_config(settings), base_fee)));
    let drops = Arc::new(DropLog::new(status_retention(settings), Arc::new(SystemClock)));
    let (journal, records) = open_journal(settings)?;
    let mut ingress = Ingress::new(chain.clone(), pool.clone(), journal, drops.clone())
        .controlled_by(controls.clone())
        .with_condition_cost_max(settings.condition_cost_max)
        .with_journal_bytes_max(settings.journal_max_mb.saturating_mul(1 << 20));
    if let Some(keys) = &keys.receipt {
        ingress = ingress.with_receipt_keys(Arc::clone(keys));
    }
    let restored = ingress.restore(&records).wrap_err("pool cannot be restored")?;
    tracing::info!(?restored, "pool restored from the journal");
    Ok((pool, drops, Arc::new(ingress)))
}

/// Where what an operator did is kept, if anything is.
pub(crate) fn operator_folder(settings: &Settings) -> Option<PathBuf> {
    (!settings.ephemeral).then(|| settings.datadir.join("operator"))
}

/// What the operator has halted, and when the node stops by itself.
fn controls(settings: &Settings) -> eyre::Result<Controls> {
    Ok(Controls {
        halts: Arc::new(Halts::open(operator_folder(settings).as_deref())?),
        stop_at_block: settings.stop_at_block,
        ..Controls::default()
    })
}

fn open_store(settings: &Settings, genesis: &GenesisState) -> eyre::Result<Arc<dyn Store>> {
    if settings.ephemeral {
        return Ok(Arc::new(MemoryStore::with_history(genesis, settings.history_blocks)?));
    }
    let path = settings.datadir.join("db");
    let options = StoreOptions { history: settings.history_blocks, ..StoreOptions::new(&path) };
    let store = MdbxStore::open(options, genesis)
        .wrap_err_with(|| format!("store cannot be opened: path={}", path.display()))?;
    Ok(Arc::new(store))
}

fn open_journal(settings: &Settings) -> eyre::Result<(Option<Journal>, Vec<JournalRecord>)> {
    if settings.ephemeral {
        return Ok((None, Vec::new()));
    }
    let durability = match settings.durability {
        DurabilitySetting::Always => Durability::Always,
        DurabilitySetting::Interval(interval) => Durability::Interval(interval),
        DurabilitySetting::None => Durability::None,
    };
    let path = settings.datadir.join("journal");
    let options = JournalOptions { durability, ..JournalOptions::default() };
    let (journal, records) = Journal::open(&path, options)
        .wrap_err_with(|| format!("journal cannot be opened: path={}", path.display()))?;
    if journal.cut_bytes() > 0 {
        // What a crash leaves is a record or two; more says that the disk lost what it had promised.
        tracing::warn!(bytes = journal.cut_bytes(), "journal had a torn tail, which is cut off");
    }
    Ok((Some(journal), records))
}

fn next_base_fee(chain: &Chain) -> u64 {
    let view = chain.view();
    chain.spec().next_base_fee(view.head().block.header()).unwrap_or(0)
}

fn pool_config(settings: &Settings) -> PoolConfig {
    PoolConfig {
        max_transactions: settings.pool_max_transactions,
        max_per_sender: settings.pool_max_per_sender,
        ordering: match settings.ordering {
            OrderingSetting::Fifo => OrderingPolicy::Fifo,
            OrderingSetting::PriorityFee => OrderingPolicy::PriorityFee,
        },
        ..PoolConfig::default()
    }
}

const fn status_retention(settings: &Settings) -> StatusRetention {
    StatusRetention { time: settings.status_retention, transactions_max: settings.status_max }
}

const fn sequencing_config(settings: &Settings) -> SequencingConfig {
    SequencingConfig {
        block_time: settings.block_time,
        step_time: settings.step_time,
        beneficiary: settings.beneficiary,
        seed: settings.seed,
        trie_cache_bytes: settings.trie_cache_mb.saturating_mul(1 << 20),
        pool_lifetime: settings.pool_lifetime,
    }
}

fn self_check(settings: &Settings) -> SelfCheckOptions {
    SelfCheckOptions {
        is_on: settings.self_check == SwitchSetting::On,
        witness_blocks: settings.witness_blocks,
        evidence: (!settings.ephemeral).then(|| settings.datadir.join("evidence")),
    }
}

/// Binds the port asked for; without one, the usual port or else any.
pub(crate) async fn bind_metrics(
    address: IpAddr,
    port: Option<u16>,
    handle: MetricsHandle,
) -> Result<MetricsServer, MetricsServerError> {
    let address = |port| SocketAddr::new(address, port);
    match port {
        Some(port) => MetricsServer::bind(address(port), handle).await,
        None => {
            let usual = address(DEFAULT_METRICS_PORT);
            match MetricsServer::bind(usual, handle.clone()).await {
                Ok(server) => Ok(server),
                Err(_) => MetricsServer::bind(address(0), handle).await,
            }
        }
    }
}

/// The socket in a private folder: of the data folder, or of a temporary one for an ephemeral chain.
fn feed_socket(settings: &Settings) -> eyre::Result<(Option<tempfile::TempDir>, PathBuf)> {
    if let Some(path) = &settings.feed_socket {
        return Ok((None, path.clone()));
    }
    if settings.ephemeral {
        let scratch = tempfile::Builder::new()
            .prefix("weir-feed-")
            .tempdir()
            .wrap_err("temporary folder for the feed socket cannot be made")?;
        let socket = scratch.path().join("weir.sock");
        return Ok((Some(scratch), socket));
    }
    let datadir = std::path::absolute(&settings.datadir)
        .wrap_err_with(|| format!("data folder has no path: {}", settings.datadir.display()))?;
    Ok((None, datadir.join("feed").join("weir.sock")))
}
