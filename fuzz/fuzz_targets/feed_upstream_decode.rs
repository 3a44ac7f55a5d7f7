//! Upstream's frames from any bytes: no panic, and what decodes has one encoding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_feed::{decode_upstream, encode_upstream};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    while let Ok(Some((message, length))) = decode_upstream(rest) {
        let mut again = Vec::new();
        encode_upstream(&message, &mut again);
        assert_eq!(again, rest[..length], "a message has one encoding");
        rest = &rest[length..];
    }
});
