//! The journal's thread: takes what is queued, writes it, syncs once, answers all.

use super::{
    disk::{Disk, Files, JOURNAL_FILE, ReplaceError, sync_dir},
    format::{self, JournalRecord},
    handle::{Durability, OnDurable},
};
use crate::{CrashPoint, JournalError};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

const LOCK_FILE: &str = "journal.lock";

/// Bytes after which a group is written even if more records wait: bounds latency and memory.
pub(super) const GROUP_BYTES_MAX: usize = 4 << 20;

/// A group at least this large says that the journal is busy: the next one is given time to gather.
const BUSY_RECORDS_MIN: usize = 4;
/// How long a busy journal gathers. One sync for more records costs the machine less than it costs each of them.
const GATHER_TIME: Duration = Duration::from_micros(300);

/// What the thread is asked to do.
pub(super) enum Command {
    Append { record: JournalRecord, on_durable: OnDurable },
    Rotate { keep: Vec<JournalRecord>, done: SyncSender<Result<(), JournalError>> },
}

/// A journal as it was found.
pub(super) struct Opened {
    pub(super) files: Files,
    pub(super) path: PathBuf,
    pub(super) records: Vec<JournalRecord>,
    pub(super) file_bytes: u64,
    pub(super) cut_bytes: u64,
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> JournalError + use<> {
    let path = path.to_owned();
    |error| JournalError::Io { path, error: Arc::new(error) }
}

/// Locks the directory, reads the records and cuts a torn tail.
pub(super) fn open(dir: &Path) -> Result<Opened, JournalError> {
    fs::create_dir_all(dir).map_err(failed(dir))?;
    let lock = lock(&dir.join(LOCK_FILE))?;
    let path = dir.join(JOURNAL_FILE);
    let mut options = OpenOptions::new();
    let journal =
        options.read(true).append(true).create(true).open(&path).map_err(failed(&path))?;
    let file = fs::read(&path).map_err(failed(&path))?;
    let (records, whole) = format::parse(&file, &path)?;
    let mut files = Files { dir: dir.to_owned(), journal, lock };
    if whole < file.len() {
        files.journal.set_len(whole as u64).map_err(failed(&path))?;
        files.journal.sync_all().map_err(failed(&path))?;
    }
    if whole == 0 {
        files.journal.write_all(&format::header()).map_err(failed(&path))?;
        files.journal.sync_all().map_err(failed(&path))?;
        sync_dir(dir).map_err(failed(dir))?;
    }
    if format::version(&file).is_some_and(|found| found < format::FORMAT_VERSION) {
        mark(&path).map_err(failed(&path))?;
    }
    let file_bytes = whole.max(format::HEADER_BYTES) as u64;
    let cut_bytes = (file.len() - whole) as u64;
    Ok(Opened { files, path, records, file_bytes, cut_bytes })
}

/// Writes the present version into the header of a journal of an earlier one, whose records are all of the present one, too:
/// what is appended may not be of the earlier one.
fn mark(path: &Path) -> io::Result<()> {
    // A handle that appends would write at the end.
    let file = OpenOptions::new().write(true).open(path)?;
    file.write_all_at(&format::FORMAT_VERSION.to_le_bytes(), format::VERSION_OFFSET)?;
    file.sync_all()
}

fn lock(path: &Path) -> Result<File, JournalError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(failed(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(path)(error)),
    }
}

/// The state of the thread.
pub(super) struct Writer<D = Files> {
    disk: D,
    path: PathBuf,
    durability: Durability,
    bytes: Arc<AtomicU64>,
    /// Records that are not answered yet.
    unanswered: Arc<AtomicU64>,
    /// Records of the present group, encoded.
    buffer: Vec<u8>,
    waiting: Vec<OnDurable>,
    /// Records in the group before.
    last_group: usize,
    /// When the oldest byte that is written and not synced was written.
    unsynced_since: Option<Instant>,
    /// The first failure that left the file in doubt. Nothing is written after it.
    poison: Arc<OnceLock<JournalError>>,
}

impl<D: Disk> Writer<D> {
    pub(super) const fn new(
        disk: D,
        path: PathBuf,
        durability: Durability,
        bytes: Arc<AtomicU64>,
        unanswered: Arc<AtomicU64>,
        poison: Arc<OnceLock<JournalError>>,
    ) -> Self {
        Self {
            disk,
            path,
            durability,
            bytes,
            unanswered,
            buffer: Vec::new(),
            waiting: Vec::new(),
            last_group: 0,
            unsynced_since: None,
            poison,
        }
    }

