//! Spilled snapshots from any bytes: no panic, and a record that is read does not change what it does not name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_arena::SpillSection;

fuzz_target!(|data: &[u8]| {
    let mut section = SpillSection::new();
    let mut rest = data;
    while let Some((&length, after)) = rest.split_first() {
        let (record, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        let mut again = section.clone();
        let read = section.decode(record);
        assert_eq!(read, again.decode(record), "reading is a function of the bytes");
        if read.is_err() {
            return;
        }
    }
});
