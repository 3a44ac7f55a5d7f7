//! The task around the engine: one queue in, reads beside it.

use super::{EngineInput, SourceEngine, SourceOptions, WhitelistApplied, Work, WorkDone};
use crate::{LiquidityError, LiquidityHandle, StateReader};
use futures_util::{StreamExt, stream};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::mpsc, task::JoinSet};
use weir_feed::FeedProducer;
use weir_follower::Backoff;
use weir_runtime::Shutdown;

/// Inputs that may wait for the engine. Senders wait when it is full: nothing is ever dropped.
pub const INPUT_QUEUE: usize = 256;
/// Acknowledgements that may wait for their reader; further ones are dropped with a warning.
const APPLIED_QUEUE: usize = 256;
/// How often ages and lags are looked at.
pub const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// Pools of one request that are read at once.
const READS_AT_ONCE: usize = 8;
/// First wait after failed reads; it doubles up to [`RETRY_MAX`].
const RETRY_BASE: Duration = Duration::from_millis(200);
/// Longest wait after failed reads.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// The ends that others hold.
#[derive(Debug)]
pub struct SourcePorts {
    /// Blocks, feed events, whitelist changes and the source's status go in here, in order.
    pub inputs: mpsc::Sender<EngineInput>,
    /// Whitelist changes that are done come out here.
    pub applied: mpsc::Receiver<WhitelistApplied>,
}

/// Runs a [`SourceEngine`].
pub struct SourceDriver {
    engine: SourceEngine,
    reader: Arc<dyn StateReader>,
    inputs: mpsc::Receiver<EngineInput>,
    applied: mpsc::Sender<WhitelistApplied>,
}

impl std::fmt::Debug for SourceDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceDriver").finish_non_exhaustive()
    }
}

/// What the loop does next.
enum Event {
    Input(EngineInput),
    Read(WorkDone),
    Tick,
    RetryDue,
    Ended,
}

impl SourceDriver {
    /// A driver, the handle for readers, and the ends for everybody else. Reads and applies nothing yet.
    pub fn new(
        options: SourceOptions,
        reader: Arc<dyn StateReader>,
        feed: Option<FeedProducer>,
    ) -> (Self, LiquidityHandle, SourcePorts) {
        let (engine, handle) = SourceEngine::new(options, feed);
        let (sender, inputs) = mpsc::channel(INPUT_QUEUE);
        let (applied, acknowledgements) = mpsc::channel(APPLIED_QUEUE);
        let ports = SourcePorts { inputs: sender, applied: acknowledgements };
        (Self { engine, reader, inputs, applied }, handle, ports)
    }

    /// Follows the inputs until shutdown or until all senders are gone.
    ///
    /// # Errors
    /// If the source is of another chain: the engine is `Halted` then.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), LiquidityError> {
        let Self { mut engine, reader, mut inputs, applied } = self;
        let mut reads: JoinSet<WorkDone> = JoinSet::new();
        let mut backoff = Backoff::new(RETRY_BASE, RETRY_MAX);
        let mut retry_at: Option<tokio::time::Instant> = None;
        let mut ticks = tokio::time::interval(TICK_INTERVAL);
        loop {
            if retry_at.is_none() {
                for work in engine.work() {
                    reads.spawn(read_all(Arc::clone(&reader), work));
                }
            }
            let event = tokio::select! {
                () = shutdown.cancelled() => Event::Ended,
                input = inputs.recv() => input.map_or(Event::Ended, Event::Input),
                Some(done) = reads.join_next() => {
                    Event::Read(done.map_err(|_| LiquidityError::Panicked)?)
                }
                _ = ticks.tick() => Event::Tick,
                () = wait_until(retry_at) => Event::RetryDue,
            };
            match event {
                Event::Ended => return Ok(()),
                Event::RetryDue => retry_at = None,
                Event::Tick => engine.tick(Instant::now()),
                Event::Input(input) => {
                    engine =
                        off_worker(engine, |engine| engine.take(input, Instant::now())).await?.0;
                }
                Event::Read(done) => {
                    let finish = |engine: &mut SourceEngine| engine.finish(done, Instant::now());
                    let has_failed;
                    (engine, has_failed) = off_worker(engine, finish).await?;
                    if has_failed {
                        retry_at = Some(tokio::time::Instant::now() + backoff.next_wait());
                    } else {
                        backoff.reset();
                    }
                }
            }
            for done in engine.acknowledgements() {
                if applied.try_send(done).is_err() {
                    tracing::warn!("nobody takes whitelist acknowledgements");
                }
            }
        }
    }
}

async fn wait_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn read_all(reader: Arc<dyn StateReader>, work: Work) -> WorkDone {
    let Work { id, at, pools } = work;
    let reader = &reader;
    let reads = stream::iter(pools)
        .map(|pool| async move { (pool.key, reader.read(&pool, at).await) })
        .buffer_unordered(READS_AT_ONCE)
        .collect()
        .await;
    WorkDone { id, reads }
}

/// Runs CPU-bound work off the asynchronous workers.
async fn off_worker<T: Send + 'static>(
    mut engine: SourceEngine,
    work: impl FnOnce(&mut SourceEngine) -> Result<T, LiquidityError> + Send + 'static,
) -> Result<(SourceEngine, T), LiquidityError> {
    let done = tokio::task::spawn_blocking(move || work(&mut engine).map(|value| (engine, value)));
    done.await.map_err(|_| LiquidityError::Panicked)?
}
