//! One upstream consumer's connection: it says nothing and is sent everything from the next block on.

use super::{UpstreamMessage, UpstreamStreamError, encode_upstream, translate::Translator};
use crate::{
    ConsumerError, FeedEvent, FeedProducer, ReorgEnd, Reverted, ServerOptions, Start,
    connection::Connection,
    log::LogItem,
    producer::{FeedCursor, Read},
};
use std::sync::Arc;
use tokio::{
    io::{AsyncReadExt, BufReader},
    net::{UnixStream, unix::OwnedReadHalf},
};
use weir_runtime::Shutdown;

pub(crate) struct UpstreamSession {
    reader: BufReader<OwnedReadHalf>,
    connection: Connection,
    producer: FeedProducer,
    options: Arc<ServerOptions>,
    translator: Translator,
}

/// Why a session ends by itself.
enum End {
    /// The consumer is gone.
    Consumer(ConsumerError),
    /// What comes next cannot be told.
    Stream(UpstreamStreamError),
}

impl UpstreamSession {
    pub(crate) fn new(
        stream: UnixStream,
        producer: FeedProducer,
        options: Arc<ServerOptions>,
    ) -> Self {
        let (reader, writer) = stream.into_split();
        let translator = Translator::new(producer.chain_id());
        Self {
            reader: BufReader::new(reader),
            connection: Connection::new(writer, options.cut_grace),
            producer,
            options,
            translator,
        }
    }

    pub(crate) async fn run(mut self, shutdown: &Shutdown) -> Result<(), ConsumerError> {
        match self.serve(shutdown).await {
            Ok(()) => Ok(()),
            Err(End::Consumer(error)) => Err(error),
            Err(End::Stream(error)) => {
                // The format has no way to say so: the consumer learns it by the end of the connection.
                tracing::error!(%error, "upstream consumer is cut");
                metrics::counter!("weir_feed_consumers_cut_total").increment(1);
                Ok(())
            }
        }
    }

    async fn serve(&mut self, shutdown: &Shutdown) -> Result<(), End> {
        let (mut cursor, _, _) = self.producer.cursor(Start::Live);
        let mut heartbeat = tokio::time::interval(self.options.heartbeat_interval);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ping = Vec::new();
        encode_upstream(&UpstreamMessage::Ping, &mut ping);
        let mut said = [0; 64];
        while !shutdown.is_cancelled() {
            match cursor.read() {
                Read::Items(items) => {
                    self.send_all(&cursor, &items, shutdown).await?;
                    continue;
                }
                Read::Lost(_) => {
                    metrics::counter!("weir_feed_consumers_cut_total").increment(1);
                    return Ok(());
                }
                Read::CaughtUp(_) => {}
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                published = cursor.published() => if published.is_err() { return Ok(()) },
                // It may answer a ping; only the end of its stream says anything.
                read = self.reader.read(&mut said) => match read {
                    Ok(0) | Err(_) => return Ok(()),
                    Ok(_) => {}
                },
                _ = heartbeat.tick() => self.connection.write(&ping).await.map_err(End::Consumer)?,
            }
        }
        Ok(())
    }

    async fn send_all(
        &mut self,
        cursor: &FeedCursor,
        items: &[Arc<LogItem>],
        shutdown: &Shutdown,
    ) -> Result<(), End> {
        for item in items {
            if shutdown.is_cancelled() {
                return Ok(());
            }
            let mut frames = Vec::new();
            let translated = tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                translated = self.translate(&item.event, &mut frames) => translated,
            };
            translated.map_err(End::Stream)?;
            let sent = self.connection.send(cursor, &frames, shutdown).await;
            sent.map_err(End::Consumer)?;
        }
        Ok(())
    }

    async fn translate(
        &mut self,
        event: &FeedEvent,
        frames: &mut Vec<u8>,
    ) -> Result<(), UpstreamStreamError> {
        match event {
            FeedEvent::Block(block) => self.translator.block(&block.envelope, false, frames),
            FeedEvent::ReorgStart(start) => {
                self.translator.reorg_start(start, frames);
                Ok(())
            }
            FeedEvent::Reverted(Reverted { block, .. }) => {
                let (number, hash) = (block.number, block.hash);
                let retained = self.producer.retained_block(hash);
                let envelope = retained.ok_or(UpstreamStreamError::NotRetained { number, hash })?;
                self.translator.block(&envelope, true, frames)
            }
            FeedEvent::ReorgEnd(end) => self.reorg_end(end, frames).await,
            FeedEvent::Heartbeat(_)
            | FeedEvent::Gap(_)
            | FeedEvent::Gate(_)
            | FeedEvent::Snapshot(_)
            | FeedEvent::Step(_)
            | FeedEvent::StepRetracted(_) => Ok(()),
        }
    }

    async fn reorg_end(
        &mut self,
        end: &ReorgEnd,
        frames: &mut Vec<u8>,
    ) -> Result<(), UpstreamStreamError> {
        let snapshot = if self.translator.needs_states() {
            let snapshot = self.producer.snapshot_above(end);
            tokio::time::timeout(self.options.snapshot_wait, snapshot).await.ok().flatten()
        } else {
            None
        };
        let tip = self.producer.retained_block(end.tip_hash).map(|tip| tip.block().timestamp);
        let of_snapshot = || snapshot.as_ref()?.tip().filter(|tip| tip.hash == end.tip_hash);
        let timestamp = tip.or_else(|| Some(of_snapshot()?.timestamp)).unwrap_or_default();
        self.translator.reorg_end(end, timestamp, snapshot.as_deref(), frames)
    }
}
