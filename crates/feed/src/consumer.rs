//! The consuming end of the socket.

use crate::{
    CODEC_FIXED, CODEC_GATES, ConsumerError, FeedAssembler, FeedEvent, Hello, Message, Position,
    Start, SyncFault, Welcome, codec::encode, frames::FrameReader,
};
use std::{path::PathBuf, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Default time without any record after which a feed counts as dead; ten heartbeats.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a [`FeedConsumer`].
#[derive(Debug, Clone)]
pub struct ConsumerOptions {
    /// The producer's socket.
    pub path: PathBuf,
    /// The chain wanted, or [`ANY_CHAIN`](crate::ANY_CHAIN).
    pub chain_id: u64,
    /// Where to begin.
    pub start: Start,
    /// Time without any record after which the feed counts as dead.
    pub idle_timeout: Duration,
    /// Whether to be told what may be traded on ([`FeedEvent::Gate`]). A producer that does not know of it refuses with
    /// [`Refusal::Codec`](crate::Refusal::Codec).
    pub gates: bool,
    /// The user that the producer must run under, checked with the kernel (`SO_PEERCRED`); `None` for any.
    pub producer_uid: Option<u32>,
}

impl ConsumerOptions {
    /// The defaults: any chain, from now on, any user.
    pub const fn at(path: PathBuf) -> Self {
        Self {
            path,
            chain_id: crate::ANY_CHAIN,
            start: Start::Live,
            idle_timeout: IDLE_TIMEOUT,
            gates: false,
            producer_uid: None,
        }
    }
}

/// Reads a feed socket and hands out checked events.
///
/// After any error the connection is spent: act by [`ConsumerError::severity`], then [`FeedConsumer::resume`].
/// Nothing is handed out twice across a resume.
#[derive(Debug)]
pub struct FeedConsumer {
    options: ConsumerOptions,
    reader: FrameReader<OwnedReadHalf>,
    /// Kept open: the producer takes a closed half as the end of the session.
    _writer: OwnedWriteHalf,
    assembler: FeedAssembler,
    welcome: Welcome,
    /// Whether a snapshot was asked for and has not come.
    awaits_snapshot: bool,
}

impl FeedConsumer {
    /// Connects and shakes hands.
    ///
    /// # Errors
    /// If the socket cannot be reached or runs under another user, or the producer refuses.
    pub async fn connect(options: ConsumerOptions) -> Result<Self, ConsumerError> {
        let (reader, writer, welcome) = greet(&options, options.start).await?;
        let assembler = FeedAssembler::new(&welcome);
        let awaits_snapshot = options.start == Start::Snapshot;
        Ok(Self { options, reader, _writer: writer, assembler, welcome, awaits_snapshot })
    }

    /// Connects and goes on where `assembler` stands: that of an earlier consumer, or of a recording.
    ///
    /// # Errors
    /// As [`FeedConsumer::connect`].
    pub async fn proceed(
        options: ConsumerOptions,
        mut assembler: FeedAssembler,
    ) -> Result<Self, ConsumerError> {
        let start = Start::Resume(assembler.position());
        let (reader, writer, welcome) = greet(&options, start).await?;
        assembler.resume(&welcome);
        let awaits_snapshot = false;
        Ok(Self { options, reader, _writer: writer, assembler, welcome, awaits_snapshot })
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    /// See [`ConsumerError`]; a block that was cut short or fails a check is dropped whole.
    pub async fn next(&mut self) -> Result<FeedEvent, ConsumerError> {
        let timeout = self.options.idle_timeout;
        loop {
            let message = tokio::time::timeout(timeout, self.reader.next())
                .await
                .map_err(|_| ConsumerError::Idle { seconds: timeout.as_secs() })??;
            let event = self.assembler.push(message).map_err(ConsumerError::NotSynced)?;
            if let Some(event) = event {
                self.awaits_snapshot &= !matches!(event, FeedEvent::Snapshot(_));
                return Ok(event);
            }
        }
    }

    /// Reconnects and goes on after the last complete event. If the producer cannot, the next event is a
    /// [`FeedEvent::Gap`]. A snapshot that has not come whole comes anew.
    ///
    /// # Errors
    /// As [`FeedConsumer::connect`]; the position is kept, so it can be tried again.
    pub async fn resume(&mut self) -> Result<(), ConsumerError> {
        if self.awaits_snapshot {
            return self.resync().await;
        }
        let start = Start::Resume(self.position());
        let (reader, writer, welcome) = greet(&self.options, start).await?;
        self.assembler.resume(&welcome);
        (self.reader, self._writer, self.welcome) = (reader, writer, welcome);
        Ok(())
    }

    /// Reconnects and begins anew with a snapshot: what follows a [`FeedEvent::Gap`].
    ///
    /// # Errors
    /// As [`FeedConsumer::connect`]; nothing is changed, so it can be tried again.
    pub async fn resync(&mut self) -> Result<(), ConsumerError> {
        let (reader, writer, welcome) = greet(&self.options, Start::Snapshot).await?;
        self.assembler = FeedAssembler::new(&welcome);
        self.awaits_snapshot = true;
        (self.reader, self._writer, self.welcome) = (reader, writer, welcome);
        Ok(())
    }

    /// What the producer said at the last connect.
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// What is wanted next.
    pub const fn position(&self) -> Position {
        self.assembler.position()
    }

    /// The chain of the stream.
    pub const fn chain_id(&self) -> u64 {
        self.assembler.chain_id()
    }
}

type Greeted = (FrameReader<OwnedReadHalf>, OwnedWriteHalf, Welcome);

async fn greet(options: &ConsumerOptions, start: Start) -> Result<Greeted, ConsumerError> {
    let stream = UnixStream::connect(&options.path).await.map_err(ConsumerError::Io)?;
    if let Some(expected) = options.producer_uid {
        let found = stream.peer_cred().map_err(ConsumerError::Io)?.uid();
        if found != expected {
            return Err(ConsumerError::ForeignUser { expected, found });
        }
    }
    let (reader, mut writer) = stream.into_split();
    let mut bytes = Vec::new();
    let codec = if options.gates { CODEC_GATES } else { CODEC_FIXED };
    let hello = Hello { codec, ..Hello::new(options.chain_id, start) };
    encode(&Message::Hello(hello), &mut bytes);
    writer.write_all(&bytes).await.map_err(ConsumerError::Io)?;
    let mut reader = FrameReader::new(reader);
    let idle = || ConsumerError::Idle { seconds: options.idle_timeout.as_secs() };
    let answer = tokio::time::timeout(options.idle_timeout, reader.next()).await;
    match answer.map_err(|_| idle())?? {
        Message::Welcome(welcome) => Ok((reader, writer, welcome)),
        Message::Refused(refused) => Err(ConsumerError::Refused(refused)),
        _ => Err(ConsumerError::NotSynced(SyncFault::Handshake)),
    }
}
