//! SIGINT and SIGTERM.

use crate::{Shutdown, ShutdownReason};
use tokio::signal::unix::{SignalKind, signal};

/// Triggers `shutdown` on the first SIGINT or SIGTERM and aborts the process on the second, with 128 plus its number.
///
/// Returns when the shutdown was triggered by something else and no signal came; run it beside the task set.
///
/// # Errors
/// If the handlers cannot be installed.
pub async fn watch_signals(shutdown: Shutdown) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        let number = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
        };
        if shutdown.is_cancelled() {
            std::process::exit(128 + number);
        }
        tracing::info!(signal = number, "stopping");
        shutdown.trigger(ShutdownReason::Signal(number));
    }
}
