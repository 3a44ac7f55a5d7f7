//! Slices of a channel, and the payloads that carry them.

use crate::{ChannelId, DecodeError, EncodeError, SealedChannel, limits};

/// First byte of a payload.
pub(crate) const PAYLOAD_VERSION: u8 = 1;
/// Bytes of a frame besides its data: id 16, number 2, length 4, last 1.
pub(crate) const FRAME_OVERHEAD_BYTES: usize = 16 + 2 + 4 + 1;
/// The smallest payload that carries at least one byte of a channel.
pub(crate) const PAYLOAD_BYTES_MIN: usize = 1 + FRAME_OVERHEAD_BYTES + 1;
/// Frames a channel may have: their number is a `u16`.
const FRAMES_MAX: usize = u16::MAX as usize + 1;

/// A slice of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The channel the slice belongs to.
    pub channel: ChannelId,
    /// Position of the slice, from 0.
    pub number: u16,
    /// The bytes.
    pub data: Vec<u8>,
    /// Whether this is the channel's last slice.
    pub is_last: bool,
}

impl Frame {
    /// Appends the frame in its wire form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.channel.as_slice());
        out.extend_from_slice(&self.number.to_be_bytes());
        let length = u32::try_from(self.data.len()).expect("a frame is smaller than a payload");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.data);
        out.push(u8::from(self.is_last));
    }

    /// Reads one frame off the front of `bytes`.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`], [`DecodeError::Limit`] and [`DecodeError::Flag`].
    pub fn decode(bytes: &mut &[u8]) -> Result<Self, DecodeError> {
        let channel = ChannelId::from(take::<16>(bytes, "frame channel")?);
        let number = u16::from_be_bytes(take(bytes, "frame number")?);
        let length = u32::from_be_bytes(take(bytes, "frame length")?) as usize;
        if length > limits::PAYLOAD_BYTES_MAX {
            let limit = limits::PAYLOAD_BYTES_MAX;
            return Err(DecodeError::Limit { part: "frame length", found: length, limit });
        }
        let Some((data, rest)) = bytes.split_at_checked(length) else {
            let available = bytes.len();
            return Err(DecodeError::Truncated { part: "frame data", needed: length, available });
        };
        *bytes = rest;
        let is_last = match take::<1>(bytes, "frame flag")? {
            [0] => false,
            [1] => true,
            [found] => return Err(DecodeError::Flag { found }),
        };
        Ok(Self { channel, number, data: data.to_vec(), is_last })
    }
}

/// Takes `N` bytes off the front.
pub(crate) fn take<const N: usize>(
    bytes: &mut &[u8],
    part: &'static str,
) -> Result<[u8; N], DecodeError> {
    let Some((head, rest)) = bytes.split_first_chunk::<N>() else {
        return Err(DecodeError::Truncated { part, needed: N, available: bytes.len() });
    };
    *bytes = rest;
    Ok(*head)
}

/// The frames of a channel, first to last, each fitting one payload.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    channel: ChannelId,
    chunks: std::iter::Enumerate<std::slice::Chunks<'a, u8>>,
    last: usize,
}

impl<'a> Frames<'a> {
    /// Cuts `channel` so that a payload of one frame is at most `payload_bytes_max` bytes.
    ///
    /// # Errors
    /// [`EncodeError::Setting`] if `payload_bytes_max` is outside the limits, or so small that the frames cannot be numbered.
    pub fn new(channel: &'a SealedChannel, payload_bytes_max: usize) -> Result<Self, EncodeError> {
        let numberable = channel.bytes().len().div_ceil(FRAMES_MAX) + PAYLOAD_BYTES_MIN - 1;
        let low = numberable.max(PAYLOAD_BYTES_MIN);
        let high = limits::PAYLOAD_BYTES_MAX;
        if payload_bytes_max < low || high < payload_bytes_max {
            return Err(EncodeError::Setting {
                setting: "payload_bytes_max",
                value: payload_bytes_max as u64,
                low: low as u64,
                high: high as u64,
            });
        }
        let chunks = channel.bytes().chunks(payload_bytes_max - 1 - FRAME_OVERHEAD_BYTES);
        let last = chunks.len() - 1;
        Ok(Self { channel: channel.id(), chunks: chunks.enumerate(), last })
    }
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let (index, data) = self.chunks.next()?;
        let number = u16::try_from(index).expect("`new` checked that the frames can be numbered");
        let is_last = index == self.last;
        Some(Frame { channel: self.channel, number, data: data.to_vec(), is_last })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.chunks.size_hint()
    }
}

impl ExactSizeIterator for Frames<'_> {}

/// Cuts a channel into payloads of one frame each, in order.
///
/// # Errors
/// As [`Frames::new`].
pub fn encode_payloads(
    channel: &SealedChannel,
    payload_bytes_max: usize,
) -> Result<Vec<Vec<u8>>, EncodeError> {
    let encode = |frame: Frame| {
        let mut payload = Vec::with_capacity(1 + FRAME_OVERHEAD_BYTES + frame.data.len());
        payload.push(PAYLOAD_VERSION);
        frame.encode(&mut payload);
        payload
    };
    Ok(Frames::new(channel, payload_bytes_max)?.map(encode).collect())
}

/// Reads the frames of a payload. All of them must be whole: a payload is accepted or refused as one.
///
/// # Errors
/// Any [`DecodeError`] about payloads and frames.
pub fn decode_payload(payload: &[u8]) -> Result<Vec<Frame>, DecodeError> {
    let (&version, mut rest) =
        payload.split_first().ok_or(DecodeError::Empty { part: "payload" })?;
    if version != PAYLOAD_VERSION {
        return Err(DecodeError::Version { part: "payload", found: version });
    }
    if rest.is_empty() {
        return Err(DecodeError::Empty { part: "payload" });
    }
    let mut frames = Vec::new();
    while !rest.is_empty() {
        frames.push(Frame::decode(&mut rest)?);
    }
    Ok(frames)
}
