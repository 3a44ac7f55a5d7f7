//! Whitelist messages from any bytes: no panic, and chunks and changes that obey their bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_feed::{
    WhitelistApplied, WhitelistAssembler, WhitelistDocument, WhitelistKind, WhitelistMessage,
    WhitelistTracker,
};

const CHAIN: u64 = 1;

fuzz_target!(|data: &[u8]| {
    let _ = WhitelistApplied::from_json(data);
    let (mut assembler, mut tracker) = (WhitelistAssembler::default(), WhitelistTracker::new());
    // Several messages a run: chunks need each other.
    for (block, json) in (0..).zip(data.split(|byte| *byte == b'\n')) {
        for kind in WhitelistKind::ALL {
            let Ok(message) = WhitelistMessage::parse(json, CHAIN, kind) else { continue };
            if let Ok(Some(update)) = assembler.push(message) {
                tracker.push(update);
                let change = tracker.drain(block);
                assert!(change.added.len() + change.unresolved.len() <= tracker.len());
            }
        }
        // What is published is what is read.
        if let Ok(document) = WhitelistDocument::parse(json, CHAIN, WhitelistKind::Full, block) {
            let Ok(messages) = document.messages(json.len().max(2_048)) else { continue };
            let mut whole = WhitelistAssembler::default();
            let read = messages.iter().filter_map(|message| {
                let parsed = WhitelistMessage::parse(message, CHAIN, WhitelistKind::Full);
                whole.push(parsed.expect("a document's message is read")).expect("chunks agree")
            });
            assert_eq!(read.last().as_ref(), Some(document.update()));
        }
    }
});
