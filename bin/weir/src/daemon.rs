//! `weir liquidity`: chains followed side by side, one engine each, behind one server.

use crate::{
    cli::liquidity::{LiquidityArgs, SourceArg, WhitelistArg},
    paths::paths_options,
    whitelist::{is_of_chain, read_whitelist, until},
};
use alloy_primitives::map::HashSet;
use eyre::{Context, bail};
use serde::Serialize;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use weir_arena::{Discovery, PoolStatic};
use weir_feed::{
    ConsumerOptions, FeedConsumer, FeedProducer, FeedServer, NatsFeedOptions, NatsFeedPublisher,
    NatsWhitelistUrl, RecordedFeed, ServerCodec, ServerOptions, Start,
};
use weir_follower::{ChainClient, ChainFollower, FollowConfig, StartAt};
use weir_liquidity::{
    EngineInput, FeedSource, FollowerSource, LiquidityHandle, LiquidityService, NatsFeedSource,
    PastPools, PastPoolsOptions, PathsDriver, PathsHandle, SourceDriver, SourceOptions,
    WhitelistChange, publish_gates,
};
use weir_rpc::{Backends, RpcServer};
use weir_runtime::{Clock, Shutdown, SystemClock, TaskSet};

/// How long parts may take to stop before they are aborted.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Where the daemon serves.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Addresses {
    pub(crate) http: String,
    pub(crate) ws: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) feed: Option<PathBuf>,
    pub(crate) metrics: String,
    pub(crate) chains: Vec<u64>,
}

/// Chains that are being followed.
#[derive(Debug)]
pub(crate) struct Daemon {
    tasks: TaskSet,
    addresses: Addresses,
}

/// A source that is there, and what chain it is of.
enum Opened {
    Node(Box<ChainFollower>),
    Socket(PathBuf),
    Nats(String),
    Recording(Box<RecordedFeed>),
}

/// A chain's engine and what publishes it.
struct Chain {
    pools: LiquidityHandle,
    paths: PathsHandle,
    feed: FeedProducer,
}

impl Daemon {
    /// Connects to every source and starts every part.
    pub(crate) async fn start(args: &LiquidityArgs, shutdown: Shutdown) -> eyre::Result<Self> {
        crate::node::raise_limits();
        let metrics = weir_runtime::install_metrics()?;
        let metrics =
            crate::node::bind_metrics(args.metrics_addr, args.metrics_port, metrics).await?;
        weir_liquidity::describe_metrics();
        weir_feed::describe_metrics();
        weir_follower::describe_metrics();
        let mut tasks = TaskSet::new(shutdown.clone());
        let mut chains = Vec::new();
        for source in &args.sources {
            let chain = start_chain(args, source, &mut tasks).await;
            chains.push(chain.wrap_err_with(|| format!("source cannot be followed: {source}"))?);
        }
        publish(args, &chains, &mut tasks).await?;
        let service =
            LiquidityService::new(chains.into_iter().map(|chain| (chain.pools, chain.paths)))?;
        tasks.spawn("pool-events", Arc::clone(&service).publish(shutdown.clone()));
        let followed = service.pools().iter().map(|(chain_id, _)| chain_id).collect();
        let backends = Backends { pools: Some(service), ..Backends::default() };
        let server = RpcServer::bind(args.http.config(args.http_port)?, backends).await?;
        args.http.watch(&server, &mut tasks)?;
        let addresses = Addresses {
            http: format!("http://{}", server.address()),
            ws: format!("ws://{}", server.address()),
            feed: args.feed_socket.clone(),
            metrics: format!("http://{}/metrics", metrics.address()),
            chains: followed,
        };
        tasks.spawn("rpc", server.run(shutdown.clone()));
        tasks.spawn("metrics", metrics.run(shutdown));
        Ok(Self { tasks, addresses })
    }

    /// Where it serves.
    pub(crate) const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Runs until shutdown; fails if a part ended by itself.
    pub(crate) async fn run(self) -> eyre::Result<()> {
        self.tasks.run(STOP_GRACE).await?;
        Ok(())
    }
}

