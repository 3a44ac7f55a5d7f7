//! A journal of any bytes: no panic, and what is read is what stands there. The first byte chooses whether the bytes are given
//! a sound head and sound checksums, so that the fuzzer gets past them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;
use weir_storage::JournalContents;

/// First bytes of a journal's file, and its version.
const MAGIC: &[u8] = b"WEIRJRNL";

/// A head and one record for every slice of `data`, of which the first byte is the kind.
fn wrapped(data: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend(JournalContents::SUPPORTED_FORMAT.to_le_bytes());
    for record in data.chunks(1 << 7) {
        let start = file.len();
        file.extend((record.len() as u32 - 1).to_le_bytes());
        file.extend(record);
        file.extend(crc32fast::hash(&file[start..]).to_le_bytes());
    }
    file
}

fn read(file: &[u8]) -> usize {
    let Ok(contents) = JournalContents::parse(file, Path::new("journal")) else { return 0 };
    assert_eq!(contents.whole_bytes + contents.torn_bytes, file.len() as u64);
    for (offset, record) in &contents.records {
        // Length, kind, payload.
        let start = *offset as usize + 4;
        assert_eq!(file[start], record.kind);
        assert_eq!(file[start + 1..][..record.payload.len()], record.payload);
    }
    contents.records.len()
}

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0, file)) => {
            read(file);
        }
        Some((_, records)) => assert_eq!(read(&wrapped(records)), records.chunks(1 << 7).count()),
        None => {}
    }
});
