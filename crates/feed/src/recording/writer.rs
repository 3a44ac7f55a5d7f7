//! Appending events to a file.

use super::{
    RecordedFeed, RecordingError,
    format::{head, put_chunks},
};
use crate::{
    FeedAssembler, FeedEvent, Message, Welcome,
    codec::{encode, encode_event},
};
use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// Writes a recording. Each event is one write; a crash leaves at most a torn tail.
#[derive(Debug)]
pub struct RecordingWriter {
    path: PathBuf,
    file: File,
    chain_id: u64,
    bytes: u64,
}

impl RecordingWriter {
    /// Begins a recording of `chain_id` in a file that does not exist yet.
    ///
    /// # Errors
    /// If the file exists or cannot be written.
    pub fn create(path: &Path, chain_id: u64) -> Result<Self, RecordingError> {
        let failed = |source| RecordingError::Io { path: path.to_owned(), source };
        let mut file = File::options().write(true).create_new(true).open(path).map_err(failed)?;
        let head = head(chain_id);
        file.write_all(&head).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file, chain_id, bytes: head.len() as u64 })
    }

    /// Goes on with a recording: reads it through, cuts a torn tail off, and says where its stream ends, `None` if it
    /// holds nothing yet.
    ///
    /// # Errors
    /// If the file is not a recording, or damaged before its tail.
    pub fn append(path: &Path) -> Result<(Self, Option<FeedAssembler>), RecordingError> {
        let mut recorded = RecordedFeed::open(path)?;
        while recorded.next()?.is_some() {}
        let failed = |source| RecordingError::Io { path: path.to_owned(), source };
        let mut file = File::options().write(true).open(path).map_err(failed)?;
        let (bytes, torn) = (recorded.complete_bytes(), recorded.torn_bytes());
        if torn > 0 {
            tracing::warn!(path = %path.display(), torn, "torn tail of the recording is cut off");
            file.set_len(bytes).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(bytes)).map_err(failed)?;
        let chain_id = recorded.chain_id();
        let writer = Self { path: path.to_owned(), file, chain_id, bytes };
        Ok((writer, recorded.into_assembler()))
    }

    /// The chain.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Bytes in the file.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Notes that a connection begins; the first thing in a recording, and again after every reconnect.
    ///
    /// # Errors
    /// If the producer follows another chain, or the file cannot be written.
    pub fn begin_session(&mut self, welcome: &Welcome) -> Result<(), RecordingError> {
        if welcome.chain_id != self.chain_id {
            let (expected, found) = (self.chain_id, welcome.chain_id);
            return Err(RecordingError::Chain { expected, found });
        }
        let mut frames = Vec::new();
        encode(&Message::Welcome(*welcome), &mut frames);
        self.put(&frames)
    }

    /// Appends an event. Heartbeats and gates say nothing about the chain and are left out.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, event: &FeedEvent) -> Result<(), RecordingError> {
        if matches!(event, FeedEvent::Heartbeat(_) | FeedEvent::Gate(_)) {
            return Ok(());
        }
        let mut frames = Vec::new();
        encode_event(event, &mut frames);
        self.put(&frames)
    }

    /// Waits until everything written is on disk.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn sync(&self) -> Result<(), RecordingError> {
        self.file.sync_data().map_err(|source| self.failed(source))
    }

    fn put(&mut self, frames: &[u8]) -> Result<(), RecordingError> {
        let mut chunks = Vec::with_capacity(frames.len() + 8);
        put_chunks(frames, &mut chunks);
        self.file.write_all(&chunks).map_err(|source| self.failed(source))?;
        self.bytes += chunks.len() as u64;
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> RecordingError {
        RecordingError::Io { path: self.path.clone(), source }
    }
}
