//! The file, byte by byte. All integers are little-endian.
//!
//! ```text
//! header   8 bytes  "WEIRJRNL"
//!          4 bytes  format version
//! record   4 bytes  length n of the payload
//!          1 byte   type
//!          n bytes  payload
//!          4 bytes  CRC-32 (IEEE) of the length, type and payload
//! ```

use crate::JournalError;
use std::path::Path;

const MAGIC: &[u8; 8] = b"WEIRJRNL";
/// Version 1 had no records of accepted transactions with their sender, version 2 none of bundles; a program that knows no later
/// one would pass over them.
pub(super) const FORMAT_VERSION: u32 = 3;

/// Where in the file its version stands.
pub(super) const VERSION_OFFSET: u64 = 8;

/// Bytes of the file header.
pub(super) const HEADER_BYTES: usize = 12;

/// Bytes of a record besides its payload.
const FRAME_BYTES: usize = 4 + 1 + 4;

/// Longest payload: far above the longest transaction or batch, far below what a corrupt length would make us allocate.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// A record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    /// What the payload is; the journal's user numbers the kinds.
    pub kind: u8,
    /// The payload.
    pub payload: Vec<u8>,
}

impl JournalRecord {
    /// Bytes the record takes in the file.
    pub(super) const fn file_bytes(&self) -> usize {
        FRAME_BYTES + self.payload.len()
    }

    /// Refuses a payload that could not be read back.
    pub(super) const fn check(&self) -> Result<(), JournalError> {
        let bytes = self.payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(JournalError::RecordTooLarge { bytes, bytes_max: PAYLOAD_BYTES_MAX });
        }
        Ok(())
    }

    /// Appends the record as it stands in the file.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&(self.payload.len() as u32).to_le_bytes());
        out.push(self.kind);
        out.extend_from_slice(&self.payload);
        let crc = crc32fast::hash(&out[start..]);
        out.extend_from_slice(&crc.to_le_bytes());
    }
}

/// The header of a new file.
pub(super) fn header() -> [u8; HEADER_BYTES] {
    let mut out = [0; HEADER_BYTES];
    out[..8].copy_from_slice(MAGIC);
    out[8..].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    out
}

/// The version in the header; `None` if the file is too short for one.
pub(super) fn version(file: &[u8]) -> Option<u32> {
    let header = file.first_chunk::<HEADER_BYTES>()?;
    Some(u32::from_le_bytes([header[8], header[9], header[10], header[11]]))
}

/// A file's records, and the length up to which the file is whole; what follows is a torn tail.
///
/// A file too short for its header was torn while it was made and counts as empty.
pub(super) fn parse(file: &[u8], path: &Path) -> Result<(Vec<JournalRecord>, usize), JournalError> {
    let Some((header, _)) = file.split_first_chunk::<HEADER_BYTES>() else {
        let is_torn = self::header().starts_with(file);
        let error = JournalError::NotAJournal { path: path.to_owned() };
        return if is_torn { Ok((Vec::new(), 0)) } else { Err(error) };
    };
    if header[..8] != MAGIC[..] {
        return Err(JournalError::NotAJournal { path: path.to_owned() });
    }
    let found = version(header).unwrap_or(FORMAT_VERSION);
    if found > FORMAT_VERSION {
        return Err(JournalError::FormatTooNew { found, supported: FORMAT_VERSION });
    }
    let mut records = Vec::new();
    let mut end = HEADER_BYTES;
    while let Some(record) = parse_record(&file[end..]) {
        end += record.file_bytes();
        records.push(record);
    }
    Ok((records, end))
}

/// The record at the front; `None` if it is not whole.
fn parse_record(bytes: &[u8]) -> Option<JournalRecord> {
    let length = u32::from_le_bytes(*bytes.first_chunk::<4>()?) as usize;
    if length > PAYLOAD_BYTES_MAX {
        return None;
    }
    let covered = bytes.get(..5 + length)?;
    let crc = u32::from_le_bytes(*bytes.get(5 + length..)?.first_chunk::<4>()?);
    if crc != crc32fast::hash(covered) {
        return None;
    }
    Some(JournalRecord { kind: covered[4], payload: covered[5..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn format_is_the_documented_one() {
        let mut out = header().to_vec();
        JournalRecord { kind: 7, payload: b"ab".to_vec() }.encode(&mut out);
        let mut expected = b"WEIRJRNL\x03\0\0\0\x02\0\0\0\x07ab".to_vec();
        expected.extend_from_slice(&0xd0e6_8240_u32.to_le_bytes());
        assert_eq!(out, expected);
    }

    proptest! {
        #[test]
        fn arbitrary_files_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_journal: bool) {
            let mut file = if is_journal { header().to_vec() } else { Vec::new() };
            file.extend(bytes);
            if let Ok((_, end)) = parse(&file, Path::new("journal")) {
                prop_assert!(end <= file.len());
            }
        }

        #[test]
        fn a_flipped_bit_never_yields_a_wrong_record(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..6), at: prop::sample::Index, bit in 0u8..8) {
            let records: Vec<_> = payloads.into_iter().map(|payload| JournalRecord { kind: 1, payload }).collect();
            let mut file = header().to_vec();
            records.iter().for_each(|record| record.encode(&mut file));
            let at = HEADER_BYTES + at.index(file.len() - HEADER_BYTES);
            file[at] ^= 1 << bit;
            let (found, _) = parse(&file, Path::new("journal")).unwrap();
            prop_assert!(found.len() < records.len());
            prop_assert_eq!(&records[..found.len()], &found[..]);
        }
    }
}
