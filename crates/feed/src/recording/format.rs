//! Head and chunks of a recording. `docs/spec/feed.md` has the bytes.

use super::RecordingError;
use crate::CODEC_FIXED;

/// The bytes that open a recording.
pub const RECORDING_MAGIC: [u8; 8] = *b"WEIRRECD";
/// Version of the file format.
pub const RECORDING_VERSION: u16 = 1;
/// Largest chunk in bytes without its length and checksum. A longer event takes several chunks.
pub const CHUNK_BYTES_MAX: u32 = 1 << 20;

/// Bytes of the head: magic, version, codec, chain id, checksum.
pub(super) const HEAD_BYTES: usize = 24;
/// Bytes of the head that its checksum covers.
const HEAD_CHECKED_BYTES: usize = HEAD_BYTES - 4;

pub(super) fn head(chain_id: u64) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..8].copy_from_slice(&RECORDING_MAGIC);
    head[8..10].copy_from_slice(&RECORDING_VERSION.to_le_bytes());
    head[10..12].copy_from_slice(&CODEC_FIXED.to_le_bytes());
    head[12..20].copy_from_slice(&chain_id.to_le_bytes());
    let checksum = crc32fast::hash(&head[..HEAD_CHECKED_BYTES]);
    head[20..].copy_from_slice(&checksum.to_le_bytes());
    head
}

/// The chain id in a head.
pub(super) fn read_head(bytes: &[u8; HEAD_BYTES]) -> Result<u64, RecordingError> {
    if bytes[..8] != RECORDING_MAGIC {
        return Err(RecordingError::Magic);
    }
    let [.., c0, c1, c2, c3] = *bytes;
    if crc32fast::hash(&bytes[..HEAD_CHECKED_BYTES]) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(RecordingError::Head);
    }
    let version = u16::from_le_bytes([bytes[8], bytes[9]]);
    let codec = u16::from_le_bytes([bytes[10], bytes[11]]);
    if (version, codec) != (RECORDING_VERSION, CODEC_FIXED) {
        return Err(RecordingError::Version { version, codec });
    }
    let mut chain_id = [0; 8];
    chain_id.copy_from_slice(&bytes[12..20]);
    Ok(u64::from_le_bytes(chain_id))
}

/// Appends `frames` as chunks that end on whole frames.
pub(super) fn put_chunks(frames: &[u8], out: &mut Vec<u8>) {
    let mut rest = frames;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(chunk_length(rest));
        let length = u32::try_from(chunk.len()).expect("a chunk is at most a mebibyte");
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(chunk).to_le_bytes());
        out.extend_from_slice(chunk);
        rest = after;
    }
}

/// How many bytes of whole frames fit in one chunk.
fn chunk_length(frames: &[u8]) -> usize {
    let max = CHUNK_BYTES_MAX as usize;
    if frames.len() <= max {
        return frames.len();
    }
    let mut end = 0;
    while let Some((head, _)) = frames[end..].split_first_chunk::<4>() {
        let next = end + 4 + u32::from_le_bytes(*head) as usize;
        if next > max {
            break;
        }
        end = next;
    }
    end
}
