//! From whoever asks for a reorg to the thread that does it.

use super::ReorgError;
use crate::SharedPool;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use weir_rpc::{ReorgOutcome, ReorgRequest};

/// Reorgs that may wait; more are refused.
const WAITING_MAX: usize = 4;

/// A request with where its answer goes.
#[derive(Debug)]
pub(crate) struct ReorgCommand {
    pub(crate) request: ReorgRequest,
    answer: oneshot::Sender<Result<ReorgOutcome, ReorgError>>,
}

impl ReorgCommand {
    pub(crate) fn answer(self, result: Result<ReorgOutcome, ReorgError>) {
        // Who asked may have gone.
        let _ = self.answer.send(result);
    }
}

/// Asks for reorgs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReorgHandle {
    commands: mpsc::Sender<ReorgCommand>,
    pool: Arc<SharedPool>,
}

impl ReorgHandle {
    /// Asks for a reorg, and waits until it is done.
    ///
    /// # Errors
    /// Any [`ReorgError`].
    pub async fn reorg(&self, request: ReorgRequest) -> Result<ReorgOutcome, ReorgError> {
        let (answer, result) = oneshot::channel();
        self.commands.try_send(ReorgCommand { request, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => ReorgError::Busy { limit: WAITING_MAX },
            mpsc::error::TrySendError::Closed(_) => ReorgError::Stopping,
        })?;
        self.pool.ring();
        result.await.map_err(|_| ReorgError::Stopping)?
    }
}

/// Where the sequencing thread finds what was asked for.
#[derive(Debug)]
pub struct ReorgInbox(mpsc::Receiver<ReorgCommand>);

impl ReorgInbox {
    pub(crate) fn next(&mut self) -> Option<ReorgCommand> {
        self.0.try_recv().ok()
    }
}

/// Both ends of the way from a backend to the sequencing driver of the same `pool`.
pub fn reorg_channel(pool: Arc<SharedPool>) -> (ReorgHandle, ReorgInbox) {
    let (commands, inbox) = mpsc::channel(WAITING_MAX);
    (ReorgHandle { commands, pool }, ReorgInbox(inbox))
}
