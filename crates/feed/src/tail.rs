//! Printing a feed, for `weir feed tail`.

use crate::{
    ConsumerError, ConsumerOptions, FeedConsumer, FeedEvent, Refusal,
    json::{event_to_json, event_to_line},
};
use std::{io, path::PathBuf, time::Duration};
use weir_primitives::Severity;
use weir_runtime::Shutdown;

/// First wait before a reconnect; it doubles up to [`RECONNECT_WAIT_MAX`].
const RECONNECT_WAIT_MIN: Duration = Duration::from_millis(100);
/// Longest wait before a reconnect.
const RECONNECT_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a tail ended.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The feed cannot be read: the first connect failed, or the producer refuses.
    #[error("feed cannot be followed")]
    Feed(#[source] ConsumerError),
    /// The output was closed.
    #[error("output cannot be written")]
    Output(#[source] io::Error),
}

/// Prints every event of the feed at `socket` to `out`, one a line, until shutdown.
///
/// Begins with what the producer publishes next. When the connection breaks it reconnects and resumes, so that nothing
/// is left out; what cannot be resumed is printed as a `gap`.
///
/// # Errors
/// If the socket cannot be reached at first, the producer refuses, or `out` fails.
pub async fn feed_tail(
    socket: PathBuf,
    json: bool,
    out: &mut (dyn io::Write + Send),
    shutdown: Shutdown,
) -> Result<(), TailError> {
    let mut consumer = connect(socket).await.map_err(TailError::Feed)?;
    loop {
        let event = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            event = consumer.next() => event,
        };
        match event {
            Ok(event) => print(&event, json, out).map_err(TailError::Output)?,
            Err(error) => {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => return Ok(()),
                    resumed = reconnect(&mut consumer, error) => resumed.map_err(TailError::Feed)?,
                }
            }
        }
    }
}

/// With gates, if the producer knows of them.
async fn connect(socket: PathBuf) -> Result<FeedConsumer, ConsumerError> {
    let options = ConsumerOptions { gates: true, ..ConsumerOptions::at(socket) };
    match FeedConsumer::connect(options.clone()).await {
        Err(ConsumerError::Refused(refused)) if refused.reason == Refusal::Codec => {
            FeedConsumer::connect(ConsumerOptions { gates: false, ..options }).await
        }
        connected => connected,
    }
}

fn print(event: &FeedEvent, json: bool, out: &mut dyn io::Write) -> io::Result<()> {
    if json {
        writeln!(out, "{}", event_to_json(event))?;
    } else {
        writeln!(out, "{}", event_to_line(event))?;
    }
    out.flush()
}

/// Tries until the producer is back; gives up on errors that waiting does not cure.
pub(crate) async fn reconnect(
    consumer: &mut FeedConsumer,
    mut error: ConsumerError,
) -> Result<(), ConsumerError> {
    let mut wait = RECONNECT_WAIT_MIN;
    loop {
        if error.severity() == Severity::Halt {
            return Err(error);
        }
        tracing::warn!(%error, wait_ms = wait.as_millis(), "feed is lost, reconnecting");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RECONNECT_WAIT_MAX);
        match consumer.resume().await {
            Ok(()) => return Ok(()),
            Err(failed) => error = failed,
        }
    }
}