/// Starts what feeds the chains on.
async fn publish(args: &LiquidityArgs, chains: &[Chain], tasks: &mut TaskSet) -> eyre::Result<()> {
    let shutdown = tasks.shutdown().clone();
    let sockets = [
        ("feed", &args.feed_socket, ServerCodec::Fixed),
        ("feed-upstream", &args.upstream_socket, ServerCodec::Upstream),
    ];
    for (name, path, codec) in sockets {
        let Some(path) = path else { continue };
        let feeds = chains.iter().map(|chain| chain.feed.clone()).collect();
        let options = ServerOptions { codec, ..ServerOptions::at(path.clone()) };
        let server = FeedServer::bind_all(feeds, options)
            .wrap_err_with(|| format!("feed socket cannot be bound: path={}", path.display()))?;
        tasks.spawn(name, server.run(shutdown.clone()));
    }
    if let Some(server) = &args.feed_nats {
        for chain in chains {
            let options = NatsFeedOptions::new(server.clone());
            let publisher = NatsFeedPublisher::connect(&chain.feed, options).await?;
            tasks.spawn("feed-nats", publisher.run(shutdown.clone()));
        }
    }
    Ok(())
}

async fn start_chain(
    args: &LiquidityArgs,
    source: &SourceArg,
    tasks: &mut TaskSet,
) -> eyre::Result<Chain> {
    let (opened, chain_id) = open(args, source).await?;
    let node = Arc::new(match &opened {
        Opened::Node(follower) => follower.client().clone(),
        Opened::Socket(_) | Opened::Nats(_) | Opened::Recording(_) => {
            match node_of(args, chain_id).await? {
                Some(node) => node,
                None => bail!("a feed needs --node with a node of its chain: chain={chain_id}"),
            }
        }
    });
    let whitelist = whitelist_of(args, chain_id, &node).await?;
    let options = SourceOptions {
        has_whitelist: whitelist.is_some(),
        discovery: discovery(args, whitelist.is_some()),
        ring_blocks: args.ring_blocks,
        ring_seconds: args.ring_seconds,
        completeness_min: args.completeness,
        samples: args.verify_pools,
        ..SourceOptions::new(chain_id)
    };
    // A new producer is a new stream: consumers that resume with an older epoch are told to start over.
    let epoch = u64::try_from(SystemClock.now().as_micros()).unwrap_or(u64::MAX);
    let feed = FeedProducer::new(chain_id, epoch, args.ring_blocks);
    let (driver, pools, ports) =
        SourceDriver::new(options, Arc::clone(&node) as _, Some(feed.clone()));
    args.spill.attach(&pools)?;
    let (paths_driver, paths) = PathsDriver::new(paths_options(&args.paths)?, pools.clone());
    let shutdown = tasks.shutdown().clone();
    tasks.spawn("liquidity", driver.run(shutdown.clone()));
    tasks.spawn("paths", paths_driver.run(shutdown.clone()));
    let gates = publish_gates(pools.clone(), feed.clone(), shutdown.clone());
    tasks.spawn("feed-gates", until(gates));
    let inputs = ports.inputs.clone();
    match whitelist {
        Some(Listed::Rows(rows)) => {
            let full = WhitelistChange::Full { snapshot_id: 0, pools: rows };
            ports.inputs.send(EngineInput::Whitelist(full)).await?;
            tasks.spawn("whitelist-applied", drain(ports.applied, shutdown.clone()));
        }
        Some(Listed::Nats(url)) => {
            crate::whitelist::follow(url, node, pools.clone(), ports, tasks);
        }
        None => search_past(args, &opened, &node, &inputs, tasks),
    }
    follow(opened, chain_id, inputs, tasks);
    Ok(Chain { pools, paths, feed })
}

/// Starts the search for pools that are older than the first block followed, if it is asked for. A feed has them in its snapshot.
fn search_past(
    args: &LiquidityArgs,
    opened: &Opened,
    node: &Arc<ChainClient>,
    inputs: &mpsc::Sender<EngineInput>,
    tasks: &mut TaskSet,
) {
    let (Opened::Node(follower), Some(from)) = (opened, args.discover_from) else { return };
    let options = PastPoolsOptions {
        chain_id: follower.chain_id(),
        from,
        to: follower.anchor().number,
        discovery: discovery(args, false),
        pools_max: args.discover_max,
    };
    let search = PastPools::new(Arc::clone(node), inputs.clone(), options);
    tasks.spawn("discovery", search.run(tasks.shutdown().clone()));
}

/// Starts what hands the source's blocks to the engine.
fn follow(opened: Opened, chain_id: u64, inputs: mpsc::Sender<EngineInput>, tasks: &mut TaskSet) {
    let shutdown = tasks.shutdown().clone();
    match opened {
        Opened::Node(follower) => {
            tasks.spawn("follower", FollowerSource::new(*follower, inputs).run(shutdown));
        }
        Opened::Socket(path) => {
            let options =
                ConsumerOptions { chain_id, start: Start::Snapshot, ..ConsumerOptions::at(path) };
            tasks.spawn("feed-source", FeedSource::new(options, inputs).run(shutdown));
        }
        Opened::Nats(server) => {
            let source = NatsFeedSource::new(chain_id, NatsFeedOptions::new(server), inputs);
            tasks.spawn("nats-feed", source.run(shutdown));
        }
        Opened::Recording(recording) => {
            tasks.spawn("recording", replay(*recording, inputs, shutdown));
        }
    }
}

