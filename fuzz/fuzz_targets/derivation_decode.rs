//! Payloads, frames, channels and batches from any bytes: no panic, bounded memory, and what decodes encodes again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_derivation::{Batch, Channel, ChannelDecoder, ChannelId, decode_payload, limits};

fuzz_target!(|data: &[u8]| {
    // As several payloads, split at a byte that the input chooses, into one decoder.
    let mut decoder = ChannelDecoder::default();
    if let Some((&at, rest)) = data.split_first() {
        let (first, second) = rest.split_at(usize::from(at).min(rest.len()));
        for payload in [first, second, rest] {
            let _ = decoder.push_payload(payload);
        }
        assert!(decoder.queue().cost_bytes() <= limits::OPEN_CHANNELS_BYTES_MAX);
    }
    // Frames that decode are the bytes they came from.
    if let Ok(frames) = decode_payload(data) {
        let mut again = vec![data[0]];
        for frame in &frames {
            frame.encode(&mut again);
        }
        assert_eq!(again, data);
    }
    // As a channel under its right id, so that the fuzzer reaches what is behind the hash.
    if let Ok(channel) = Channel::decode(ChannelId::of(data), data) {
        for batch in &channel.batches {
            let mut entry = Vec::new();
            batch.encode(&mut entry);
            let mut rest = &entry[..];
            assert_eq!(Batch::decode(&mut rest, 0).as_ref(), Ok(batch));
            assert!(rest.is_empty());
            let _ = batch.decode_transactions();
        }
    }
    // As one batch: RLP is canonical, so what decodes is exactly what encoding gives.
    let mut rest = data;
    if let Ok(batch) = Batch::decode(&mut rest, 0) {
        let mut again = Vec::new();
        batch.encode(&mut again);
        assert_eq!(again, data[..data.len() - rest.len()]);
    }
});
