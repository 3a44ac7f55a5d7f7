//! The body of a request: bounded in size, in time and in what all bodies together hold.

use crate::{
    budget::{Budget, FREE_BYTES, Share},
    config::ServerConfig,
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is larger than the limit; how large it is said or seen to be, in bytes.
    TooLarge(usize),
    /// The peer stopped in the middle.
    Incomplete,
    /// The peer took too long.
    Late,
    /// All requests together hold as much as they may.
    Busy,
}

/// A body, and its part of the memory of all requests.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) bytes: Bytes,
    _shares: Vec<Share>,
}

/// Reads the whole body.
pub(super) async fn read(
    body: Incoming,
    config: &ServerConfig,
    memory: &Budget,
) -> Result<Held, BodyError> {
    let limit = config.request_bytes_max;
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(BodyError::TooLarge(usize::try_from(announced).unwrap_or(usize::MAX)));
    }
    let reading = collect(body, limit, memory);
    tokio::time::timeout(config.body_timeout, reading).await.unwrap_or(Err(BodyError::Late))
}

async fn collect(mut body: Incoming, limit: usize, memory: &Budget) -> Result<Held, BodyError> {
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let (mut size, mut counted) = (0, FREE_BYTES);
    let mut shares = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Incomplete)?;
        let Ok(chunk) = frame.into_data() else { continue };
        size += chunk.len();
        if size > limit {
            return Err(BodyError::TooLarge(size));
        }
        if size > counted {
            let more = (size - counted).max(FREE_BYTES);
            shares.push(memory.take(more).ok_or(BodyError::Busy)?);
            counted += more;
        }
        // Nearly every body comes in one piece, which needs no copy.
        if first.is_empty() && rest.is_empty() {
            first = chunk;
            continue;
        }
        rest.extend_from_slice(&std::mem::take(&mut first));
        rest.extend_from_slice(&chunk);
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok(Held { bytes, _shares: shares })
}
