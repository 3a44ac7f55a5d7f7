//! Logs of Uniswap V2, V3, V4 and PancakeSwap V3 from any bytes: no panic, and whatever decodes can be carried by the feed and
//! read from it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_arena::decode;
use weir_feed::{Message, PoolUpdate, decode_all, encode};
use weir_fuzz::Input;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    while let Some(log) = input.log() {
        let Ok(Some(decoded)) = decode(&log) else { continue };
        let (pool, event) = (decoded.pool, decoded.event);
        let tx_hash = log.topics()[0];
        let update = Message::PoolUpdate(PoolUpdate {
            seq: 1,
            index: 2,
            tx_index: 3,
            log_index: 4,
            tx_hash,
            pool,
            event,
        });
        let mut frame = Vec::new();
        encode(&update, &mut frame);
        let read = decode_all(&frame).expect("what decodes can be carried");
        assert_eq!(read.as_slice(), std::slice::from_ref(&update));
    }
});
