//! Feed records from any bytes: no panic, one encoding for each record, and an assembler that survives any order of them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_feed::{CODEC_FIXED, FeedAssembler, PROTOCOL_VERSION, Welcome, decode_all, encode};

fuzz_target!(|data: &[u8]| {
    let Ok(messages) = decode_all(data) else { return };
    let mut again = Vec::new();
    for message in &messages {
        encode(message, &mut again);
    }
    assert_eq!(again, data, "a record has one encoding");
    let mut assembler = FeedAssembler::new(&Welcome {
        version: PROTOCOL_VERSION,
        codec: CODEC_FIXED,
        chain_id: 1,
        epoch: 1,
        first_seq: 0,
        oldest_seq: 0,
        next_seq: 0,
    });
    for message in messages {
        let before = assembler.position();
        if assembler.push(message).is_err() {
            assert_eq!(assembler.position(), before, "a fault does not move the position");
        }
    }
});
