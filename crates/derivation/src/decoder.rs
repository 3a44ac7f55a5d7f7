//! Payloads in, channels out.

use crate::{Channel, ChannelId, DecodeError, FrameQueue, Pushed, decode_payload};

/// What one payload completed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Channels that are whole and well formed, in the order they were completed.
    pub channels: Vec<Channel>,
    /// Channels that are whole and not well formed, with the reason.
    pub refused: Vec<(ChannelId, DecodeError)>,
}

/// Reassembles and decodes channels from the payloads of L1 transactions.
///
/// The same channel posted twice comes out twice; a reader that has its blocks already ignores it by number.
#[derive(Debug, Default)]
pub struct ChannelDecoder {
    queue: FrameQueue,
}

impl ChannelDecoder {
    /// Takes the payload of one L1 transaction.
    ///
    /// # Errors
    /// A [`DecodeError`] if the payload itself is malformed; then none of its frames counts.
    pub fn push_payload(&mut self, payload: &[u8]) -> Result<Decoded, DecodeError> {
        let mut decoded = Decoded::default();
        for frame in decode_payload(payload)? {
            let id = frame.channel;
            if let Pushed::Complete(bytes) = self.queue.push(frame) {
                match Channel::decode(id, &bytes) {
                    Ok(channel) => decoded.channels.push(channel),
                    Err(error) => decoded.refused.push((id, error)),
                }
            }
        }
        Ok(decoded)
    }

    /// The frames that wait for others.
    pub const fn queue(&self) -> &FrameQueue {
        &self.queue
    }
}
