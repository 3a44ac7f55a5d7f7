//! Finding and reading test files.

use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use walkdir::{DirEntry, WalkDir};

/// First words of what Git leaves in place of a large file that was not downloaded.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

/// Tests of a file by name, not yet looked at.
pub(crate) type Entries = BTreeMap<String, Box<RawValue>>;

/// A file that gave no tests.
pub(crate) enum Unread {
    /// There is nothing to run in it.
    Skip(&'static str),
    /// It cannot be read or is not what its name says.
    Broken(String),
}

/// Every `.json` file under the paths, sorted. Hidden folders hold no tests.
pub(crate) fn find(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<(PathBuf, String)>) {
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for path in paths {
        let is_hidden = |entry: &DirEntry| {
            0 < entry.depth() && entry.file_name().to_string_lossy().starts_with('.')
        };
        for entry in WalkDir::new(path)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| !is_hidden(entry))
        {
            match entry {
                Ok(entry) => {
                    let is_json = entry.path().extension().is_some_and(|ending| ending == "json");
                    if entry.file_type().is_file() && (is_json || entry.depth() == 0) {
                        files.push(entry.into_path());
                    }
                }
                Err(error) => missing.push((path.clone(), error.to_string())),
            }
        }
    }
    files.dedup();
    (files, missing)
}

/// The entries of a file.
pub(crate) fn read(path: &Path) -> Result<Entries, Unread> {
    let text = fs::read(path).map_err(|error| Unread::Broken(error.to_string()))?;
    if text.starts_with(LFS_POINTER) {
        return Err(Unread::Skip("git lfs pointer, the file was not downloaded"));
    }
    serde_json::from_slice(&text).map_err(|error| Unread::Broken(error.to_string()))
}
