//! Recordings from any bytes: no panic, an end, and nothing after a fault. The first bytes choose how much of a sound head
//! and of sound checksums the bytes are given, so that the fuzzer gets past them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_feed::{CODEC_FIXED, RECORDING_MAGIC, RECORDING_VERSION, RecordedFeed};

/// A head and one chunk for every slice of `data`.
fn wrapped(data: &[u8]) -> Vec<u8> {
    let mut file = RECORDING_MAGIC.to_vec();
    file.extend(RECORDING_VERSION.to_le_bytes());
    file.extend(CODEC_FIXED.to_le_bytes());
    file.extend(1u64.to_le_bytes());
    file.extend(crc32fast::hash(&file).to_le_bytes());
    for chunk in data.chunks(1 << 10) {
        file.extend((chunk.len() as u32).to_le_bytes());
        file.extend(crc32fast::hash(chunk).to_le_bytes());
        file.extend(chunk);
    }
    file
}

fn read(file: &[u8]) {
    let Ok(mut recorded) = RecordedFeed::new(file) else { return };
    let mut last = None;
    loop {
        match recorded.next() {
            Ok(Some(event)) => {
                if matches!(event, weir_feed::FeedEvent::Gap(_)) {
                    last = None;
                }
                if let Some(seq) = event.seq() {
                    assert!(last.is_none_or(|last| last != seq), "a record is handed out once");
                    last = Some(seq);
                }
            }
            Ok(None) => break,
            Err(_) => {
                assert!(matches!(recorded.next(), Ok(None)), "nothing follows a fault");
                break;
            }
        }
    }
    assert!(recorded.complete_bytes() + recorded.torn_bytes() <= file.len() as u64);
}

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0, file)) => read(file),
        Some((_, frames)) => read(&wrapped(frames)),
        None => {}
    }
});
