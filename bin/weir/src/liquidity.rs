//! The liquidity engine on a node's own chain: chain updates in, arena, feed socket.

use crate::{paths::paths_options, settings::Settings};
use eyre::Context;
use std::{path::Path, sync::Arc};
use tokio::sync::{broadcast, mpsc};
use weir_feed::{FeedProducer, FeedServer, ServerOptions, Whitelist};
use weir_liquidity::{
    BlockSource, LiquidityDriver, LiquidityInput, LiquidityOptions, LiquidityService, PathsDriver,
    PoolSelection, listed_pools,
};
use weir_primitives::{BlockRef, ChainUpdate, ExecutedBlock, OpenUpdate, StateError};
use weir_runtime::{Clock, Shutdown, SystemClock, TaskSet};
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

/// Starts the engine and its feed server.
pub(crate) fn start(
    settings: &Settings,
    chain: &Arc<Chain>,
    socket: &Path,
    tasks: &mut TaskSet,
) -> eyre::Result<Arc<LiquidityService>> {
    let chain_id = chain.spec().chain_id();
    let mut options = LiquidityOptions::own_chain(chain_id);
    if let Some(path) = &settings.whitelist {
        options.pools = PoolSelection::Listed(read_whitelist(path, chain_id)?);
    }
    // A new producer is a new stream: consumers that resume with an older epoch are told to start over.
    let epoch = u64::try_from(SystemClock.now().as_micros()).unwrap_or(u64::MAX);
    let feed = FeedProducer::new(chain_id, epoch, options.ring_blocks);
    let server = FeedServer::bind(feed.clone(), ServerOptions::at(socket.to_path_buf()))
        .wrap_err_with(|| format!("feed socket cannot be bound: path={}", socket.display()))?;
    let (updates, steps) = (chain.subscribe(), chain.subscribe_open());
    let source = Arc::new(StoredBlocks(Arc::clone(chain)));
    let (driver, handle, sender) = LiquidityDriver::new(options, source, feed);
    let (paths, path_handle) = PathsDriver::new(paths_options(&settings.paths)?, handle.clone());
    let service = LiquidityService::new([(handle, path_handle)])?;
    let shutdown = tasks.shutdown().clone();
    tasks.spawn("feed", server.run(shutdown.clone()));
    tasks.spawn("liquidity", driver.run(shutdown.clone()));
    tasks.spawn("liquidity-updates", forward(updates, steps, sender, shutdown.clone()));
    tasks.spawn("paths", paths.run(shutdown.clone()));
    tasks.spawn("pool-events", Arc::clone(&service).publish(shutdown));
    Ok(service)
}

pub(crate) fn read_whitelist(
    path: &Path,
    chain_id: u64,
) -> eyre::Result<Vec<weir_arena::PoolStatic>> {
    let text = std::fs::read(path)
        .wrap_err_with(|| format!("whitelist cannot be read: path={}", path.display()))?;
    let whitelist = Whitelist::parse(&text, chain_id)
        .wrap_err_with(|| format!("whitelist is not valid: path={}", path.display()))?;
    let (pools, rejected) = listed_pools(&whitelist);
    for rejection in rejected {
        tracing::warn!(%rejection, "whitelist row is not followed");
    }
    Ok(pools)
}

/// Hands the chain's updates to the engine, and the steps of open blocks after the blocks they are on top of. After a lag
/// the next update does not connect, and the engine rebuilds; lost steps are made up for by the sealed block.
async fn forward(
    mut updates: broadcast::Receiver<Arc<ChainUpdate>>,
    mut steps: broadcast::Receiver<Arc<OpenUpdate>>,
    sender: mpsc::Sender<LiquidityInput>,
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
            step = steps.recv() => step.map(LiquidityInput::Open),
        };
        match input {
            Ok(input) => {
                if sender.send(input).await.is_err() {
                    // The engine has ended; its own task says why.
                    shutdown.cancelled().await;
                    return Ok(());
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "liquidity engine fell behind");
            }
            Err(broadcast::error::RecvError::Closed) => return Err("chain ended".to_owned()),
        }
    }
}
