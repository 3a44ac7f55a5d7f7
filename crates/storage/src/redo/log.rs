//! The log on disk: two files in turn. While the records of one are written to the tables, the other takes new ones; then it
//! is written over from its beginning, which costs no allocation of blocks.

use super::{Layer, file::LogFile};
use crate::{CrashPoint, StorageError};
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Names of the files, in the folder of the store.
const FILES: [&str; 2] = ["redo.0", "redo.1"];
/// First bytes of a file; the digit is the format.
pub(super) const MAGIC: &[u8; 8] = b"WEIRRED1";

/// The log of one store, which one writer at a time appends to.
pub(crate) struct Log<F = File> {
    files: [F; 2],
    /// Names for errors.
    paths: [PathBuf; 2],
    /// The file that takes records.
    current: usize,
    /// Where in it the next one begins.
    end: u64,
    /// Number of the last record.
    sequence: u64,
    /// Bytes of the last record.
    last_bytes: usize,
    /// Why a sync failed: nothing is written after it.
    poison: Option<StorageError>,
}

fn failed(path: &Path, error: io::Error) -> StorageError {
    StorageError::Io { path: path.to_owned(), error: Arc::new(error) }
}

/// The records behind number `applied` that are in the folder, oldest first. Nothing is changed.
pub(crate) fn read(folder: &Path, applied: u64) -> Result<Vec<Layer>, StorageError> {
    let mut files = Vec::with_capacity(FILES.len());
    for name in FILES {
        let path = folder.join(name);
        match fs::read(&path) {
            Ok(file) => files.push(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(&path, error)),
        }
    }
    records(&files, applied)
}

/// The records behind number `applied` in the contents of the files, oldest first.
pub(super) fn records(files: &[Vec<u8>], applied: u64) -> Result<Vec<Layer>, StorageError> {
    let mut layers = Vec::new();
    for file in files {
        layers.extend(records_of(file)?);
    }
    layers.retain(|layer| applied < layer.sequence());
    layers.sort_by_key(Layer::sequence);
    let is_whole =
        layers.iter().map(Layer::sequence).eq(applied + 1..=applied + layers.len() as u64);
    if is_whole { Ok(layers) } else { Err(malformed()) }
}

const fn malformed() -> StorageError {
    StorageError::Malformed { table: "redo log" }
}

/// The records of a file. The first that does not carry the number after the one before is what is left of an earlier turn.
fn records_of(file: &[u8]) -> Result<Vec<Layer>, StorageError> {
    let Some(mut rest) = file.strip_prefix(MAGIC) else {
        // Torn while it was made.
        return if MAGIC.starts_with(file) { Ok(Vec::new()) } else { Err(malformed()) };
    };
    let mut layers: Vec<Layer> = Vec::new();
    while let Some(layer) = Layer::parse(rest) {
        if layers.last().is_some_and(|last| last.sequence() + 1 != layer.sequence()) {
            break;
        }
        rest = &rest[layer.record().len()..];
        layers.push(layer);
    }
    Ok(layers)
}

impl Log {
    /// Opens the log for records behind number `applied`, making its files if need be. Records that are there are written
    /// over: [`read`] them before. With `fresh` they are cut off at once, because they are of no store.
    pub(crate) fn open(folder: &Path, applied: u64, fresh: bool) -> Result<Self, StorageError> {
        let paths = FILES.map(|name| folder.join(name));
        let open = |path: &PathBuf| open_file(path, fresh).map_err(|error| failed(path, error));
        let files = [open(&paths[0])?, open(&paths[1])?];
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| failed(folder, error))?;
        Ok(Self::new(files, paths, applied))
    }
}

fn open_file(path: &Path, fresh: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(fresh).open(path)?;
    if file.metadata()?.len() < MAGIC.len() as u64 {
        LogFile::write_at(&mut file, MAGIC, 0)?;
        file.sync_all()?;
    }
    Ok(file)
}

impl<F: LogFile> Log<F> {
    /// A log in files that have their first bytes.
    pub(super) fn new(files: [F; 2], paths: [PathBuf; 2], applied: u64) -> Self {
        let end = MAGIC.len() as u64;
        Self { files, paths, current: 0, end, sequence: applied, last_bytes: 0, poison: None }
    }

    /// Seals the layer with the next number and makes it durable.
    ///
    /// # Errors
    /// [`StorageError::Io`]: if writing failed, nothing is taken and the next record comes in its place; if syncing failed, the
    /// record may be there after a restart, and the log takes no more.
    pub(crate) fn append(&mut self, mut layer: Layer) -> Result<Layer, StorageError> {
        if let Some(poison) = &self.poison {
            return Err(poison.clone());
        }
        layer.seal(self.sequence + 1);
        let (file, path) = (&mut self.files[self.current], &self.paths[self.current]);
        file.write_at(layer.record(), self.end).map_err(|error| failed(path, error))?;
        CrashPoint::BlockSync.pass();
        if let Err(error) = file.sync() {
            // The system may have dropped the pages: what is on disk is not known.
            return Err(self.poison.insert(failed(path, error)).clone());
        }
        self.end += layer.record().len() as u64;
        self.sequence += 1;
        self.last_bytes = layer.record().len();
        Ok(layer)
    }

    /// Bytes of the last record: what the next one may take.
    pub(crate) const fn last_bytes(&self) -> usize {
        self.last_bytes
    }

    /// Begins the other file, all of whose records are in the tables.
    pub(crate) const fn turn(&mut self) {
        self.current = 1 - self.current;
        self.end = MAGIC.len() as u64;
    }
}
