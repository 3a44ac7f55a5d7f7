//! The liquidity engine on a node's own chain: chain updates in, arena, feed socket.

use crate::{
    chain_state::ChainState,
    cli::liquidity::WhitelistArg,
    paths::paths_options,
    settings::Settings,
    whitelist::{is_of_chain, read_whitelist, until},
};
use eyre::{Context, bail};
use std::{path::Path, sync::Arc};
use tokio::sync::{broadcast, mpsc};
use weir_arena::{DEFAULT_RING_BLOCKS, Discovery};
use weir_feed::{FeedProducer, FeedServer, NatsWhitelistUrl, ServerOptions};
use weir_liquidity::{
    BlockSource, EngineInput, LiquidityDriver, LiquidityHandle, LiquidityInput, LiquidityOptions,
    LiquidityService, PathsDriver, PoolSelection, SourceDriver, SourceOptions, SourceUpdate,
    publish_gates,
};
use weir_primitives::{BlockRef, ChainUpdate, ExecutedBlock, OpenUpdate, StateError};
use weir_runtime::{Clock, Halts, Shutdown, SystemClock, TaskSet};
use weir_sequencer::Chain;

/// The node's chain as the engine reads it.
struct StoredBlocks(Arc<Chain>);

impl BlockSource for StoredBlocks {
    fn tip(&self) -> Result<BlockRef, StateError> {
        Ok(self.0.view().heads().unsafe_head())
    }

    fn block(&self, number: u64) -> Result<Option<ExecutedBlock>, StateError> {
        Ok(self.0.view().block_by_number(number)?)
    }
}

/// The engine of a node and what goes into it.
struct Engine {
    handle: LiquidityHandle,
    updates: Updates,
}

/// Where chain updates go.
enum Updates {
    /// To the engine that replays stored blocks.
    Replay(mpsc::Sender<LiquidityInput>),
    /// To the engine that reads states, which has a list that changes.
    Read(mpsc::Sender<EngineInput>),
}

/// Starts the engine and its feed server.
pub(crate) async fn start(
    settings: &Settings,
    chain: &Arc<Chain>,
    socket: &Path,
    halts: Arc<Halts>,
    tasks: &mut TaskSet,
) -> eyre::Result<Arc<LiquidityService>> {
    let chain_id = chain.spec().chain_id();
    // A new producer is a new stream: consumers that resume with an older epoch are told to start over.
    let epoch = u64::try_from(SystemClock.now().as_micros()).unwrap_or(u64::MAX);
    let feed = FeedProducer::new(chain_id, epoch, DEFAULT_RING_BLOCKS);
    let server = FeedServer::bind(feed.clone(), ServerOptions::at(socket.to_path_buf()))
        .wrap_err_with(|| format!("feed socket cannot be bound: path={}", socket.display()))?;
    let (updates, steps) = (chain.subscribe(), chain.subscribe_open());
    let gated = feed.clone();
    let engine = match &settings.whitelist {
        Some(WhitelistArg::Nats(url)) => reading_engine(settings, url, chain, feed, tasks).await?,
        Some(WhitelistArg::File(path)) => {
            let rows = read_whitelist(path, chain_id, &ChainState(Arc::clone(chain))).await?;
            replaying_engine(settings, PoolSelection::Listed(rows), chain, feed, tasks)?
        }
        None => {
            let pools = PoolSelection::Discovered(Discovery::All);
            replaying_engine(settings, pools, chain, feed, tasks)?
        }
    };
    let handle = engine.handle;
    tasks
        .spawn("feed-gates", until(publish_gates(handle.clone(), gated, tasks.shutdown().clone())));
    let (paths, path_handle) =
        PathsDriver::halted_by(paths_options(&settings.paths)?, handle.clone(), halts);
    let service = LiquidityService::new([(handle, path_handle)])?;
    let shutdown = tasks.shutdown().clone();
    tasks.spawn("feed", server.run(shutdown.clone()));
    tasks.spawn("liquidity-updates", forward(updates, steps, engine.updates, shutdown.clone()));
    tasks.spawn("paths", paths.run(shutdown.clone()));
    tasks.spawn("pool-events", Arc::clone(&service).publish(shutdown));
    Ok(service)
}

