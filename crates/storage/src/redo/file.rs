//! What the redo log does to the disk: an interface, so that a test can let it fail.

use std::{fs::File, io, os::unix::fs::FileExt};

/// A file of the log.
pub(crate) trait LogFile: Send {
    /// Writes at an offset; after an error a part may be written.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl LogFile for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
