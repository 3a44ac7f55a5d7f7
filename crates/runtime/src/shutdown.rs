//! Cancellation that carries its cause.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};
use tokio_util::sync::CancellationToken;

/// Why the process, or a part of it, is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShutdownReason {
    /// SIGINT or SIGTERM, by its number.
    Signal(i32),
    /// The work is done (for example, a duration has passed).
    Done,
    /// A critical task ended, with its name and what it said.
    TaskEnded {
        /// Name the task was spawned under.
        task: &'static str,
        /// Its error, or that it returned.
        message: String,
    },
}

impl fmt::Display for ShutdownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::Done => f.write_str("done"),
            Self::TaskEnded { task, message } => write!(f, "task {task} ended: {message}"),
        }
    }
}

/// A handle that tells many tasks to stop, once, and remembers why. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    reason: Arc<OnceLock<ShutdownReason>>,
}

impl Shutdown {
    /// A handle that nobody has triggered.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everyone to stop. Only the first reason is kept.
    pub fn trigger(&self, reason: ShutdownReason) {
        // A second trigger is normal (several tasks may end at once); the first reason stands.
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Waits until [`Self::trigger`] is called. Cancel-safe.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Whether [`Self::trigger`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// A token that is cancelled with this handle, for code that takes nothing else. Cancelling it stops nobody.
    pub fn token(&self) -> CancellationToken {
        self.token.child_token()
    }

    /// Why, once triggered.
    pub fn reason(&self) -> Option<&ShutdownReason> {
        self.reason.get()
    }
}
