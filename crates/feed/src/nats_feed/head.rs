//! What the headers of a message say.

use super::NatsMessageError;
use crate::CODEC_FIXED;
use async_nats::HeaderMap;

const CODEC: &str = "Weir-Codec";
const EPOCH: &str = "Weir-Epoch";
const SEQ: &str = "Weir-Seq";
const CHUNK: &str = "Weir-Chunk";
const CHUNKS: &str = "Weir-Chunks";

/// Where a message belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatsFeedHead {
    /// The producer's epoch.
    pub epoch: u64,
    /// Sequence number of the first record, or the one due next if the message has a notice.
    pub seq: u64,
    /// Which part of the update the payload is, from zero.
    pub chunk: u32,
    /// How many parts there are.
    pub chunks: u32,
}

impl NatsFeedHead {
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CODEC, CODEC_FIXED.into()),
            (EPOCH, self.epoch),
            (SEQ, self.seq),
            (CHUNK, self.chunk.into()),
            (CHUNKS, self.chunks.into()),
        ] {
            headers.insert(name, value.to_string());
        }
        headers
    }

    /// Reads the headers of a message.
    ///
    /// # Errors
    /// If one is missing, is not a number, or is out of bounds.
    pub fn read(headers: Option<&HeaderMap>) -> Result<Self, NatsMessageError> {
        let number = |header| {
            let value = headers.and_then(|headers| headers.get(header));
            let value = value.and_then(|value| value.as_str().parse::<u64>().ok());
            value.ok_or(NatsMessageError::Header { header })
        };
        let codec = number(CODEC)?;
        if codec != u64::from(CODEC_FIXED) {
            return Err(NatsMessageError::Codec { codec });
        }
        let (chunk, chunks) = (number(CHUNK)?, number(CHUNKS)?);
        let bad = NatsMessageError::Chunk { chunk, chunks };
        if chunk >= chunks {
            return Err(bad);
        }
        Ok(Self {
            epoch: number(EPOCH)?,
            seq: number(SEQ)?,
            chunk: chunk.try_into().map_err(|_| bad)?,
            chunks: chunks.try_into().map_err(|_| bad)?,
        })
    }
}

/// The subject of a chain's feed.
pub fn nats_feed_subject(chain_id: u64) -> String {
    format!("weir.feed.{chain_id}")
}
