//! A redo log of any bytes: no panic, records in order without a gap, keys in order. The first byte chooses how much of a sound
//! head and of sound frames the bytes are given, so that the fuzzer gets past them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_storage::list_redo_log;

/// First bytes of a file of the log.
const MAGIC: &[u8] = b"WEIRRED1";

/// A head and one record for every slice of `data`, numbered from `first` on.
fn wrapped(first: u64, data: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    for (number, entries) in (first..).zip(data.chunks(1 << 8)) {
        let start = file.len();
        file.extend((entries.len() as u32).to_le_bytes());
        file.extend(number.to_le_bytes());
        file.extend(entries);
        file.extend(crc32fast::hash(&file[start..]).to_le_bytes());
    }
    file
}

fn read(files: &[Vec<u8>], applied: u64) {
    let Ok((numbers, _)) = list_redo_log(files, applied) else { return };
    let count = numbers.len() as u64;
    assert!(numbers.into_iter().eq(applied + 1..=applied + count), "in order, without a gap");
}

fuzz_target!(|data: &[u8]| {
    let Some((&[shape, cut], data)) = data.split_first_chunk::<2>() else { return };
    let (left, right) = data.split_at(data.len() * usize::from(cut) / 256);
    let applied = u64::from(shape >> 4);
    let files = match shape & 3 {
        0 => [left.to_vec(), right.to_vec()],
        1 => [wrapped(applied + 1, left), right.to_vec()],
        2 => [wrapped(applied + 1, left), wrapped(applied + 1 + left.len().div_ceil(256) as u64, right)],
        _ => [wrapped(applied + 3, left), wrapped(1, right)],
    };
    read(&files, applied);
});
