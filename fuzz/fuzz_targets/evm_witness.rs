//! Witnesses and blocks from any bytes: no panic, and what decodes encodes again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};
use weir_evm::{ChainSpec, ExecutionWitness, decode_block, recover_block, verify_stateless};

static SPEC: LazyLock<Arc<ChainSpec>> = LazyLock::new(|| Arc::new(ChainSpec::dev(61_972, [])));

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = ExecutionWitness::from_json(text);
    }
    // A block and its witness, split at a byte that the input chooses.
    let Some((&at, rest)) = data.split_first() else { return };
    let (block, witness) = rest.split_at(usize::from(at).min(rest.len()));
    let Some(witness) = ExecutionWitness::from_binary(witness) else { return };
    assert_eq!(ExecutionWitness::from_binary(&witness.to_binary()), Some(witness.clone()));
    let Ok(block) = decode_block(block) else { return };
    let Ok(block) = recover_block(&SPEC, block) else { return };
    let _ = verify_stateless(&SPEC, &witness, &block);
});
