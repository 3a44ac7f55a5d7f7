//! The journal as its users hold it.

use super::{
    format::JournalRecord,
    writer::{self, Command, Writer},
};
use crate::JournalError;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Called on the journal's thread once a record is as durable as [`Durability`] says, or with why it is not.
///
/// It must be short: every later record waits for it.
pub type OnDurable = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// When a record counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`, which is shared by all records that came while the one before was running. Survives power loss.
    Always,
    /// After `write`; synced at least this often. Survives `kill -9`, but power loss may take records this old.
    Interval(Duration),
    /// After `write`; synced when the system pleases. Survives `kill -9`.
    None,
}

/// How a journal is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalOptions {
    /// When a record counts as written.
    pub durability: Durability,
    /// Records that may wait for the writer; more are refused.
    pub queue_records: usize,
}

impl Default for JournalOptions {
    /// Every record synced; 65,536 may wait (two seconds of transactions at the design rate).
    fn default() -> Self {
        Self { durability: Durability::Always, queue_records: 65_536 }
    }
}

/// An append-only file of records, written by a thread of its own.
///
/// Dropping it writes what is queued, syncs and closes the file.
pub struct Journal {
    commands: Option<SyncSender<Command>>,
    thread: Option<JoinHandle<()>>,
    bytes: Arc<AtomicU64>,
    waiting: Arc<AtomicU64>,
    path: PathBuf,
    queue_records: usize,
    cut_bytes: u64,
    failure: Arc<OnceLock<JournalError>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal in `dir`, making both if need be, and returns its records, oldest first.
    ///
    /// A tail that is not whole, as a crash leaves it, is cut off: see [`Journal::cut_bytes`].
    pub fn open(
        dir: &Path,
        options: JournalOptions,
    ) -> Result<(Self, Vec<JournalRecord>), JournalError> {
        let opened = writer::open(dir)?;
        let bytes = Arc::new(AtomicU64::new(opened.file_bytes));
        let waiting = Arc::new(AtomicU64::new(0));
        let (commands, queue) = sync_channel(options.queue_records);
        let failure = Arc::new(OnceLock::new());
        let writer = Writer::new(
            opened.files,
            opened.path.clone(),
            options.durability,
            Arc::clone(&bytes),
            Arc::clone(&waiting),
            Arc::clone(&failure),
        );
        let thread = std::thread::Builder::new()
            .name("weir-journal".into())
            .spawn(move || writer.run(&queue))
            .map_err(|error| JournalError::Io { path: dir.to_owned(), error: Arc::new(error) })?;
        let journal = Self {
            commands: Some(commands),
            thread: Some(thread),
            bytes,
            waiting,
            path: opened.path,
            queue_records: options.queue_records,
            cut_bytes: opened.cut_bytes,
            failure,
        };
        Ok((journal, opened.records))
    }

    /// Queues a record; never blocks. `on_durable` is called once if, and only if, this answers `Ok`.
    ///
    /// A record that is refused takes those with it that are queued behind it: none is in the file without what was appended
    /// before it, unless it was appended after that had been refused.
    pub fn append(&self, record: JournalRecord, on_durable: OnDurable) -> Result<(), JournalError> {
        record.check()?;
        let commands = self.commands.as_ref().ok_or(JournalError::Closed)?;
        // Before it is queued: the writer may have answered it when this returns.
        self.waiting.fetch_add(1, Ordering::Relaxed);
        commands.try_send(Command::Append { record, on_durable }).map_err(|error| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => JournalError::QueueFull { records: self.queue_records },
                TrySendError::Disconnected(_) => JournalError::Closed,
            }
        })
    }

    /// Replaces the contents by `keep`, atomically: after a crash the file holds the old contents or the new.
    ///
    /// Records appended before this call and not in `keep` are gone; those appended after it follow `keep`.
    /// Blocks until the new file is on disk, whatever the durability.
    pub fn rotate(&self, keep: Vec<JournalRecord>) -> Result<(), JournalError> {
        self.begin_rotate(keep)?.wait()
    }

    /// Like [`Self::rotate`], but returns once the replacement is queued: its place among the appends is fixed then,
    /// so a lock that orders the two need not be held while the disk works.
    pub fn begin_rotate(&self, keep: Vec<JournalRecord>) -> Result<Rotation, JournalError> {
        keep.iter().try_for_each(JournalRecord::check)?;
        let (done, answer) = sync_channel(1);
        let commands = self.commands.as_ref().ok_or(JournalError::Closed)?;
        commands.send(Command::Rotate { keep, done }).map_err(|_| JournalError::Closed)?;
        Ok(Rotation { answer })
    }

    /// Why the journal takes nothing any more, if it failed.
    pub fn failure(&self) -> Option<&JournalError> {
        self.failure.get()
    }

    /// Records that were appended and not answered yet.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Bytes in the file.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Bytes of a torn tail that were cut off when the journal was opened; zero after a clean stop.
    pub const fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A replacement of the journal's contents that is queued.
#[derive(Debug)]
#[must_use = "the contents are replaced only when `wait` says so"]
pub struct Rotation {
    answer: Receiver<Result<(), JournalError>>,
}

impl Rotation {
    /// Waits until the new file is on disk.
    pub fn wait(self) -> Result<(), JournalError> {
        self.answer.recv().map_err(|_| JournalError::Closed)?
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the journal's thread panicked: a callback did, or the journal has a bug");
        }
    }
}
