//! Events out of a recording.

use super::{
    CHUNK_BYTES_MAX, RecordingError,
    format::{HEAD_BYTES, read_head},
};
use crate::{
    CodecError, FeedAssembler, FeedEvent, Message, Position, SyncFault,
    codec::{decode_frame, frame_length},
};
use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// Bytes of length and checksum in front of a chunk.
const CHUNK_HEAD_BYTES: usize = 8;

/// A recording as a source: the same events as the socket gave, with the same checks.
#[derive(Debug)]
pub struct RecordedFeed<R = BufReader<File>> {
    path: PathBuf,
    source: R,
    chain_id: u64,
    chunk: Vec<u8>,
    /// How much of the chunk was taken.
    taken: usize,
    /// Where the chunk in memory begins and where the next one does.
    offset: u64,
    next_offset: u64,
    /// Everything before is whole events.
    complete: u64,
    /// Bytes after the last whole event, known at the end.
    torn: u64,
    is_at_end: bool,
    assembler: Option<FeedAssembler>,
}

impl RecordedFeed {
    /// Opens a recording.
    ///
    /// # Errors
    /// If the file cannot be read or is not a recording.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let failed = |source| RecordingError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        Self::start(path.to_owned(), BufReader::new(file))
    }
}

impl<R: Read> RecordedFeed<R> {
    /// Reads a recording from any bytes.
    ///
    /// # Errors
    /// If they are not a recording.
    pub fn new(source: R) -> Result<Self, RecordingError> {
        Self::start(PathBuf::new(), source)
    }

    fn start(path: PathBuf, mut source: R) -> Result<Self, RecordingError> {
        let mut head = [0; HEAD_BYTES];
        let read = fill(&mut source, &mut head);
        let read = read.map_err(|source| RecordingError::Io { path: path.clone(), source })?;
        if read < HEAD_BYTES {
            return Err(RecordingError::Magic);
        }
        Ok(Self {
            path,
            source,
            chain_id: read_head(&head)?,
            chunk: Vec::new(),
            taken: 0,
            offset: HEAD_BYTES as u64,
            next_offset: HEAD_BYTES as u64,
            complete: HEAD_BYTES as u64,
            torn: 0,
            is_at_end: false,
            assembler: None,
        })
    }

    /// The chain.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Where the stream stands; `None` before its first session.
    pub fn position(&self) -> Option<Position> {
        self.assembler.as_ref().map(FeedAssembler::position)
    }

    /// Bytes from the start that hold whole events.
    pub const fn complete_bytes(&self) -> u64 {
        self.complete
    }

    /// Bytes after the last whole event, once the end was reached: what a crash left of the event being written.
    pub const fn torn_bytes(&self) -> u64 {
        self.torn
    }

    pub(super) fn into_assembler(self) -> Option<FeedAssembler> {
        self.assembler.map(|mut assembler| {
            assembler.drop_open();
            assembler
        })
    }

    /// The next event, `None` at the end.
    ///
    /// # Errors
    /// If the file is damaged before its tail, or its records are not a stream. Nothing follows an error.
    #[expect(clippy::should_implement_trait, reason = "as FeedConsumer::next, with errors outside")]
    pub fn next(&mut self) -> Result<Option<FeedEvent>, RecordingError> {
        let event = self.read_event();
        if event.is_err() {
            self.is_at_end = true;
            self.chunk.clear();
            self.taken = 0;
        }
        event
    }

    fn read_event(&mut self) -> Result<Option<FeedEvent>, RecordingError> {
        loop {
            if self.taken == self.chunk.len() && !self.load()? {
                return Ok(None);
            }
            let offset = self.offset;
            let message =
                self.take_frame().map_err(|source| RecordingError::Codec { offset, source })?;
            let event = self
                .accept(message)?
                .map_err(|source| RecordingError::NotSynced { offset, source })?;
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn take_frame(&mut self) -> Result<Message, CodecError> {
        let rest = &self.chunk[self.taken..];
        let short = CodecError::Short { record: rest.first().copied().unwrap_or_default() };
        let (head, rest) = rest.split_first_chunk::<4>().ok_or(short)?;
        let length = frame_length(*head)?;
        let message = decode_frame(rest.get(..length).ok_or(short)?)?;
        self.taken += 4 + length;
        Ok(message)
    }

    fn accept(
        &mut self,
        message: Message,
    ) -> Result<Result<Option<FeedEvent>, SyncFault>, RecordingError> {
        let expected = self.chain_id;
        Ok(match (message, &mut self.assembler) {
            (Message::Welcome(welcome), _) if welcome.chain_id != expected => {
                return Err(RecordingError::Chain { expected, found: welcome.chain_id });
            }
            (Message::Welcome(welcome), Some(assembler)) => {
                assembler.resume(&welcome);
                Ok(None)
            }
            (Message::Welcome(welcome), none) => {
                *none = Some(FeedAssembler::new(&welcome));
                Ok(None)
            }
            (_, None) => Err(SyncFault::Handshake),
            (message, Some(assembler)) => assembler.push(message),
        })
    }

    /// Reads the next chunk; false at the end.
    fn load(&mut self) -> Result<bool, RecordingError> {
        if self.is_at_end {
            return Ok(false);
        }
        if !self.assembler.as_ref().is_some_and(FeedAssembler::is_mid_event) {
            self.complete = self.next_offset;
        }
        (self.offset, self.taken) = (self.next_offset, 0);
        self.chunk.clear();
        let (offset, max) = (self.offset, CHUNK_BYTES_MAX);
        let mut head = [0; CHUNK_HEAD_BYTES];
        if self.fill(&mut head)? < CHUNK_HEAD_BYTES {
            return self.end();
        }
        let [l0, l1, l2, l3, c0, c1, c2, c3] = head;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
        if length == 0 || length > max {
            // A file system may leave zeros where a write did not arrive.
            let is_blank = head == [0; CHUNK_HEAD_BYTES] && self.is_rest_blank()?;
            let error = RecordingError::ChunkLength { offset, length, max };
            return if is_blank { self.end() } else { Err(error) };
        }
        let mut chunk = vec![0; length as usize];
        if self.fill(&mut chunk)? < chunk.len() {
            return self.end();
        }
        if crc32fast::hash(&chunk) != checksum {
            let is_last = self.fill(&mut [0])? == 0;
            return if is_last { self.end() } else { Err(RecordingError::Checksum { offset }) };
        }
        self.chunk = chunk;
        Ok(true)
    }

    fn end(&mut self) -> Result<bool, RecordingError> {
        self.is_at_end = true;
        self.torn = self.next_offset - self.complete;
        Ok(false)
    }

    fn is_rest_blank(&mut self) -> Result<bool, RecordingError> {
        let mut bytes = [0; 4_096];
        loop {
            match self.fill(&mut bytes)? {
                0 => return Ok(true),
                read if bytes[..read].iter().any(|byte| *byte != 0) => return Ok(false),
                _ => {}
            }
        }
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, RecordingError> {
        let read = fill(&mut self.source, bytes)
            .map_err(|source| RecordingError::Io { path: self.path.clone(), source })?;
        self.next_offset += read as u64;
        Ok(read)
    }
}

/// Reads until `bytes` is full or the source ends.
fn fill(source: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
