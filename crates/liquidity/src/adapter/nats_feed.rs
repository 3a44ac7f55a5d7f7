//! A feed over NATS as the source of an engine.

use crate::{EngineInput, SourceStatus};
use std::time::Duration;
use tokio::sync::mpsc;
use weir_feed::{NatsFeedConsumer, NatsFeedError, NatsFeedOptions};
use weir_follower::Backoff;
use weir_primitives::Severity;
use weir_runtime::Shutdown;

/// First wait before a reconnect; it doubles up to [`RECONNECT_MAX`].
const RECONNECT_BASE: Duration = Duration::from_millis(100);
/// Longest wait before a reconnect.
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// Reads a chain's feed from NATS into an engine's inputs, and reconnects. What is lost on the way is a gap: core NATS keeps
/// nothing, so the engine goes on by reading pools anew.
#[derive(Debug)]
pub struct NatsFeedSource {
    chain_id: u64,
    options: NatsFeedOptions,
    inputs: mpsc::Sender<EngineInput>,
}

impl NatsFeedSource {
    /// A source that is not connected yet.
    pub const fn new(
        chain_id: u64,
        options: NatsFeedOptions,
        inputs: mpsc::Sender<EngineInput>,
    ) -> Self {
        Self { chain_id, options, inputs }
    }

    /// Runs until shutdown, or until the engine is gone.
    ///
    /// # Errors
    /// If the server refuses for good.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), NatsFeedError> {
        let mut backoff = Backoff::new(RECONNECT_BASE, RECONNECT_MAX);
        loop {
            let ended = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                ended = self.session(&mut backoff) => ended,
            };
            match ended {
                Ok(()) => return Ok(()),
                Err(error) if error.severity() == Severity::Halt => return Err(error),
                Err(error) => tracing::warn!(%error, "feed over nats is lost, reconnecting"),
            }
            if !self.tell(false).await {
                return Ok(());
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(backoff.next_wait()) => {}
            }
        }
    }

    /// One connection; it ends well when the engine is gone.
    async fn session(&self, backoff: &mut Backoff) -> Result<(), NatsFeedError> {
        let mut consumer = NatsFeedConsumer::connect(self.chain_id, &self.options).await?;
        if !self.tell(true).await {
            return Ok(());
        }
        loop {
            let event = match consumer.next().await {
                Ok(event) => event,
                Err(error @ NatsFeedError::Message(_)) => {
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "message is left out");
                    continue;
                }
                Err(error) => return Err(error),
            };
            backoff.reset();
            if self.inputs.send(EngineInput::Feed(event)).await.is_err() {
                return Ok(());
            }
        }
    }

    /// `false` if the engine is gone.
    async fn tell(&self, is_connected: bool) -> bool {
        let status = SourceStatus { is_connected, head: None };
        self.inputs.send(EngineInput::Status(status)).await.is_ok()
    }
}
