//! One consumer's connection.

use crate::{
    CODEC_FIXED, CODEC_GATES, ConsumerError, FeedProducer, Gap, Hello, Message, PROTOCOL_VERSION,
    Refusal, Refused, ServerOptions, SnapshotBegin, Start, SyncFault, Welcome,
    codec::encode,
    connection::Connection,
    frames::FrameReader,
    gate_tail::GateTail,
    handshake::ANY_CHAIN,
    log::LogItem,
    producer::{FeedCursor, Read},
    snapshot::pools_of,
    snapshot_codec::SnapshotWriter,
};
use std::{sync::Arc, time::Duration};
use tokio::net::{UnixStream, unix::OwnedReadHalf};
use weir_arena::PoolSnapshot;
use weir_runtime::Shutdown;

/// Time that a consumer has for its greeting.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a snapshot that are written at once, about.
const SNAPSHOT_PIECE_BYTES: usize = 1 << 18;

/// A connection that begins with a greeting and then takes the stream of one of the producers.
pub(crate) struct Session {
    reader: FrameReader<OwnedReadHalf>,
    connection: Connection,
    producers: Arc<[FeedProducer]>,
    options: Arc<ServerOptions>,
    /// What the consumer asked for.
    codec: u16,
}

impl Session {
    pub(crate) fn new(
        stream: UnixStream,
        producers: Arc<[FeedProducer]>,
        options: Arc<ServerOptions>,
    ) -> Self {
        let (reader, writer) = stream.into_split();
        let connection = Connection::new(writer, options.cut_grace);
        let reader = FrameReader::new(reader);
        Self { reader, connection, producers, options, codec: CODEC_FIXED }
    }

