//! What the journal's thread does to the disk: an interface, so that a test can let it fail.

use crate::CrashPoint;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

pub(super) const JOURNAL_FILE: &str = "journal.log";
const NEW_FILE: &str = "journal.new";

/// Why the contents were not replaced.
#[derive(Debug)]
pub(super) enum ReplaceError {
    /// The file is as it was.
    Unchanged(io::Error),
    /// It may be the old one or the new one.
    InDoubt(io::Error),
}

/// The file of a journal.
pub(super) trait Disk: Send {
    /// Writes at the end; after an error a part may be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to this length.
    fn cut(&mut self, len: u64) -> io::Result<()>;
    /// Makes `contents` the file, durably, at once or not at all.
    fn replace(&mut self, contents: &[u8]) -> Result<(), ReplaceError>;
}

/// The open files of a journal.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) dir: PathBuf,
    pub(super) journal: File,
    /// Held for its lock.
    pub(super) lock: File,
}

impl Drop for Files {
    /// A child process that is being started holds the file open for a moment, so closing it does not free the lock at once.
    fn drop(&mut self) {
        // If it fails, closing the file frees the lock.
        let _ = self.lock.unlock();
    }
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

impl Files {
    /// Writes the new file beside the old one, synced.
    fn write_aside(&self, contents: &[u8]) -> io::Result<PathBuf> {
        let new = self.dir.join(NEW_FILE);
        let mut file = File::create(&new)?;
        file.write_all(contents)?;
        file.sync_all()?;
        Ok(new)
    }

    fn put_in_place(&mut self, new: &Path) -> io::Result<()> {
        let path = self.dir.join(JOURNAL_FILE);
        CrashPoint::JournalReplace.pass();
        fs::rename(new, &path)?;
        sync_dir(&self.dir)?;
        CrashPoint::JournalReplaced.pass();
        self.journal = OpenOptions::new().append(true).open(&path)?;
        Ok(())
    }
}

impl Disk for Files {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.journal.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.journal.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.journal.set_len(len)
    }

    fn replace(&mut self, contents: &[u8]) -> Result<(), ReplaceError> {
        let new = self.write_aside(contents).map_err(ReplaceError::Unchanged)?;
        self.put_in_place(&new).map_err(ReplaceError::InDoubt)
    }
}
