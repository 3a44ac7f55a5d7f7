//! What hostile input gets.

use crate::support::{Content, chain, seal};
use alloy_primitives::B256;
use weir_derivation::{
    Channel, ChannelId, DecodeError, EncodeError, Frame, FrameQueue, Pushed, decode_payload,
    encode_payloads, limits,
};

/// A channel whose header claims these things about `body`.
fn channel(compression: u8, batches: u32, raw_bytes: u32, crc32: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, compression];
    bytes.extend(5u64.to_be_bytes());
    bytes.extend(batches.to_be_bytes());
    bytes.extend(B256::ZERO);
    bytes.extend(raw_bytes.to_be_bytes());
    bytes.extend(crc32.to_be_bytes());
    bytes.extend(body);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Channel, DecodeError> {
    Channel::decode(ChannelId::of(bytes), bytes)
}

fn frame(channel: u8, number: u16, data: Vec<u8>, is_last: bool) -> Frame {
    Frame { channel: [channel; 16].into(), number, data, is_last }
}

#[test]
fn a_decompression_bomb_stops_at_the_claimed_length() {
    let raw = vec![0u8; limits::CHANNEL_RAW_BYTES_MAX + 4_096];
    let bomb = zstd::encode_all(&raw[..], 19).unwrap();
    assert!(bomb.len() < 16_384, "the bomb is small");
    let honest_claim = channel(1, 1, raw.len() as u32, 0, &bomb);
    assert!(matches!(decode(&honest_claim), Err(DecodeError::Limit { part: "raw length", .. })));
    let small_claim = channel(1, 1, 100, 0, &bomb);
    let found = decode(&small_claim);
    assert_eq!(found, Err(DecodeError::Body { part: "length", expected: 100, found: 101 }));
}

#[test]
fn a_window_larger_than_the_limit_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.window_log(limits::ZSTD_WINDOW_LOG_MAX + 1).unwrap();
    std::io::Write::write_all(&mut encoder, &vec![1; 20 << 20]).unwrap();
    let body = encoder.finish().unwrap();
    assert_eq!(decode(&channel(1, 1, 20 << 20, 0, &body)), Err(DecodeError::Decompression));
}

#[test]
fn each_lie_of_a_header_has_its_error() {
    let blocks = chain(5, &[Content::with_transactions(vec![(0, vec![1, 2, 3])])]);
    let mut body = Vec::new();
    weir_derivation::Batch::from_block(&blocks[0]).unwrap().encode(&mut body);
    let crc = crc32fast::hash(&body);
    let length = body.len() as u32;
    let honest = channel(0, 1, length, crc, &body);
    assert_eq!(decode(&honest).unwrap().first_block(), 5);

    let check = |bytes: Vec<u8>, expected: DecodeError| {
        assert_eq!(decode(&bytes).unwrap_err(), expected);
    };
    check(
        channel(0, 2, length, crc, &body),
        DecodeError::Body { part: "batches", expected: 2, found: 1 },
    );
    check(channel(0, 0, length, crc, &body), DecodeError::Empty { part: "channel" });
    check(
        channel(0, u32::MAX, length, crc, &body),
        DecodeError::Limit {
            part: "batch count",
            found: u32::MAX as usize,
            limit: limits::CHANNEL_BATCHES_MAX,
        },
    );
    let found = u64::from(crc);
    check(
        channel(0, 1, length, crc ^ 1, &body),
        DecodeError::Body { part: "crc32", expected: found ^ 1, found },
    );
    check(
        channel(0, 1, length + 1, crc, &body),
        DecodeError::Body {
            part: "length",
            expected: u64::from(length) + 1,
            found: u64::from(length),
        },
    );
    check(
        channel(2, 1, length, crc, &body),
        DecodeError::Version { part: "compression", found: 2 },
    );
    check(channel(1, 1, length, crc, &body), DecodeError::Decompression);

    let mut other_version = honest.clone();
    other_version[0] = 9;
    check(other_version, DecodeError::Version { part: "channel", found: 9 });
    let mut other_first = honest.clone();
    other_first[9] = 6;
    check(other_first, DecodeError::BatchNumber { index: 0, expected: 6, found: 5 });
    check(
        honest[..20].to_vec(),
        DecodeError::Truncated { part: "last hash", needed: 32, available: 6 },
    );
    let trailing = [&body[..], &[0xc0]].concat();
    let crc = crc32fast::hash(&trailing);
    let error = decode(&channel(0, 2, length + 1, crc, &trailing)).unwrap_err();
    assert!(matches!(error, DecodeError::Rlp { index: 1, .. }), "{error}");

    let wrong_id = ChannelId::of(b"other");
    let computed = ChannelId::of(&honest);
    let error = Channel::decode(wrong_id, &honest).unwrap_err();
    assert_eq!(error, DecodeError::ChannelId { id: wrong_id, computed });
}

