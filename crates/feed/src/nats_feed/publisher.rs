//! The producing end.

use super::{
    NATS_UPDATE_BYTES_MAX, NatsFeedError, NatsFeedHead, consumer::connect, head::nats_feed_subject,
};
use crate::{
    FeedEvent, FeedProducer, Message, Start,
    codec::encode,
    log::LogItem,
    producer::{FeedCursor, Read},
};
use async_nats::Client;
use bytes::Bytes;
use std::{fmt, sync::Arc, sync::atomic::Ordering, time::Duration};
use weir_runtime::Shutdown;

/// Bytes of a payload, at most; less if the server's own limit is lower.
pub const NATS_CHUNK_BYTES: usize = 512 * 1024;
/// Bytes of a message that its headers and subject may take of the server's limit.
const HEAD_BYTES: usize = 1_024;

/// Settings of a feed over NATS.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsFeedOptions {
    /// The server: `nats://[user:password@]host:port`.
    pub server: String,
    /// Time for one attempt to connect.
    pub connect_timeout: Duration,
    /// Time after which an update that the server has not taken is sent again.
    pub flush_timeout: Duration,
    /// Time between heartbeats while nothing is published.
    pub heartbeat_interval: Duration,
}

impl NatsFeedOptions {
    /// The defaults.
    pub const fn new(server: String) -> Self {
        Self {
            server,
            connect_timeout: Duration::from_secs(5),
            flush_timeout: Duration::from_secs(5),
            heartbeat_interval: crate::HEARTBEAT_INTERVAL,
        }
    }
}

/// Without the server, whose address may hold a password.
impl fmt::Debug for NatsFeedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsFeedOptions")
            .field("connect_timeout", &self.connect_timeout)
            .field("flush_timeout", &self.flush_timeout)
            .field("heartbeat_interval", &self.heartbeat_interval)
            .finish_non_exhaustive()
    }
}

/// Publishes a producer's blocks and reorgs to `weir.feed.{chain_id}`.
#[derive(Debug)]
pub struct NatsFeedPublisher {
    client: Client,
    options: NatsFeedOptions,
    subject: String,
    cursor: FeedCursor,
    /// Records of a reorg whose end was not read yet.
    open: Vec<Arc<LogItem>>,
}

impl NatsFeedPublisher {
    /// Connects. What the producer publishes from now on is sent.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub async fn connect(
        producer: &FeedProducer,
        options: NatsFeedOptions,
    ) -> Result<Self, NatsFeedError> {
        let client = connect(&options).await?;
        let subject = nats_feed_subject(producer.chain_id());
        let (cursor, _, _) = producer.cursor(Start::Live);
        Ok(Self { client, options, subject, cursor, open: Vec::new() })
    }

    /// Publishes until shutdown. While the server is away, updates wait in the producer's log; when that is too short,
    /// consumers are told by a [`Gap`](crate::Gap).
    ///
    /// # Errors
    /// If the client refuses a message, which none but a mistake in its size explains.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), NatsFeedError> {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            served = self.serve() => served,
        }
    }

    async fn serve(&mut self) -> Result<(), NatsFeedError> {
        let mut heartbeat = tokio::time::interval(self.options.heartbeat_interval);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            match self.cursor.read() {
                Read::Items(items) => self.take(items).await?,
                Read::Lost(gap) => {
                    self.open.clear();
                    self.notice(gap.epoch, gap.next_seq, &Message::Gap(gap)).await?;
                    self.cursor.move_to(&gap);
                }
                Read::CaughtUp(head) => {
                    tokio::select! {
                        published = self.cursor.published() => if published.is_err() {
                            return Ok(());
                        },
                        _ = heartbeat.tick() => {
                            let message = Message::Heartbeat(head);
                            self.notice(head.epoch, head.next_seq, &message).await?;
                        }
                    }
                }
            }
        }
    }

    async fn take(&mut self, items: Vec<Arc<LogItem>>) -> Result<(), NatsFeedError> {
        for item in items {
            let is_whole = match &item.event {
                FeedEvent::Block(_) => self.open.is_empty(),
                FeedEvent::ReorgEnd(_) => true,
                FeedEvent::ReorgStart(_) | FeedEvent::Reverted(_) => false,
                // Steps are for who is near enough to use them.
                _ => continue,
            };
            self.open.push(item);
            if is_whole {
                let update = std::mem::take(&mut self.open);
                self.update(&update).await?;
            }
        }
        Ok(())
    }

    async fn update(&self, update: &[Arc<LogItem>]) -> Result<(), NatsFeedError> {
        let Some(seq) = update.first().and_then(|item| item.event.seq()) else { return Ok(()) };
        let bytes = match update {
            [only] => only.bytes().clone(),
            many => many.iter().flat_map(|item| item.bytes().iter().copied()).collect(),
        };
        if bytes.len() > NATS_UPDATE_BYTES_MAX {
            tracing::error!(seq, bytes = bytes.len(), "update is too large for nats, left out");
            return Ok(());
        }
        self.send(self.cursor.epoch(), seq, &bytes).await
    }

    async fn notice(&self, epoch: u64, seq: u64, message: &Message) -> Result<(), NatsFeedError> {
        let mut frame = Vec::new();
        encode(message, &mut frame);
        self.send(epoch, seq, &frame.into()).await
    }

    /// Sends an update in parts, again if the connection was lost meanwhile: consumers skip what they have.
    async fn send(&self, epoch: u64, seq: u64, bytes: &Bytes) -> Result<(), NatsFeedError> {
        let connects = || self.client.statistics().connects.load(Ordering::Relaxed);
        loop {
            let before = connects();
            let limit = self.client.max_payload().saturating_sub(HEAD_BYTES);
            let size = NATS_CHUNK_BYTES.min(limit).max(HEAD_BYTES);
            let chunks = u32::try_from(bytes.len().div_ceil(size)).unwrap_or(u32::MAX);
            for chunk in 0..chunks {
                let start = chunk as usize * size;
                let part = bytes.slice(start..(start + size).min(bytes.len()));
                let head = NatsFeedHead { epoch, seq, chunk, chunks };
                self.client
                    .publish_with_headers(self.subject.clone(), head.headers(), part)
                    .await
                    .map_err(NatsFeedError::Publish)?;
            }
            let flushed = tokio::time::timeout(self.options.flush_timeout, self.client.flush());
            if matches!(flushed.await, Ok(Ok(()))) && connects() == before {
                return Ok(());
            }
            tracing::warn!(seq, "nats connection was lost, update is sent again");
        }
    }
}
