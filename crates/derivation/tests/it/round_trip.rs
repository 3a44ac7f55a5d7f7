//! What goes in comes out.

use crate::support::{Content, MANUAL, chain, contents, seal};
use proptest::prelude::*;
use weir_derivation::{
    Admission, Batch, Channel, ChannelDecoder, ChannelEncoder, DecodeError, EncodeError,
    EncoderConfig, Frame, FrameQueue, Pushed, decode_payload, encode_payloads,
};
use weir_primitives::RecoveredBlock;

fn batches(blocks: &[RecoveredBlock]) -> Vec<Batch> {
    blocks.iter().map(|block| Batch::from_block(block).unwrap()).collect()
}

/// Reads payloads and expects exactly one channel.
fn decode_one<'a>(payloads: impl IntoIterator<Item = &'a Vec<u8>>) -> Channel {
    let mut decoder = ChannelDecoder::default();
    let mut channels = Vec::new();
    for payload in payloads {
        let decoded = decoder.push_payload(payload).unwrap();
        assert_eq!(decoded.refused, []);
        channels.extend(decoded.channels);
    }
    assert_eq!(decoder.queue().cost_bytes(), 0, "nothing is kept of a complete channel");
    assert_eq!(channels.len(), 1);
    channels.remove(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn decode_of_encode_is_identity(
        contents in contents(1..8),
        first in 0u64..u64::from(u32::MAX),
        payload_bytes in 60usize..2_000,
    ) {
        let blocks = chain(first, &contents);
        let sealed = seal(&blocks);
        let payloads = encode_payloads(&sealed, payload_bytes).unwrap();
        prop_assert!(payloads.iter().all(|payload| payload.len() <= payload_bytes));
        let channel = decode_one(&payloads);
        prop_assert_eq!(&channel.batches, &batches(&blocks));
        prop_assert_eq!(channel.last_hash, blocks.last().unwrap().hash());
        prop_assert_eq!(channel.id, sealed.id());
        prop_assert_eq!(sealed.last_block(), channel.last_block());
        for (batch, block) in channel.batches.iter().zip(&blocks) {
            prop_assert_eq!(batch.decode_transactions().unwrap(), block.transactions());
            let withdrawals = batch.body_withdrawals();
            prop_assert_eq!(withdrawals.as_ref(), block.block().body.withdrawals.as_ref());
        }
    }

    #[test]
    fn frames_in_any_order_with_repetitions_give_the_same_channel(
        contents in contents(1..4),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 0..200),
    ) {
        let sealed = seal(&chain(1, &contents));
        let payloads = encode_payloads(&sealed, 90).unwrap();
        let mut queue = FrameQueue::default();
        let mut complete = Vec::new();
        // Random frames first, then all of them, backwards: every frame comes at least once.
        let random = order.iter().map(|index| index.get(&payloads));
        for payload in random.chain(payloads.iter().rev()) {
            for frame in decode_payload(payload).unwrap() {
                if let Pushed::Complete(bytes) = queue.push(frame) {
                    complete.push(bytes);
                }
            }
        }
        prop_assert!(!complete.is_empty());
        prop_assert!(complete.iter().all(|bytes| bytes == sealed.bytes()));
    }

    #[test]
    fn blocks_spread_over_channels_come_back_once_each_and_in_order(
        contents in contents(1..30),
        channel_bytes_max in 1usize..4_000,
    ) {
        let blocks = chain(10, &contents);
        let config = EncoderConfig { channel_bytes_max, ..MANUAL };
        let mut encoder = ChannelEncoder::new(config).unwrap();
        let mut sealed = Vec::new();
        for block in &blocks {
            prop_assert_eq!(encoder.add_block(block, 0).unwrap(), Admission::Added);
            sealed.extend(encoder.step(0).unwrap());
        }
        sealed.extend(encoder.close().unwrap());
        let mut found = Vec::new();
        for channel in &sealed {
            found.extend(decode_one(&encode_payloads(channel, 1_000).unwrap()).batches);
        }
        prop_assert_eq!(found, batches(&blocks));
    }

    #[test]
    fn a_flipped_bit_never_yields_another_channel(
        contents in contents(1..3),
        at in any::<proptest::sample::Index>(),
        bit in 0u8..8,
    ) {
        let sealed = seal(&chain(1, &contents));
        let mut payload = encode_payloads(&sealed, 100_000).unwrap().remove(0);
        let index = at.index(payload.len());
        payload[index] ^= 1 << bit;
        let mut decoder = ChannelDecoder::default();
        if let Ok(decoded) = decoder.push_payload(&payload) {
            prop_assert_eq!(decoded.channels, []);
        }
    }

    #[test]
    fn a_damaged_batch_is_refused_or_is_what_it_decodes_to(
        contents in contents(1..2),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut entry = Vec::new();
        Batch::from_block(&chain(1, &contents)[0]).unwrap().encode(&mut entry);
        for (at, byte) in damage {
            let at = at.index(entry.len());
            entry[at] = byte;
        }
        for bytes in [&entry[..], &entry[..cut.index(entry.len())]] {
            let mut rest = bytes;
            if let Ok(batch) = Batch::decode(&mut rest, 0) {
                // The encoding is canonical: no two byte strings decode to the same batch.
                let mut again = Vec::new();
                batch.encode(&mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - rest.len()]);
            }
        }
    }

    #[test]
    fn a_damaged_channel_under_its_own_id_never_panics(
        contents in contents(1..4),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = seal(&chain(1, &contents)).bytes().to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(channel) = Channel::decode(weir_derivation::ChannelId::of(&bytes), &bytes) {
            prop_assert!(!channel.batches.is_empty());
        }
    }

    #[test]
    fn any_bytes_are_refused_or_decoded_and_never_panic(
        payload in proptest::collection::vec(any::<u8>(), 0..400),
        prefix in 0u8..3,
    ) {
        let payload = [&[prefix][..], &payload].concat();
        let _ = ChannelDecoder::default().push_payload(&payload);
        let _ = Channel::decode(weir_derivation::ChannelId::of(&payload), &payload);
    }
}

