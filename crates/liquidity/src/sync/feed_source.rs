//! A feed socket as the source of an engine.

use super::{EngineInput, SourceStatus};
use crate::metrics::count_feed_fault;
use std::time::Duration;
use tokio::sync::mpsc;
use weir_feed::{ConsumerError, ConsumerOptions, FeedConsumer, SyncFault};
use weir_follower::Backoff;
use weir_primitives::Severity;
use weir_runtime::Shutdown;

/// First wait before a reconnect; it doubles up to [`RECONNECT_MAX`].
const RECONNECT_BASE: Duration = Duration::from_millis(100);
/// Longest wait before a reconnect.
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// Why a feed cannot be followed at all.
#[derive(Debug, thiserror::Error)]
pub enum FeedSourceError {
    /// The producer speaks another version or chain, or runs under another user: no reconnect helps.
    #[error("feed cannot be followed")]
    Refused(#[source] ConsumerError),
}

/// Reads a feed socket into an engine's inputs, and reconnects. Nothing is lost or repeated across a reconnect unless the
/// producer no longer has it; then the engine is told of a gap.
#[derive(Debug)]
pub struct FeedSource {
    options: ConsumerOptions,
    inputs: mpsc::Sender<EngineInput>,
}

/// How a connection ended.
enum Ended {
    /// By shutdown, or because the engine is gone.
    Done,
    /// By an error after which another connection may work.
    Lost(ConsumerError),
}

impl FeedSource {
    /// A source that is not connected yet.
    pub const fn new(options: ConsumerOptions, inputs: mpsc::Sender<EngineInput>) -> Self {
        Self { options, inputs }
    }

    /// Runs until shutdown, or until the engine is gone.
    ///
    /// # Errors
    /// If the producer is not the one meant.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), FeedSourceError> {
        let mut consumer: Option<FeedConsumer> = None;
        let mut backoff = Backoff::new(RECONNECT_BASE, RECONNECT_MAX);
        loop {
            let ended = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                ended = self.session(&mut consumer, &mut backoff) => ended,
            };
            let error = match ended {
                Ended::Done => return Ok(()),
                Ended::Lost(error) if error.severity() == Severity::Halt => {
                    return Err(FeedSourceError::Refused(error));
                }
                Ended::Lost(error) => error,
            };
            count_feed_fault(self.options.chain_id, fault_kind(&error));
            tracing::warn!(%error, failures = backoff.failures(), "feed is lost, reconnecting");
            if !self.tell(false).await {
                return Ok(());
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    async fn session(&self, known: &mut Option<FeedConsumer>, backoff: &mut Backoff) -> Ended {
        let connected = match known.as_mut() {
            Some(consumer) => consumer.resume().await,
            None => FeedConsumer::connect(self.options.clone()).await.map(|new| *known = Some(new)),
        };
        if let Err(error) = connected {
            return Ended::Lost(error);
        }
        let Some(consumer) = known.as_mut() else { return Ended::Done };
        if !self.tell(true).await {
            return Ended::Done;
        }
        loop {
            match consumer.next().await {
                Ok(event) => {
                    backoff.reset();
                    if self.inputs.send(EngineInput::Feed(event)).await.is_err() {
                        return Ended::Done;
                    }
                }
                Err(error) => return Ended::Lost(error),
            }
        }
    }

    /// `false` if the engine is gone.
    async fn tell(&self, is_connected: bool) -> bool {
        let status = SourceStatus { is_connected, head: None };
        self.inputs.send(EngineInput::Status(status)).await.is_ok()
    }
}

const fn fault_kind(error: &ConsumerError) -> &'static str {
    match error {
        ConsumerError::Io(_) | ConsumerError::Closed { .. } | ConsumerError::Idle { .. } => {
            "connection"
        }
        ConsumerError::Refused(_) | ConsumerError::ForeignUser { .. } => "refused",
        ConsumerError::Codec(_) => "codec",
        ConsumerError::NotSynced(SyncFault::Sequence { .. }) => "sequence",
        ConsumerError::NotSynced(SyncFault::UpdateCount { .. } | SyncFault::UpdateIndex { .. }) => {
            "count"
        }
        ConsumerError::NotSynced(SyncFault::Digest { .. }) => "digest",
        ConsumerError::NotSynced(_) => "order",
    }
}
