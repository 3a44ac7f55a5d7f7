//! Records in any order, with reconnects in between: a fault does not move the position, and what is handed out is
//! consecutive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_feed::{
    CODEC_FIXED, FeedAssembler, FeedEvent, PROTOCOL_VERSION, Position, Welcome, decode_frame,
};

fn welcome(epoch: u64, first_seq: u64) -> Welcome {
    Welcome {
        version: PROTOCOL_VERSION,
        codec: CODEC_FIXED,
        chain_id: 1,
        epoch,
        first_seq,
        oldest_seq: 0,
        next_seq: first_seq,
    }
}

fuzz_target!(|data: &[u8]| {
    let mut assembler = FeedAssembler::new(&welcome(1, 0));
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (frame, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let before = assembler.position();
        if let [epoch, first_seq] = *frame {
            assembler.resume(&welcome(epoch.into(), first_seq.into()));
            assert_eq!(assembler.position(), before, "a reconnect does not move the position");
            continue;
        }
        let Ok(message) = decode_frame(frame) else { continue };
        match assembler.push(message) {
            Err(_) => assert_eq!(assembler.position(), before),
            Ok(Some(FeedEvent::Gap(_))) => {}
            Ok(event) => {
                let seq = event.as_ref().and_then(FeedEvent::seq);
                let next_seq = before.next_seq + u64::from(seq.is_some());
                assert!(seq.is_none_or(|seq| seq == before.next_seq));
                assert_eq!(assembler.position(), Position { next_seq, ..before });
            }
        }
    }
});
