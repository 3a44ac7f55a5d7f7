//! A followed node as the source of an engine.

use crate::{EngineInput, SourceStatus, SourceUpdate};
use tokio::sync::{mpsc, watch};
use weir_feed::Completeness;
use weir_follower::{ChainFollower, FollowError, Followed, FollowerStatus, LogProof};
use weir_primitives::Severity;
use weir_runtime::Shutdown;

/// Why a node is not followed any more.
#[derive(Debug, thiserror::Error)]
pub enum FollowerSourceError {
    /// No further attempt helps: the node is of another chain, or does not serve what is needed.
    #[error("node cannot be followed")]
    Halted(#[source] FollowError),
}

/// Hands what a follower yields to an engine, with the state of the connection.
#[derive(Debug)]
pub struct FollowerSource {
    follower: ChainFollower,
    inputs: mpsc::Sender<EngineInput>,
}

impl FollowerSource {
    /// A source that has handed out nothing yet.
    pub const fn new(follower: ChainFollower, inputs: mpsc::Sender<EngineInput>) -> Self {
        Self { follower, inputs }
    }

    /// Runs until shutdown, or until the engine is gone. The first thing that the engine is told is the block that following
    /// begins with.
    ///
    /// # Errors
    /// If the node is not the one meant.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), FollowerSourceError> {
        let Self { mut follower, inputs } = self;
        let status = follower.status();
        let anchor = SourceUpdate { reset: Some(follower.anchor()), ..SourceUpdate::default() };
        if inputs.send(EngineInput::Source(anchor)).await.is_err() {
            return Ok(());
        }
        // Side by side: looking at the node changes the status, and must not be cut short by it.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            () = forward_status(status, inputs.clone()) => Ok(()),
            followed = follow(&mut follower, &inputs) => followed,
        }
    }
}

/// Hands over what the follower yields, until the engine is gone.
async fn follow(
    follower: &mut ChainFollower,
    inputs: &mpsc::Sender<EngineInput>,
) -> Result<(), FollowerSourceError> {
    loop {
        let followed = match follower.next().await {
            Ok(followed) => followed,
            Err(error) if error.severity() == Severity::Halt => {
                return Err(FollowerSourceError::Halted(error));
            }
            Err(error) => {
                tracing::warn!(%error, cause = ?std::error::Error::source(&error), "node gives no update, asking again");
                continue;
            }
        };
        if inputs.send(EngineInput::Source(update(followed))).await.is_err() {
            return Ok(());
        }
    }
}

/// Hands over the state of the connection as it changes, until the engine or the follower is gone.
async fn forward_status(
    mut status: watch::Receiver<FollowerStatus>,
    inputs: mpsc::Sender<EngineInput>,
) {
    while status.changed().await.is_ok() {
        let input = EngineInput::Status(source_status(&status.borrow_and_update()));
        if inputs.send(input).await.is_err() {
            return;
        }
    }
}

fn source_status(status: &FollowerStatus) -> SourceStatus {
    SourceStatus { is_connected: status.connected, head: Some(status.head.number) }
}

fn update(followed: Followed) -> SourceUpdate {
    let new = followed.new.into_iter().map(|followed| (followed.block, grade(followed.proof)));
    SourceUpdate::followed(followed.old, new.collect(), followed.reset)
}

/// What a follower's proof is worth. A bloom filter that excludes every log is one of a header that was hashed.
const fn grade(proof: LogProof) -> Completeness {
    match proof {
        LogProof::ReceiptsRoot => Completeness::ReceiptsRootVerified,
        LogProof::PinnedLogs => Completeness::BlockHashPinnedLogs,
        LogProof::BloomExcluded => Completeness::BloomExcluded,
    }
}
