//! The task around the engine.

use crate::{
    BlockSource, LiquidityError, LiquidityHandle, LiquidityOptions, engine::LiquidityEngine,
};
use std::sync::Arc;
use tokio::sync::mpsc;
use weir_feed::FeedProducer;
use weir_primitives::{ChainUpdate, OpenUpdate};
use weir_runtime::Shutdown;

/// Updates that may wait for the engine. The sender waits when it is full: no update is ever dropped.
pub const UPDATE_QUEUE: usize = 256;

/// What the engine is told. Both in the order in which the chain told them: a step after the block that it is on top of.
#[derive(Debug, Clone)]
pub enum LiquidityInput {
    /// Sealed blocks.
    Chain(ChainUpdate),
    /// The block that is being built.
    Open(Arc<OpenUpdate>),
}

/// Follows chain updates with the arena, and publishes views and feed events.
pub struct LiquidityDriver {
    engine: LiquidityEngine,
    updates: mpsc::Receiver<LiquidityInput>,
}

impl std::fmt::Debug for LiquidityDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiquidityDriver").finish_non_exhaustive()
    }
}

impl LiquidityDriver {
    /// A driver, the handle for readers, and the sender for updates. Reads and applies nothing yet.
    ///
    /// Make `feed` with the chain's id. Send every update of the chain from now on: blocks that [`LiquidityDriver::run`]
    /// has read from `source` by then are recognised and skipped.
    pub fn new(
        options: LiquidityOptions,
        source: Arc<dyn BlockSource>,
        feed: FeedProducer,
    ) -> (Self, LiquidityHandle, mpsc::Sender<LiquidityInput>) {
        let handle = LiquidityHandle::new(options.chain_id);
        let (sender, updates) = mpsc::channel(UPDATE_QUEUE);
        let engine = LiquidityEngine::new(options, source, feed, handle.clone());
        (Self { engine, updates }, handle, sender)
    }

    /// Rebuilds the arena from stored blocks, then follows updates until shutdown or until all senders are gone. A shutdown ends a
    /// rebuild at the next block.
    ///
    /// # Errors
    /// If stored blocks cannot be read or are no chain: the engine is `Halted` then.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), LiquidityError> {
        let stop = shutdown.clone();
        self.engine =
            off_worker(self.engine, move |engine| engine.rebuild(&|| stop.is_cancelled())).await?;
        loop {
            let update = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                update = self.updates.recv() => update,
            };
            let Some(update) = update else { return Ok(()) };
            let stop = shutdown.clone();
            let follow = move |engine: &mut LiquidityEngine| match &update {
                LiquidityInput::Chain(update) => engine.follow(update, &|| stop.is_cancelled()),
                LiquidityInput::Open(update) => {
                    engine.follow_open(update);
                    Ok(())
                }
            };
            self.engine = off_worker(self.engine, follow).await?;
        }
    }
}

/// Runs CPU-bound work off the asynchronous workers.
async fn off_worker(
    mut engine: LiquidityEngine,
    work: impl FnOnce(&mut LiquidityEngine) -> Result<(), LiquidityError> + Send + 'static,
) -> Result<LiquidityEngine, LiquidityError> {
    let done = tokio::task::spawn_blocking(move || work(&mut engine).map(|()| engine));
    done.await.map_err(|_| LiquidityError::Panicked)?
}