#[test]
fn a_channel_closes_by_size_and_by_age() {
    let blocks = chain(1, &vec![Content::with_transactions(vec![(2, vec![7; 200])]); 3]);
    let config = EncoderConfig { channel_bytes_max: 100_000, channel_age_ms_max: 500, level: 3 };
    let mut encoder = ChannelEncoder::new(config).unwrap();
    assert_eq!(encoder.due_at_ms(), None);
    assert_eq!(encoder.step(u64::MAX).unwrap(), None, "no channel is open");
    assert_eq!(encoder.add_block(&blocks[0], 1_000).unwrap(), Admission::Added);
    assert_eq!(encoder.add_block(&blocks[1], 1_400).unwrap(), Admission::Added);
    assert_eq!(encoder.due_at_ms(), Some(1_500), "the age counts from the first block");
    assert_eq!(encoder.step(1_499).unwrap(), None);
    let channel = encoder.step(1_500).unwrap().expect("due by age");
    assert_eq!((channel.first_block(), channel.last_block()), (1, 2));
    assert_eq!(encoder.due_at_ms(), None);

    let config = EncoderConfig { channel_bytes_max: 200, ..config };
    let mut encoder = ChannelEncoder::new(config).unwrap();
    assert_eq!(encoder.add_block(&blocks[0], 0).unwrap(), Admission::Added);
    assert!(encoder.is_full());
    assert!(encoder.step(0).unwrap().is_some(), "due by size");
}

#[test]
fn blocks_that_do_not_follow_are_refused_and_change_nothing() {
    let blocks = chain(1, &vec![Content::with_transactions(vec![]); 3]);
    let mut encoder = ChannelEncoder::new(MANUAL).unwrap();
    assert_eq!(encoder.add_block(&blocks[0], 0).unwrap(), Admission::Added);
    let error = encoder.add_block(&blocks[2], 0).unwrap_err();
    assert!(matches!(error, EncodeError::Unlinked { number: 3, .. }));
    assert_eq!(encoder.add_block(&blocks[1], 0).unwrap(), Admission::Added);
    assert_eq!(encoder.tip(), Some((2, blocks[1].hash())));
    assert_eq!(encoder.open_blocks(), 2);
}

#[test]
fn a_block_of_proof_of_work_is_refused() {
    let mut block = chain(1, &[Content::with_transactions(vec![])]).remove(0).block().clone();
    block.header.difficulty = alloy_primitives::U256::from(1);
    let block = RecoveredBlock::recover(block).unwrap();
    let error = Batch::from_block(&block).unwrap_err();
    assert!(matches!(error, EncodeError::Inexpressible { number: 1, field: "difficulty" }));
}

#[test]
fn one_malformed_frame_refuses_the_whole_payload() {
    let sealed = seal(&chain(1, &[Content::with_transactions(vec![])]));
    let good = encode_payloads(&sealed, 100_000).unwrap().remove(0);
    let cut = [&good[..], &good[1..20]].concat();
    let mut decoder = ChannelDecoder::default();
    let error = decoder.push_payload(&cut).unwrap_err();
    assert!(matches!(error, DecodeError::Truncated { part: "frame length", .. }), "{error}");
    assert_eq!(decoder.queue().open_channels(), 0, "the good frame does not count either");
    assert_eq!(decoder.push_payload(&good).unwrap().channels.len(), 1);
}

#[test]
fn several_frames_fit_one_payload() {
    let first = seal(&chain(1, &[Content::with_transactions(vec![])]));
    let second = seal(&chain(2, &[Content::with_transactions(vec![(1, vec![1])])]));
    let mut payload = vec![1];
    for channel in [&first, &second] {
        let frame = Frame {
            channel: channel.id(),
            number: 0,
            data: channel.bytes().to_vec(),
            is_last: true,
        };
        frame.encode(&mut payload);
    }
    let decoded = ChannelDecoder::default().push_payload(&payload).unwrap();
    let ids: Vec<_> = decoded.channels.iter().map(|channel| channel.id).collect();
    assert_eq!(ids, [first.id(), second.id()]);
}