#[test]
fn bytes_after_the_zstd_frame_are_refused() {
    let blocks = chain(5, &[Content::with_transactions(vec![])]);
    let mut body = Vec::new();
    weir_derivation::Batch::from_block(&blocks[0]).unwrap().encode(&mut body);
    let crc = crc32fast::hash(&body);
    let mut packed = zstd::encode_all(&body[..], 3).unwrap();
    let honest = channel(1, 1, body.len() as u32, crc, &packed);
    assert!(decode(&honest).is_ok());
    packed.push(0);
    let error = decode(&channel(1, 1, body.len() as u32, crc, &packed)).unwrap_err();
    assert_eq!(error, DecodeError::Trailing { part: "channel", bytes: 1 });
}

#[test]
fn malformed_payloads_have_distinct_errors() {
    let check = |payload: &[u8], expected: DecodeError| {
        assert_eq!(decode_payload(payload).unwrap_err(), expected);
    };
    check(&[], DecodeError::Empty { part: "payload" });
    check(&[1], DecodeError::Empty { part: "payload" });
    check(&[0, 0], DecodeError::Version { part: "payload", found: 0 });
    let truncated = |part, needed, available| DecodeError::Truncated { part, needed, available };
    check(&[1, 0], truncated("frame channel", 16, 1));
    let head = |length: u32| {
        let mut payload = vec![1];
        payload.extend([3; 16]);
        payload.extend([0, 0]);
        payload.extend(length.to_be_bytes());
        payload
    };
    let limit = limits::PAYLOAD_BYTES_MAX;
    let found = u32::MAX as usize;
    check(&head(u32::MAX), DecodeError::Limit { part: "frame length", found, limit });
    check(&head(2), truncated("frame data", 2, 0));
    check(&head(0), truncated("frame flag", 1, 0));
    check(&[head(0), vec![2]].concat(), DecodeError::Flag { found: 2 });
}

#[test]
fn the_oldest_channel_gives_way_when_memory_is_full() {
    let mut queue = FrameQueue::default();
    let bytes = limits::PAYLOAD_BYTES_MAX;
    let channels = limits::OPEN_CHANNELS_BYTES_MAX / bytes + 10;
    for index in 0..channels {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(index as u64 % 200).to_be_bytes());
        let number = (index / 200) as u16;
        let frame = Frame { channel: id.into(), number, data: vec![0; bytes], is_last: false };
        assert_eq!(queue.push(frame), Pushed::Kept);
        assert!(queue.cost_bytes() <= limits::OPEN_CHANNELS_BYTES_MAX);
    }
    // The first channel was dropped, so its frame is news again.
    let again = Frame { channel: [0; 16].into(), number: 0, data: vec![], is_last: false };
    assert_eq!(queue.push(again), Pushed::Kept);
}

#[test]
fn the_number_of_open_channels_is_bounded() {
    let mut queue = FrameQueue::default();
    for index in 0..limits::OPEN_CHANNELS_MAX as u64 + 50 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&index.to_be_bytes());
        let frame = Frame { channel: id.into(), number: 1, data: vec![], is_last: false };
        assert_eq!(queue.push(frame), Pushed::Kept);
    }
    assert_eq!(queue.open_channels(), limits::OPEN_CHANNELS_MAX);
}

#[test]
fn a_channel_that_outgrows_its_limit_is_dropped() {
    let mut queue = FrameQueue::default();
    let mut number = 0;
    while queue.push(frame(1, number, vec![0; limits::PAYLOAD_BYTES_MAX], false)) == Pushed::Kept {
        number += 1;
        assert!(usize::from(number) < 1_000, "it ends");
    }
    assert_eq!((queue.open_channels(), queue.cost_bytes()), (0, 0));
}

#[test]
fn frames_that_contradict_earlier_ones_are_ignored() {
    let mut queue = FrameQueue::default();
    assert_eq!(queue.push(frame(1, 0, vec![1], false)), Pushed::Kept);
    assert_eq!(queue.push(frame(1, 0, vec![2], false)), Pushed::Ignored, "the first one stands");
    assert_eq!(queue.push(frame(1, 5, vec![9], false)), Pushed::Kept);
    assert_eq!(queue.push(frame(1, 2, vec![3], true)), Pushed::Kept, "cuts off frame 5");
    assert_eq!(queue.push(frame(1, 3, vec![4], false)), Pushed::Ignored, "behind the last");
    assert_eq!(queue.push(frame(1, 1, vec![5], true)), Pushed::Ignored, "a second last");
    assert_eq!(queue.push(frame(1, 1, vec![2], false)), Pushed::Complete(vec![1, 2, 3]));
    assert_eq!((queue.open_channels(), queue.cost_bytes()), (0, 0));
    assert_eq!(queue.push(frame(2, u16::MAX, vec![], false)), Pushed::Ignored);
}

#[test]
fn payload_sizes_outside_the_limits_are_refused() {
    let sealed = seal(&chain(1, &[Content::with_transactions(vec![])]));
    let smallest = 1 + 23 + 1;
    assert_eq!(encode_payloads(&sealed, smallest).unwrap().len(), sealed.bytes().len());
    for bytes in [0, smallest - 1, limits::PAYLOAD_BYTES_MAX + 1] {
        let error = encode_payloads(&sealed, bytes).unwrap_err();
        assert!(matches!(error, EncodeError::Setting { setting: "payload_bytes_max", .. }));
    }
}
