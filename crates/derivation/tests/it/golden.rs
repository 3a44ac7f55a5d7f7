//! The bytes of the format, as `docs/spec/batch.md` promises them.

use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use weir_derivation::{Batch, Channel, ChannelDecoder, ChannelId, Frame};

use crate::support::{Content, chain, seal};

/// The file that other implementations test themselves with.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Vectors {
    about: String,
    /// The RLP byte string of each batch.
    batches: Vec<Bytes>,
    /// A channel of these batches that is not compressed.
    stored_channel: Bytes,
    stored_channel_id: Bytes,
    /// The stored channel in payloads of 200 bytes.
    payloads: Vec<Bytes>,
    /// A channel of these batches in zstd. Compressors may differ; decoders may not.
    zstd_channel: Bytes,
    zstd_channel_id: Bytes,
    last_hash: B256,
}

const FIRST_BLOCK: u64 = 41;
const PAYLOAD_BYTES: usize = 200;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec/batch.vectors.json")
}

fn blocks() -> Vec<weir_primitives::RecoveredBlock> {
    let mut bare = Content::with_transactions(Vec::new());
    (bare.root, bare.withdrawals, bare.extra_data) = (None, None, Vec::new());
    let mut full = Content::with_transactions((0..5).map(|kind| (kind, vec![kind; 3])).collect());
    full.withdrawals = Some(vec![(7, 1)]);
    chain(FIRST_BLOCK, &[bare, full])
}

fn generate() -> Vectors {
    let blocks = blocks();
    let encode = |block| {
        let mut bytes = Vec::new();
        Batch::from_block(block).unwrap().encode(&mut bytes);
        Bytes::from(bytes)
    };
    let batches: Vec<Bytes> = blocks.iter().map(encode).collect();
    let body = batches.concat();
    let last_hash = blocks.last().unwrap().hash();
    let mut stored = vec![1, 0];
    stored.extend(FIRST_BLOCK.to_be_bytes());
    stored.extend((batches.len() as u32).to_be_bytes());
    stored.extend(last_hash);
    stored.extend((body.len() as u32).to_be_bytes());
    stored.extend(crc32fast::hash(&body).to_be_bytes());
    stored.extend(body);
    let id = ChannelId::of(&stored);
    let chunks: Vec<_> = stored.chunks(PAYLOAD_BYTES - 1 - 23).collect();
    let payload = |(number, data): (usize, &&[u8])| {
        let is_last = number + 1 == chunks.len();
        let mut payload = vec![1];
        let frame = Frame { channel: id, number: number as u16, data: data.to_vec(), is_last };
        frame.encode(&mut payload);
        Bytes::from(payload)
    };
    let zstd = seal(&blocks);
    Vectors {
        about: "golden vectors of the batch format; see batch.md".to_owned(),
        payloads: chunks.iter().enumerate().map(payload).collect(),
        batches,
        stored_channel_id: Bytes::copy_from_slice(id.as_slice()),
        stored_channel: stored.into(),
        zstd_channel: Bytes::copy_from_slice(zstd.bytes()),
        zstd_channel_id: Bytes::copy_from_slice(zstd.id().as_slice()),
        last_hash,
    }
}

/// `WEIR_BLESS=1` writes the file anew: an approval of a format change, to be reviewed as one.
fn load() -> Vectors {
    if std::env::var_os("WEIR_BLESS").is_some() {
        let json = serde_json::to_string_pretty(&generate()).unwrap();
        std::fs::write(path(), json + "\n").unwrap();
    }
    serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap()
}

#[test]
fn the_encoder_gives_the_golden_bytes() {
    let (golden, mut now) = (load(), generate());
    // Another version of the compressor may compress differently; that is not a change of the format.
    now.zstd_channel = golden.zstd_channel.clone();
    now.zstd_channel_id = golden.zstd_channel_id.clone();
    assert_eq!(golden, now);
}

#[test]
fn the_decoder_reads_the_golden_bytes() {
    let golden = load();
    let expected: Vec<_> = blocks().iter().map(|block| Batch::from_block(block).unwrap()).collect();
    for (index, bytes) in golden.batches.iter().enumerate() {
        let mut rest = &bytes[..];
        assert_eq!(Batch::decode(&mut rest, index).unwrap(), expected[index]);
        assert!(rest.is_empty());
    }
    for channel in [&golden.stored_channel, &golden.zstd_channel] {
        let decoded = Channel::decode(ChannelId::of(channel), channel).unwrap();
        assert_eq!(decoded.batches, expected);
        assert_eq!(decoded.last_hash, golden.last_hash);
    }
    assert_eq!(ChannelId::of(&golden.zstd_channel).as_slice(), &golden.zstd_channel_id[..]);
    let mut decoder = ChannelDecoder::default();
    let mut channels = Vec::new();
    for payload in golden.payloads.iter().rev() {
        channels.extend(decoder.push_payload(payload).unwrap().channels);
    }
    assert_eq!(channels.len(), 1);
    assert_eq!(channels[0].id.as_slice(), &golden.stored_channel_id[..]);
    assert_eq!(channels[0].batches, expected);
}
