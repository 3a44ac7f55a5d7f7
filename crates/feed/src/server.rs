//! The feed over a Unix socket.

use crate::{
    CODEC_FIXED, ConsumerError, FeedProducer, Gap, Hello, Message, PROTOCOL_VERSION, ProducerError,
    Refusal, Refused, SyncFault,
    codec::encode,
    frames::FrameReader,
    handshake::ANY_CHAIN,
    log::LogItem,
    producer::{FeedCursor, Read},
    socket::PrivateSocket,
};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Semaphore,
    task::JoinSet,
};
use weir_runtime::Shutdown;

/// Default number of consumers served at once.
pub const CONSUMERS_MAX: usize = 64;
/// Default time that a consumer that is too far behind gets to take the rest of a frame and its notice.
pub const CUT_GRACE: Duration = Duration::from_secs(2);
/// Default time between heartbeats to a consumer that has read everything.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Time that a consumer has for its greeting.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Time before the next accept after the operating system refused one (no file descriptors, for example).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Settings of a [`FeedServer`].
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen. The folder must be writable by nobody else; it is created with mode 0700 if it is absent.
    pub path: PathBuf,
    /// Most consumers at once; one more is refused.
    pub consumers_max: usize,
    /// Time that a consumer which has fallen out of the retained log gets to take the rest of a frame and its notice.
    pub cut_grace: Duration,
    /// Time between heartbeats to an idle consumer.
    pub heartbeat_interval: Duration,
}

impl ServerOptions {
    /// The defaults, at `path`.
    pub const fn at(path: PathBuf) -> Self {
        Self {
            path,
            consumers_max: CONSUMERS_MAX,
            cut_grace: CUT_GRACE,
            heartbeat_interval: HEARTBEAT_INTERVAL,
        }
    }
}

/// Serves a [`FeedProducer`] to any number of local consumers.
#[derive(Debug)]
pub struct FeedServer {
    socket: PrivateSocket,
    producer: FeedProducer,
    options: Arc<ServerOptions>,
}

impl FeedServer {
    /// Listens at the path of `options`: mode 0660, in a folder that only we can write. A socket that a dead producer
    /// left behind is replaced. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the folder can be written by others, the path is taken, or another producer serves it.
    pub fn bind(producer: FeedProducer, options: ServerOptions) -> Result<Self, ProducerError> {
        let socket = PrivateSocket::bind(&options.path)?;
        Ok(Self { socket, producer, options: Arc::new(options) })
    }

    /// Serves until shutdown; consumers are cut at the end of a frame then.
    ///
    /// # Errors
    /// None at present: failures of single consumers end that consumer only.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), ProducerError> {
        let slots = Arc::new(Semaphore::new(self.options.consumers_max));
        let mut sessions = JoinSet::new();
        tracing::info!(path = %self.socket.path().display(), "feed socket is open");
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(_) = sessions.join_next() => continue,
                accepted = self.socket.listener().accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "feed consumer cannot be accepted");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                    continue;
                }
            };
            let (slots, shutdown) = (Arc::clone(&slots), shutdown.clone());
            let (producer, options) = (self.producer.clone(), Arc::clone(&self.options));
            sessions.spawn(async move {
                let permit = slots.try_acquire();
                let session = Session::new(stream, producer, options);
                let served = session.run(permit.is_ok(), &shutdown).await;
                if let Err(error) = served {
                    tracing::debug!(%error, "feed consumer is gone");
                }
            });
        }
        while sessions.join_next().await.is_some() {}
        Ok(())
    }
}

/// One consumer's connection.
struct Session {
    reader: FrameReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    producer: FeedProducer,
    options: Arc<ServerOptions>,
}

impl Session {
    fn new(stream: UnixStream, producer: FeedProducer, options: Arc<ServerOptions>) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: FrameReader::new(reader), writer, producer, options }
    }

    async fn run(mut self, has_slot: bool, shutdown: &Shutdown) -> Result<(), ConsumerError> {
        let hello = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            hello = self.hello() => hello?,
        };
        if let Some(reason) = self.refusal(&hello, has_slot) {
            let chain_id = self.producer.chain_id();
            let (version, codec) = (PROTOCOL_VERSION, CODEC_FIXED);
            let refused = Refused { reason, version, codec, chain_id };
            return self.write(&Message::Refused(refused)).await;
        }
        let consumers = metrics::gauge!("weir_feed_consumers");
        consumers.increment(1.0);
        let result = self.serve(&hello, shutdown).await;
        consumers.decrement(1.0);
        result
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

    fn refusal(&self, hello: &Hello, has_slot: bool) -> Option<Refusal> {
        let chain_id = self.producer.chain_id();
        if hello.version != PROTOCOL_VERSION {
            Some(Refusal::Version)
        } else if hello.codec != CODEC_FIXED {
            Some(Refusal::Codec)
        } else if hello.chain_id != ANY_CHAIN && hello.chain_id != chain_id {
            Some(Refusal::Chain)
        } else {
            (!has_slot).then_some(Refusal::Full)
        }
    }

    async fn serve(&mut self, hello: &Hello, shutdown: &Shutdown) -> Result<(), ConsumerError> {
        let (mut cursor, welcome, gap) = self.producer.cursor(hello.start);
        self.write(&Message::Welcome(welcome)).await?;
        if let Some(gap) = gap {
            self.write(&Message::Gap(gap)).await?;
        }
        let mut heartbeat = tokio::time::interval(self.options.heartbeat_interval);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !shutdown.is_cancelled() {
            let head = match cursor.read() {
                Read::Items(items) => {
                    self.send_all(&cursor, &items, shutdown).await?;
                    continue;
                }
                Read::Lost(gap) => return self.cut(gap).await,
                Read::CaughtUp(head) => head,
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => {}
                published = cursor.published() => if published.is_err() { return Ok(()) },
                // A consumer has nothing to say after its greeting: any end of its stream ends the session.
                _ = self.reader.next() => return Ok(()),
                _ = heartbeat.tick() => self.write(&Message::Heartbeat(head)).await?,
            }
        }
        Ok(())
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
            self.send(cursor, item.bytes(), shutdown).await?;
        }
        Ok(())
    }

    /// Writes one event's frames at once. When the producer overruns the consumer meanwhile, or stops, the consumer
    /// has a grace period left.
    async fn send(
        &mut self,
        cursor: &FeedCursor,
        bytes: &[u8],
        shutdown: &Shutdown,
    ) -> Result<(), ConsumerError> {
        let grace = self.options.cut_grace;
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

    /// Tells a slow consumer what it misses, then closes.
    async fn cut(&mut self, gap: Gap) -> Result<(), ConsumerError> {
        metrics::counter!("weir_feed_consumers_cut_total").increment(1);
        self.write(&Message::Gap(gap)).await
    }

    /// Writes one record within the grace period.
    async fn write(&mut self, message: &Message) -> Result<(), ConsumerError> {
        let mut bytes = Vec::new();
        encode(message, &mut bytes);
        tokio::time::timeout(self.options.cut_grace, self.writer.write_all(&bytes))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(ConsumerError::Io)
    }
}
