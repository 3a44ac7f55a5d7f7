//! Files to the disk, without the engine waiting for it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::JoinHandle,
};

/// A file to sync, and who waits for it.
struct Request {
    file: Option<File>,
    done: Option<SyncSender<io::Result<()>>>,
}

/// A thread that syncs files. One request waits at most: whoever finds it waiting need not ask again, as a sync takes all that was
/// written before it begins.
#[derive(Debug)]
pub(super) struct Syncer {
    requests: Option<SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// A thread for the files of a folder.
    pub(super) fn start(folder: PathBuf) -> io::Result<Self> {
        let (requests, waiting) = sync_channel(1);
        let thread = std::thread::Builder::new().name("weir-spill-sync".to_owned());
        let thread = thread.spawn(move || serve(&folder, &waiting))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Asks for a sync of the file without waiting for it.
    pub(super) fn ask(&self, file: impl FnOnce() -> io::Result<File>) -> io::Result<()> {
        if let Some(requests) = &self.requests {
            // If there is no room, one has not begun yet: it takes this write, too, or if it is of the file before, the next
            // block asks again.
            let request = Request { file: Some(file()?), done: None };
            let _ = requests.try_send(request);
        }
        Ok(())
    }

    /// Waits for a sync of the file and of its name.
    pub(super) fn sync(&self, file: Option<File>) -> io::Result<()> {
        let (done, answer) = sync_channel(1);
        let gone = || io::Error::other("thread that syncs has ended");
        let requests = self.requests.as_ref().ok_or_else(gone)?;
        requests.send(Request { file, done: Some(done) }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("thread that syncs spilled snapshots has panicked");
        }
    }
}

fn serve(folder: &Path, waiting: &Receiver<Request>) {
    while let Ok(Request { file, done }) = waiting.recv() {
        // The name of a new file is in its folder.
        let synced = file.map_or(Ok(()), |file| file.sync_data());
        let synced = synced.and_then(|()| File::open(folder)?.sync_data());
        if let Err(error) = &synced {
            tracing::error!(%error, folder = %folder.display(), "spilled snapshots are not synced");
            metrics::counter!("weir_arena_spill_sync_errors_total").increment(1);
        }
        if let Some(done) = done {
            // Whoever asked may have given up.
            let _ = done.send(synced);
        }
    }
}
