//! What any bytes say as a log, for tests.

use super::{Merged, log};
use crate::{StorageError, kv::Table};

/// The numbers of the records behind number `applied` in the contents of a log's files, and how many keys they write in all,
/// each counted once.
///
/// # Errors
/// If they are no log, or a record is missing between others.
pub fn list_redo_log(files: &[Vec<u8>], applied: u64) -> Result<(Vec<u64>, usize), StorageError> {
    let layers = log::records(files, applied)?;
    let keys = Table::ALL.into_iter().map(|table| {
        let merged = Merged::new(layers.iter().rev(), table, &[]);
        let keys: Vec<&[u8]> = merged.map(|(key, _)| key).collect();
        assert!(keys.is_sorted_by(|left, right| left < right), "in order, none twice");
        keys.len()
    });
    let keys = keys.sum();
    Ok((layers.iter().map(|layer| layer.sequence()).collect(), keys))
}