    /// Serves the queue until every sender is gone, then syncs.
    pub(super) fn run(mut self, queue: &Receiver<Command>) {
        loop {
            match self.next(queue) {
                Ok(command) => self.serve(command, queue),
                Err(RecvTimeoutError::Timeout) => self.sync_if_due(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.unsynced_since.is_some() {
            // Nobody waits any more; a failure is what the next start finds.
            let _ = self.sync();
        }
    }

    /// Waits for a command, or until a sync is due.
    fn next(&self, queue: &Receiver<Command>) -> Result<Command, RecvTimeoutError> {
        match self.until_due() {
            Some(wait) => queue.recv_timeout(wait),
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn until_due(&self) -> Option<Duration> {
        match (self.durability, self.unsynced_since) {
            (Durability::Interval(interval), Some(since)) if self.poison.get().is_none() => {
                Some(interval.saturating_sub(since.elapsed()))
            }
            _ => None,
        }
    }

    fn sync_if_due(&mut self) {
        if self.until_due() == Some(Duration::ZERO) {
            // What was answered already cannot be taken back; the next record is refused.
            let _ = self.sync();
        }
    }

    /// Serves `first` and what waits behind it, up to a rotation or a full group.
    pub(super) fn serve(&mut self, first: Command, queue: &Receiver<Command>) {
        if self.durability == Durability::Always && self.last_group >= BUSY_RECORDS_MIN {
            std::thread::sleep(GATHER_TIME);
        }
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Append { record, on_durable } => {
                    record.encode(&mut self.buffer);
                    self.waiting.push(on_durable);
                    if self.buffer.len() < GROUP_BYTES_MAX {
                        next = queue.try_recv().ok();
                    }
                }
                Command::Rotate { keep, done } => {
                    // What it keeps stands in for records before it, also for those that are refused here.
                    let _ = self.flush();
                    self.serve_rotation(&keep, &done);
                }
            }
        }
        if let Err(error) = self.flush() {
            self.refuse_queued(&error, queue);
        }
        self.sync_if_due();
    }

    fn serve_rotation(
        &mut self,
        keep: &[JournalRecord],
        done: &SyncSender<Result<(), JournalError>>,
    ) {
        let result = self.rotate(keep);
        // The caller waits for the answer; if it is gone, nobody needs it.
        let _ = done.send(result);
    }

    /// Refuses what was queued behind a group that was not written, up to a rotation: a record may build upon one before it,
    /// and must not be there without that.
    fn refuse_queued(&mut self, error: &JournalError, queue: &Receiver<Command>) {
        for _ in 0..self.unanswered.load(Ordering::Relaxed) {
            match queue.try_recv() {
                Ok(Command::Append { on_durable, .. }) => {
                    self.unanswered.fetch_sub(1, Ordering::Relaxed);
                    on_durable(Err(error.clone()));
                }
                Ok(Command::Rotate { keep, done }) => return self.serve_rotation(&keep, &done),
                Err(_) => return,
            }
        }
    }

    /// Writes the group and answers its records.
    fn flush(&mut self) -> Result<(), JournalError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.last_group = self.waiting.len();
        let result = match self.poison.get() {
            Some(poison) => Err(poison.clone()),
            None => self.write_group(),
        };
        self.buffer.clear();
        self.unanswered.fetch_sub(self.waiting.len() as u64, Ordering::Relaxed);
        for on_durable in self.waiting.drain(..) {
            on_durable(result.clone());
        }
        result
    }

    fn write_group(&mut self) -> Result<(), JournalError> {
        CrashPoint::JournalWrite.pass();
        if let Err(error) = self.disk.append(&self.buffer) {
            return Err(self.undo(error));
        }
        self.bytes.fetch_add(self.buffer.len() as u64, Ordering::Relaxed);
        self.unsynced_since.get_or_insert_with(Instant::now);
        CrashPoint::JournalSync.pass();
        if self.durability == Durability::Always {
            self.sync()?;
        }
        CrashPoint::JournalAnswer.pass();
        Ok(())
    }

    /// Cuts off what a failed write left. The disk may have room again later, so the journal is not given up, unless
    /// nothing can be cut either.
    fn undo(&mut self, error: io::Error) -> JournalError {
        match self.disk.cut(self.bytes.load(Ordering::Relaxed)) {
            Ok(()) => JournalError::NotWritten { path: self.path.clone(), error: Arc::new(error) },
            Err(_) => self.fail(error),
        }
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        match self.disk.sync() {
            Ok(()) => {
                self.unsynced_since = None;
                Ok(())
            }
            // The system may have dropped the pages: nothing written since the last sync can be relied upon.
            Err(error) => Err(self.fail(error)),
        }
    }

    fn rotate(&mut self, keep: &[JournalRecord]) -> Result<(), JournalError> {
        if let Some(poison) = self.poison.get() {
            return Err(poison.clone());
        }
        let mut contents = format::header().to_vec();
        keep.iter().for_each(|record| record.encode(&mut contents));
        self.disk.replace(&contents).map_err(|error| match error {
            ReplaceError::Unchanged(error) => {
                JournalError::NotWritten { path: self.path.clone(), error: Arc::new(error) }
            }
            ReplaceError::InDoubt(error) => self.fail(error),
        })?;
        self.unsynced_since = None;
        self.bytes.store(contents.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Gives the journal up.
    fn fail(&mut self, error: io::Error) -> JournalError {
        self.unsynced_since = None;
        let (path, error) = (self.path.clone(), Arc::new(error));
        self.poison.get_or_init(|| JournalError::Io { path, error }).clone()
    }
}
