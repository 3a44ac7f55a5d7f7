//! Following a socket into a file, for `weir feed record`.

use super::{RecordError, RecordingWriter};
use crate::{ANY_CHAIN, ConsumerOptions, FeedConsumer, FeedEvent, Start, tail::reconnect};
use std::{io, path::PathBuf};
use weir_runtime::Shutdown;

/// What to record.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// The producer's socket.
    pub socket: PathBuf,
    /// The file. One that exists is continued where its stream ends.
    pub out: PathBuf,
    /// The chain wanted, or [`ANY_CHAIN`].
    pub chain_id: u64,
    /// Where a new recording begins.
    pub start: Start,
    /// How many blocks to record, or `None` until shutdown.
    pub blocks_max: Option<u64>,
}

impl RecordOptions {
    /// The defaults: any chain, from the oldest block retained, until shutdown.
    pub const fn new(socket: PathBuf, out: PathBuf) -> Self {
        Self { socket, out, chain_id: ANY_CHAIN, start: Start::Oldest, blocks_max: None }
    }
}

/// What was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordReport {
    /// Blocks, those inside of reorgs included.
    pub blocks: u64,
    /// Reorgs.
    pub reorgs: u64,
    /// Gaps: what came between is missing from the recording.
    pub gaps: u64,
    /// Bytes in the file.
    pub bytes: u64,
}

/// Records the feed until shutdown or the number of blocks asked for.
///
/// When the connection breaks it reconnects and resumes, so that nothing is left out; what cannot be resumed is
/// recorded as a gap. What was written is on disk when it returns, and whenever the feed is idle.
///
/// # Errors
/// If the socket cannot be reached at first, the producer refuses, or the file cannot be written.
pub async fn feed_record(
    options: RecordOptions,
    shutdown: Shutdown,
) -> Result<RecordReport, RecordError> {
    let (mut writer, mut consumer) = open(&options).await?;
    let mut report = RecordReport::default();
    while options.blocks_max.is_none_or(|max| report.blocks < max) {
        let event = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            event = consumer.next() => event,
        };
        match event {
            Ok(event) => {
                note(&event, &mut report);
                writer.write(&event).map_err(RecordError::Recording)?;
                if matches!(event, FeedEvent::Heartbeat(_)) {
                    writer.sync().map_err(RecordError::Recording)?;
                }
            }
            Err(error) => {
                tokio::select! {
                    biased;
                    () = shutdown.cancelled() => break,
                    resumed = reconnect(&mut consumer, error) => resumed.map_err(RecordError::Feed)?,
                }
                writer.begin_session(consumer.welcome()).map_err(RecordError::Recording)?;
            }
        }
    }
    writer.sync().map_err(RecordError::Recording)?;
    Ok(RecordReport { bytes: writer.bytes(), ..report })
}

async fn open(options: &RecordOptions) -> Result<(RecordingWriter, FeedConsumer), RecordError> {
    let mut consumer = ConsumerOptions {
        chain_id: options.chain_id,
        start: options.start,
        ..ConsumerOptions::at(options.socket.clone())
    };
    let exists = std::fs::exists(&options.out).map_err(|source| unreadable(options, source))?;
    if !exists {
        let consumer = FeedConsumer::connect(consumer).await.map_err(RecordError::Feed)?;
        let mut writer = RecordingWriter::create(&options.out, consumer.chain_id())
            .map_err(RecordError::Recording)?;
        writer.begin_session(consumer.welcome()).map_err(RecordError::Recording)?;
        return Ok((writer, consumer));
    }
    let (mut writer, assembler) =
        RecordingWriter::append(&options.out).map_err(RecordError::Recording)?;
    consumer.chain_id = writer.chain_id();
    let consumer = match assembler {
        Some(assembler) => FeedConsumer::proceed(consumer, assembler).await,
        None => FeedConsumer::connect(consumer).await,
    };
    let consumer = consumer.map_err(RecordError::Feed)?;
    writer.begin_session(consumer.welcome()).map_err(RecordError::Recording)?;
    Ok((writer, consumer))
}

fn unreadable(options: &RecordOptions, source: io::Error) -> RecordError {
    RecordError::Recording(super::RecordingError::Io { path: options.out.clone(), source })
}

const fn note(event: &FeedEvent, report: &mut RecordReport) {
    match event {
        FeedEvent::Block(_) => report.blocks += 1,
        FeedEvent::ReorgStart(_) => report.reorgs += 1,
        FeedEvent::Gap(_) => report.gaps += 1,
        _ => {}
    }
}
