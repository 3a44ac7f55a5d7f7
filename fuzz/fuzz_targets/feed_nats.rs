//! Messages of a feed over NATS, whole and in parts, in any order: no panic, and what is handed out is consecutive.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_feed::{FeedEvent, NatsFeedAssembler, NatsFeedHead};

fuzz_target!(|data: &[u8]| {
    let mut assembler = NatsFeedAssembler::new(1);
    let (mut rest, mut next) = (data, None);
    while let Some(([epoch, seq, chunk, chunks, length], after)) = rest.split_first_chunk::<5>() {
        let (payload, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        if chunk >= chunks {
            continue;
        }
        let head = NatsFeedHead {
            epoch: (*epoch).into(),
            seq: (*seq).into(),
            chunk: (*chunk).into(),
            chunks: (*chunks).into(),
        };
        let mut events = Vec::new();
        let _ = assembler.push(head, payload, &mut events);
        for event in events {
            match event {
                FeedEvent::Gap(gap) => next = Some(gap.next_seq),
                event => {
                    let Some(seq) = event.seq() else { continue };
                    assert!(next.is_none_or(|next| next == seq), "{next:?} {seq}");
                    next = Some(seq + 1);
                }
            }
        }
    }
});