async fn open(args: &LiquidityArgs, source: &SourceArg) -> eyre::Result<(Opened, u64)> {
    match source {
        SourceArg::Node(url) => {
            let start = match (args.whitelists.as_slice(), args.start_block, args.discover_from) {
                ([], Some(number), _) => StartAt::Block(number.max(1)),
                ([], None, None) => StartAt::Block(1),
                ([], None, Some(_)) | ([_, ..], ..) => StartAt::Head,
            };
            let follower = ChainFollower::connect(url, FollowConfig::default(), start).await?;
            let chain_id = follower.chain_id();
            Ok((Opened::Node(Box::new(follower)), chain_id))
        }
        SourceArg::Socket(path) => {
            let consumer = FeedConsumer::connect(ConsumerOptions::at(path.clone())).await?;
            Ok((Opened::Socket(path.clone()), consumer.welcome().chain_id))
        }
        SourceArg::Nats { server, chain_id } => Ok((Opened::Nats(server.clone()), *chain_id)),
        SourceArg::Recording(path) => {
            let recording = RecordedFeed::open(path)?;
            let chain_id = recording.chain_id();
            Ok((Opened::Recording(Box::new(recording)), chain_id))
        }
    }
}

/// The node among `--node` that is of this chain.
async fn node_of(args: &LiquidityArgs, chain_id: u64) -> eyre::Result<Option<ChainClient>> {
    for url in &args.nodes {
        let node = ChainClient::connect(url).await;
        let node = node.wrap_err_with(|| format!("node cannot be used: {url}"))?;
        if node.chain_id().await? == chain_id {
            return Ok(Some(node));
        }
    }
    Ok(None)
}

/// A chain's pools.
enum Listed {
    Rows(Vec<PoolStatic>),
    Nats(NatsWhitelistUrl),
}

/// The list among `--whitelist` that is of this chain. A URL without a chain is of any.
async fn whitelist_of(
    args: &LiquidityArgs,
    chain_id: u64,
    node: &ChainClient,
) -> eyre::Result<Option<Listed>> {
    let mut refused = None;
    for list in &args.whitelists {
        match list {
            WhitelistArg::File(path) => match read_whitelist(path, chain_id, node).await {
                Ok(rows) => return Ok(Some(Listed::Rows(rows))),
                Err(error) => refused = Some(error),
            },
            WhitelistArg::Nats(url) => {
                if is_of_chain(url, chain_id) {
                    return Ok(Some(Listed::Nats(url.clone())));
                }
            }
        }
    }
    match refused {
        Some(error) => Err(error),
        None if args.whitelists.is_empty() => Ok(None),
        None => bail!("no whitelist is of this chain: chain={chain_id}"),
    }
}

fn discovery(args: &LiquidityArgs, has_whitelist: bool) -> Discovery {
    if has_whitelist {
        Discovery::Off
    } else if args.factories.is_empty() {
        Discovery::All
    } else {
        Discovery::Factories(args.factories.iter().copied().collect::<HashSet<_>>())
    }
}

/// Hands a recording's events to the engine, and then says nothing more.
async fn replay(
    mut recording: RecordedFeed,
    inputs: mpsc::Sender<EngineInput>,
    shutdown: Shutdown,
) -> Result<(), weir_feed::RecordingError> {
    while let Some(event) = recording.next()? {
        let sent = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            sent = inputs.send(EngineInput::Feed(event)) => sent,
        };
        if sent.is_err() {
            break;
        }
    }
    tracing::info!("recording is at its end");
    shutdown.cancelled().await;
    Ok(())
}

/// A file's rows are acknowledged to nobody.
async fn drain(
    mut applied: mpsc::Receiver<weir_liquidity::WhitelistApplied>,
    shutdown: Shutdown,
) -> Result<(), std::convert::Infallible> {
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            done = applied.recv() => match done {
                Some(done) => {
                    for (pool, refusal) in &done.rejected {
                        tracing::warn!(%pool, %refusal, "whitelist row is not followed");
                    }
                }
                None => {
                    shutdown.cancelled().await;
                    return Ok(());
                }
            }
        }
    }
}
