//! Writing to one consumer, who may be slow.

use crate::{ConsumerError, producer::FeedCursor};
use std::{io, time::Duration};
use tokio::{io::AsyncWriteExt, net::unix::OwnedWriteHalf};
use weir_runtime::Shutdown;

/// The writing half of a consumer's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    writer: OwnedWriteHalf,
    cut_grace: Duration,
}

impl Connection {
    pub(crate) const fn new(writer: OwnedWriteHalf, cut_grace: Duration) -> Self {
        Self { writer, cut_grace }
    }

    /// Writes one event's frames at once. When the producer overruns the consumer meanwhile, or stops, the consumer
    /// has a grace period left.
    pub(crate) async fn send(
        &mut self,
        cursor: &FeedCursor,
        bytes: &[u8],
        shutdown: &Shutdown,
    ) -> Result<(), ConsumerError> {
        let grace = self.cut_grace;
        let deadline = async {
            tokio::select! {
                () = cursor.overrun() => metrics::counter!("weir_feed_consumers_cut_total").increment(1),
                () = shutdown.cancelled() => {}
            }
            tokio::time::sleep(grace).await;
        };
        tokio::select! {
            biased;
            written = self.writer.write_all(bytes) => written.map_err(ConsumerError::Io),
            () = deadline => Err(ConsumerError::Io(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Writes within the grace period.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), ConsumerError> {
        tokio::time::timeout(self.cut_grace, self.writer.write_all(bytes))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ConsumerError::Io)
    }
}
