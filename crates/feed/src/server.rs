//! The feed over a Unix socket.

use crate::{
    FeedProducer, ProducerError, session::Session, socket::PrivateSocket, upstream::UpstreamSession,
};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::UnixStream, sync::Semaphore, task::JoinSet};
use weir_runtime::Shutdown;

/// Default number of consumers served at once.
pub const CONSUMERS_MAX: usize = 64;
/// Default time that a consumer that is too far behind gets to take the rest of a frame and its notice.
pub const CUT_GRACE: Duration = Duration::from_secs(2);
/// Default time between heartbeats to a consumer that has read everything.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Default time to wait for a snapshot: shorter than a consumer waits for its welcome.
pub const SNAPSHOT_WAIT: Duration = Duration::from_secs(5);
/// Time before the next accept after the operating system refused one (no file descriptors, for example).
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// What a [`FeedServer`] speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServerCodec {
    /// The records of `docs/spec/feed.md`, after a handshake.
    #[default]
    Fixed,
    /// The frames of `reth-exex-liquidity`, without a handshake: from the next block on, for one chain.
    Upstream,
}

/// Settings of a [`FeedServer`].
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen. The folder must be writable by nobody else; it is created with mode 0700 if it is absent.
    pub path: PathBuf,
    /// What is spoken there.
    pub codec: ServerCodec,
    /// Most consumers at once; one more is refused.
    pub consumers_max: usize,
    /// Time that a consumer which has fallen out of the retained log gets to take the rest of a frame and its notice.
    pub cut_grace: Duration,
    /// Time between heartbeats to an idle consumer.
    pub heartbeat_interval: Duration,
    /// How long a consumer that wants pool states waits for a snapshot at a block of the stream.
    pub snapshot_wait: Duration,
}

impl ServerOptions {
    /// The defaults, at `path`.
    pub const fn at(path: PathBuf) -> Self {
        Self {
            path,
            codec: ServerCodec::Fixed,
            consumers_max: CONSUMERS_MAX,
            cut_grace: CUT_GRACE,
            heartbeat_interval: HEARTBEAT_INTERVAL,
            snapshot_wait: SNAPSHOT_WAIT,
        }
    }
}

/// Serves [`FeedProducer`]s, one a chain, to any number of local consumers.
#[derive(Debug)]
pub struct FeedServer {
    socket: PrivateSocket,
    producers: Arc<[FeedProducer]>,
    options: Arc<ServerOptions>,
}

impl FeedServer {
    /// Listens at the path of `options` for the consumers of one chain; see [`FeedServer::bind_all`].
    ///
    /// # Errors
    /// As [`FeedServer::bind_all`].
    pub fn bind(producer: FeedProducer, options: ServerOptions) -> Result<Self, ProducerError> {
        Self::bind_all(vec![producer], options)
    }

    /// Listens at the path of `options`: mode 0660, in a folder that only we can write. A socket that a dead producer
    /// left behind is replaced. A consumer says which chain it wants. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the folder can be written by others, the path is taken, another producer serves it, two producers are of one
    /// chain, or the codec cannot tell several chains apart.
    pub fn bind_all(
        producers: Vec<FeedProducer>,
        options: ServerOptions,
    ) -> Result<Self, ProducerError> {
        require_distinct(&producers, options.codec)?;
        let socket = PrivateSocket::bind(&options.path)?;
        Ok(Self { socket, producers: producers.into(), options: Arc::new(options) })
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
            sessions.spawn(self.session(stream, Arc::clone(&slots), shutdown.clone()));
        }
        while sessions.join_next().await.is_some() {}
        Ok(())
    }
    /// One consumer, from its connect to its end.
    fn session(
        &self,
        stream: UnixStream,
        slots: Arc<Semaphore>,
        shutdown: Shutdown,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (producers, options) = (Arc::clone(&self.producers), Arc::clone(&self.options));
        async move {
            let permit = slots.try_acquire();
            let has_slot = permit.is_ok();
            let consumers = metrics::gauge!("weir_feed_consumers");
            consumers.increment(1.0);
            let codec = options.codec;
            let served = match (codec, &*producers) {
                (ServerCodec::Upstream, [producer, ..]) if has_slot => {
                    let session = UpstreamSession::new(stream, producer.clone(), options);
                    session.run(&shutdown).await
                }
                (ServerCodec::Upstream, _) => Ok(()),
                (ServerCodec::Fixed, _) => {
                    Session::new(stream, producers, options).run(has_slot, &shutdown).await
                }
            };
            consumers.decrement(1.0);
            if let Err(error) = served {
                tracing::debug!(%error, "feed consumer is gone");
            }
        }
    }
}

fn require_distinct(producers: &[FeedProducer], codec: ServerCodec) -> Result<(), ProducerError> {
    let mut chains: Vec<u64> = producers.iter().map(FeedProducer::chain_id).collect();
    chains.sort_unstable();
    if let Some(pair) = chains.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ProducerError::ChainTwice { chain_id: pair[0] });
    }
    match (codec, producers.len()) {
        (_, 0) => Err(ProducerError::NoChain),
        (ServerCodec::Upstream, chains @ 2..) => Err(ProducerError::ManyChains { chains }),
        _ => Ok(()),
    }
}
