//! Frames: a length and a payload.

use super::{
    UpstreamError, UpstreamMessage,
    bincode::{Bincode, Input},
};

/// Largest payload in bytes. Only whitelists come near it.
pub const UPSTREAM_FRAME_BYTES_MAX: u32 = 1 << 24;

/// Appends the frame of `message` to `out`.
pub fn encode_upstream(message: &UpstreamMessage, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    message.put(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Decodes the first frame of `bytes` and says how long it was; `None` if it is not all there.
///
/// # Errors
/// If the frame is not an upstream message, to the byte.
pub fn decode_upstream(bytes: &[u8]) -> Result<Option<(UpstreamMessage, usize)>, UpstreamError> {
    let Some((head, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let (length, max) = (u32::from_le_bytes(*head), UPSTREAM_FRAME_BYTES_MAX);
    if length == 0 || length > max {
        return Err(UpstreamError::FrameLength { length, max });
    }
    let Some(payload) = rest.get(..length as usize) else { return Ok(None) };
    let mut input = Input::new(payload);
    let message = UpstreamMessage::take(&mut input)?;
    input.finish()?;
    Ok(Some((message, 4 + payload.len())))
}