/// All pools of the chain, or those of a list that does not change: the arena is built from stored blocks.
fn replaying_engine(
    settings: &Settings,
    pools: PoolSelection,
    chain: &Arc<Chain>,
    feed: FeedProducer,
    tasks: &mut TaskSet,
) -> eyre::Result<Engine> {
    let options =
        LiquidityOptions { pools, ..LiquidityOptions::own_chain(chain.spec().chain_id()) };
    let source = Arc::new(StoredBlocks(Arc::clone(chain)));
    let (driver, handle, sender) = LiquidityDriver::new(options, source, feed);
    settings.spill.attach(&handle)?;
    tasks.spawn("liquidity", driver.run(tasks.shutdown().clone()));
    Ok(Engine { handle, updates: Updates::Replay(sender) })
}

/// Pools that come and go by a list over NATS: each is read from the chain's state at one block when it is listed.
async fn reading_engine(
    settings: &Settings,
    url: &NatsWhitelistUrl,
    chain: &Arc<Chain>,
    feed: FeedProducer,
    tasks: &mut TaskSet,
) -> eyre::Result<Engine> {
    let chain_id = chain.spec().chain_id();
    if !is_of_chain(url, chain_id) {
        bail!("whitelist is of another chain: ours={chain_id} its={}", url.chain().unwrap_or(""));
    }
    let node = Arc::new(ChainState(Arc::clone(chain)));
    let options = SourceOptions::new(chain_id);
    let (driver, handle, ports) = SourceDriver::new(options, Arc::clone(&node) as _, Some(feed));
    settings.spill.attach(&handle)?;
    let inputs = ports.inputs.clone();
    // Blocks come onto this one; before the first list it is where reading begins.
    let reset = Some(chain.view().heads().unsafe_head());
    let anchor = SourceUpdate { reset, ..SourceUpdate::default() };
    inputs.send(EngineInput::Source(anchor)).await?;
    tasks.spawn("liquidity", driver.run(tasks.shutdown().clone()));
    crate::whitelist::follow(url.clone(), node, handle.clone(), ports, tasks);
    Ok(Engine { handle, updates: Updates::Read(inputs) })
}

impl Updates {
    /// `false` if the engine has ended.
    async fn send(&self, input: LiquidityInput) -> bool {
        match (self, input) {
            (Self::Replay(sender), input) => sender.send(input).await.is_ok(),
            (Self::Read(sender), LiquidityInput::Chain(update)) => {
                sender.send(EngineInput::Chain(update)).await.is_ok()
            }
            (Self::Read(sender), LiquidityInput::Open(update)) => {
                sender.send(EngineInput::Open(update)).await.is_ok()
            }
        }
    }

    /// Tells an engine that has no stored blocks that some are missing.
    async fn note_gap(&self) {
        if let Self::Read(sender) = self {
            // If it has ended, the next update finds that out.
            let _ = sender.send(EngineInput::Gap).await;
        }
    }
}

/// Hands the chain's updates to the engine, and the steps of open blocks after the blocks they are on top of. After a lag
/// the next update does not connect, and the engine rebuilds; lost steps are made up for by the sealed block.
async fn forward(
    mut updates: broadcast::Receiver<Arc<ChainUpdate>>,
    mut steps: broadcast::Receiver<Arc<OpenUpdate>>,
    engine: Updates,
    shutdown: Shutdown,
) -> Result<(), String> {
    loop {
        // In this order: an update that is there was sent before a step that is there.
        let input = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            update = updates.recv() => {
                update.map(|update| LiquidityInput::Chain(Arc::unwrap_or_clone(update)))
            }
            step = steps.recv() => match step {
                // The engine sees that some are missing.
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                step => step.map(LiquidityInput::Open),
            },
        };
        match input {
            Ok(input) => {
                if !engine.send(input).await {
                    // The engine has ended; its own task says why.
                    shutdown.cancelled().await;
                    return Ok(());
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "liquidity engine fell behind");
                engine.note_gap().await;
            }
            Err(broadcast::error::RecvError::Closed) => return Err("chain ended".to_owned()),
        }
    }
}
