//! A journal that is read and left as it is.

use super::{JournalRecord, disk::JOURNAL_FILE, format};
use crate::JournalError;
use std::{fs, path::Path, sync::Arc};

/// What a journal's file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalContents {
    /// Version of the file's format; the present one for a file that is too short to say.
    pub format: u32,
    /// The whole records with the place of each in the file, oldest first.
    pub records: Vec<(u64, JournalRecord)>,
    /// Bytes up to the end of the last whole record.
    pub whole_bytes: u64,
    /// Bytes after it: a torn tail, which opening the journal cuts off.
    pub torn_bytes: u64,
}

impl JournalContents {
    /// Version of the format that this program writes.
    pub const SUPPORTED_FORMAT: u32 = format::FORMAT_VERSION;

    /// Reads the journal in a folder, or a journal's file. Needs no lock: the journal of a running program may have a torn
    /// tail that is about to be whole.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        let path = if path.is_dir() { path.join(JOURNAL_FILE) } else { path.to_owned() };
        let file = fs::read(&path)
            .map_err(|error| JournalError::Io { path: path.clone(), error: Arc::new(error) })?;
        Self::parse(&file, &path)
    }

    /// Reads the contents of a journal's file; `path` is what errors call it.
    pub fn parse(file: &[u8], path: &Path) -> Result<Self, JournalError> {
        let (records, whole) = format::parse(file, path)?;
        let mut offset = format::HEADER_BYTES as u64;
        let records = records.into_iter().map(|record| {
            let start = offset;
            offset += record.file_bytes() as u64;
            (start, record)
        });
        let records = records.collect();
        let torn_bytes = (file.len() - whole) as u64;
        let format = format::version(file).unwrap_or(Self::SUPPORTED_FORMAT);
        Ok(Self { format, records, whole_bytes: whole as u64, torn_bytes })
    }
}
