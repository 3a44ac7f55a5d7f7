//! No bytes make the transaction decoder panic, and what it takes is the only encoding of what it gives.
#![no_main]

use alloy_eips::Encodable2718;
use libfuzzer_sys::fuzz_target;
use weir_evm::{Fork, decode_transaction, recover_sender, validate_context_free};

fuzz_target!(|raw: &[u8]| {
    if let Ok(tx) = decode_transaction(raw) {
        assert_eq!(tx.encoded_2718(), raw);
        assert_eq!(decode_transaction(&tx.encoded_2718()).as_ref(), Ok(&tx));
        let _ = recover_sender(&tx);
        let _ = validate_context_free(&tx, Fork::Osaka, 1);
    }
});
