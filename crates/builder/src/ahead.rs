//! The state trie at work on a block that is still open.

mod applied;
pub(crate) use applied::Applied;

use crate::{BlockBuilder, BuildError};
use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};
use weir_evm::Recent;
use weir_trie::{NodeSource, StateTrie, TrieError};

/// Steps that may wait for the trie; then the block waits, too.
const STEPS_WAITING_MAX: usize = 64;

/// After hashing, so many times as long passes before it is done again: upper nodes change in each step, and what is hashed
/// in vain is a small part of the time then.
const HASHING_RESTS: u32 = 8;

/// The trie of the parent's state, changed step by step on a thread of its own while the block is executed on another.
///
/// Dropping it drops the trie, which is of no use when the block is not sealed: it is ahead of the parent's state.
pub struct TrieAhead {
    steps: Option<SyncSender<Recent>>,
    /// The block is full: what is left is done at once, on all cores.
    is_full: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(StateTrie, Applied), TrieError>>>,
}

impl fmt::Debug for TrieAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrieAhead").finish_non_exhaustive()
    }
}

impl TrieAhead {
    /// Takes the trie of the state that `builder` stands on; nodes are loaded from `nodes`.
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn begin(
        builder: &mut BlockBuilder,
        trie: StateTrie,
        nodes: Arc<dyn NodeSource>,
    ) -> io::Result<Self> {
        builder.note_writes();
        let (steps, queue) = sync_channel(STEPS_WAITING_MAX);
        let is_full = Arc::new(AtomicBool::new(false));
        let worker = Worker { trie, nodes, queue, is_full: Arc::clone(&is_full) };
        let thread =
            std::thread::Builder::new().name("weir-trie".into()).spawn(move || worker.work())?;
        Ok(Self { steps: Some(steps), is_full, thread: Some(thread) })
    }

    /// Hands over what the block has done since the last call.
    pub fn advance(&self, builder: &mut BlockBuilder) {
        if let Some(steps) = &self.steps {
            // If the thread has ended, `finish` says why.
            let _ = steps.send(builder.take_recent());
        }
    }

    /// Takes the trie back, with which the block is then sealed. Steps that still wait are left to that.
    ///
    /// # Errors
    /// [`BuildError::StateRoot`] if a node cannot be loaded.
    ///
    /// # Panics
    /// If its thread did.
    pub fn finish(mut self, builder: &mut BlockBuilder) -> Result<StateTrie, BuildError> {
        self.is_full.store(true, Ordering::Relaxed);
        drop(self.steps.take());
        let thread = self.thread.take().expect("it is taken here and when dropped");
        let worked = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (trie, applied) = worked?;
        builder.set_applied(applied);
        Ok(trie)
    }
}

impl Drop for TrieAhead {
    fn drop(&mut self) {
        self.is_full.store(true, Ordering::Relaxed);
        drop(self.steps.take());
        if let Some(thread) = self.thread.take() {
            // What it made of the block nobody needs.
            let _ = thread.join();
        }
    }
}

/// The thread beside the execution.
struct Worker {
    trie: StateTrie,
    nodes: Arc<dyn NodeSource>,
    queue: Receiver<Recent>,
    is_full: Arc<AtomicBool>,
}

impl Worker {
    /// Applies steps until the block is full. Whenever no step waits and hashing has rested long enough, it hashes what is
    /// changed.
    fn work(mut self) -> Result<(StateTrie, Applied), TrieError> {
        let mut applied = Applied::default();
        let (mut is_stale, mut hash_from) = (false, Instant::now());
        loop {
            let rest = hash_from.saturating_duration_since(Instant::now());
            let next = match is_stale {
                true => self.queue.recv_timeout(rest),
                false => self.queue.recv().map_err(RecvTimeoutError::from),
            };
            match next {
                Ok(recent) if self.is_full.load(Ordering::Relaxed) => {
                    applied.leave(recent.reads);
                }
                Ok(recent) => {
                    applied.advance(&recent, &mut self.trie, &*self.nodes)?;
                    is_stale = true;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let began = Instant::now();
                    self.trie.root();
                    is_stale = false;
                    hash_from = Instant::now() + began.elapsed() * HASHING_RESTS;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok((self.trie, applied)),
            }
        }
    }
}