    pub(crate) async fn run(
        mut self,
        has_slot: bool,
        shutdown: &Shutdown,
    ) -> Result<(), ConsumerError> {
        let hello = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            hello = self.hello() => hello?,
        };
        match self.choose(&hello, has_slot) {
            Ok(producer) => self.serve(&producer, &hello, shutdown).await,
            Err(reason) => self.refuse(reason).await,
        }
    }

    async fn hello(&mut self) -> Result<Hello, ConsumerError> {
        let idle = || ConsumerError::Idle { seconds: HELLO_TIMEOUT.as_secs() };
        match tokio::time::timeout(HELLO_TIMEOUT, self.reader.next())
            .await
            .map_err(|_| idle())??
        {
            Message::Hello(hello) => Ok(hello),
            _ => Err(ConsumerError::NotSynced(SyncFault::Handshake)),
        }
    }

    /// The producer that the consumer asks for. Any chain is an answer only where there is one.
    fn choose(&self, hello: &Hello, has_slot: bool) -> Result<FeedProducer, Refusal> {
        if hello.version != PROTOCOL_VERSION {
            return Err(Refusal::Version);
        }
        if hello.codec != CODEC_FIXED && hello.codec != CODEC_GATES {
            return Err(Refusal::Codec);
        }
        let chosen = match (hello.chain_id, &*self.producers) {
            (ANY_CHAIN, [only]) => Some(only),
            (ANY_CHAIN, _) => None,
            (chain_id, producers) => {
                producers.iter().find(|producer| producer.chain_id() == chain_id)
            }
        };
        let chosen = chosen.ok_or(Refusal::Chain)?;
        if has_slot { Ok(chosen.clone()) } else { Err(Refusal::Full) }
    }

    async fn refuse(&mut self, reason: Refusal) -> Result<(), ConsumerError> {
        let chain_id = match &*self.producers {
            [only] => only.chain_id(),
            _ => ANY_CHAIN,
        };
        let (version, codec) = (PROTOCOL_VERSION, CODEC_FIXED);
        self.write(&Message::Refused(Refused { reason, version, codec, chain_id })).await
    }

    async fn serve(
        &mut self,
        producer: &FeedProducer,
        hello: &Hello,
        shutdown: &Shutdown,
    ) -> Result<(), ConsumerError> {
        self.codec = hello.codec;
        let Some(mut cursor) = self.begin(producer, hello.start, shutdown).await? else {
            return Ok(());
        };
        let mut heartbeat = tokio::time::interval(self.options.heartbeat_interval);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut gates = GateTail::new(producer, self.codec);
        while !shutdown.is_cancelled() {
            let head = match cursor.read() {
                Read::Items(items) => {
                    self.send_all(&cursor, &items, shutdown).await?;
                    continue;
                }
                Read::Lost(gap) => return self.cut(gap).await,
                Read::CaughtUp(head) => head,
            };
            let changed = gates.changes(producer.chain_id(), &head);
            if !changed.is_empty() {
                self.connection.send(&cursor, &changed, shutdown).await?;
                continue;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                published = cursor.published() => if published.is_err() { return Ok(()) },
                () = gates.changed() => {}
                // A consumer has nothing to say after its greeting: any end of its stream ends the session.
                _ = self.reader.next() => return Ok(()),
                _ = heartbeat.tick() => self.write(&Message::Heartbeat(head)).await?,
            }
        }
        Ok(())
    }

    /// Welcomes the consumer and brings it to where the stream begins; `None` if it is refused or the server stops.
    async fn begin(
        &mut self,
        producer: &FeedProducer,
        start: Start,
        shutdown: &Shutdown,
    ) -> Result<Option<FeedCursor>, ConsumerError> {
        if start != Start::Snapshot {
            let (cursor, welcome, gap) = producer.cursor(start);
            let welcome = Welcome { codec: self.codec, ..welcome };
            self.write(&Message::Welcome(welcome)).await?;
            if let Some(gap) = gap {
                self.write(&Message::Gap(gap)).await?;
            }
            return Ok(Some(cursor));
        }
        let wait = self.options.snapshot_wait;
        let found = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(None),
            found = tokio::time::timeout(wait, producer.snapshot_cursor()) => found,
        };
        let Some((cursor, welcome, snapshot)) = found.ok().flatten() else {
            self.refuse(Refusal::Snapshot).await?;
            return Ok(None);
        };
        let welcome = Welcome { codec: self.codec, ..welcome };
        self.write(&Message::Welcome(welcome)).await?;
        self.send_snapshot(&cursor, &welcome, &snapshot, shutdown).await?;
        Ok(Some(cursor))
    }

    /// Writes a snapshot piece by piece: all of it at once may be more than what is worth holding in memory.
    async fn send_snapshot(
        &mut self,
        cursor: &FeedCursor,
        welcome: &Welcome,
        snapshot: &PoolSnapshot,
        shutdown: &Shutdown,
    ) -> Result<(), ConsumerError> {
        let begin = SnapshotBegin {
            chain_id: welcome.chain_id,
            epoch: welcome.epoch,
            next_seq: welcome.first_seq,
            block: snapshot.tip().unwrap_or_default(),
            pools: snapshot.len(),
        };
        let mut bytes = Vec::new();
        let mut writer = SnapshotWriter::begin(&begin, &mut bytes);
        for pool in pools_of(snapshot) {
            writer.pool(&pool, &mut bytes);
            if bytes.len() >= SNAPSHOT_PIECE_BYTES {
                self.connection.send(cursor, &bytes, shutdown).await?;
                bytes.clear();
            }
        }
        writer.end(&mut bytes);
        self.connection.send(cursor, &bytes, shutdown).await
    }

    /// Writes events until a shutdown, which ends on a whole event.
    async fn send_all(
        &mut self,
        cursor: &FeedCursor,
        items: &[Arc<LogItem>],
        shutdown: &Shutdown,
    ) -> Result<(), ConsumerError> {
        for item in items {
            if shutdown.is_cancelled() {
                return Ok(());
            }
            self.connection.send(cursor, item.bytes(), shutdown).await?;
        }
        Ok(())
    }

    /// Tells a slow consumer what it misses, then closes.
    async fn cut(&mut self, gap: Gap) -> Result<(), ConsumerError> {
        metrics::counter!("weir_feed_consumers_cut_total").increment(1);
        self.write(&Message::Gap(gap)).await
    }

    async fn write(&mut self, message: &Message) -> Result<(), ConsumerError> {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        self.connection.write(&bytes).await
    }
}
