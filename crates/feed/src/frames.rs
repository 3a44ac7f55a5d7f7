//! Cutting a byte stream into records.

use crate::{
    CodecError, ConsumerError, Message,
    codec::{decode_frame, frame_length},
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes read from the socket at once.
const READ_BYTES: usize = 64 * 1024;

/// Reads whole records from a stream. Cancel-safe: an interrupted read loses nothing.
#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) const fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), start: 0 }
    }

    /// The next record.
    pub(crate) async fn next(&mut self) -> Result<Message, ConsumerError> {
        loop {
            if let Some(message) = self.buffered().map_err(ConsumerError::Codec)? {
                return Ok(message);
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.buffer.reserve(READ_BYTES);
            let read = self.source.read_buf(&mut self.buffer).await.map_err(ConsumerError::Io)?;
            if read == 0 {
                return Err(ConsumerError::Closed { mid_frame: !self.buffer.is_empty() });
            }
        }
    }

    /// The next record if all of it is in the buffer.
    fn buffered(&mut self) -> Result<Option<Message>, CodecError> {
        let rest = &self.buffer[self.start..];
        let Some((head, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = frame_length(*head)?;
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        let message = decode_frame(frame)?;
        self.start += 4 + length;
        Ok(Some(message))
    }
}
