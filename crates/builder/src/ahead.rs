//! The state trie at work on a block that is still open.

use crate::{BlockBuilder, BuildError};
use alloy_primitives::{U256, map::AddressMap};
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
use weir_evm::{BodyRoots, Recent, RecentWrite, StateRead};
use weir_primitives::{AccountDiff, SlotDiff, StateDiff};
use weir_storage::KeyHashes;
use weir_trie::{HashedDiff, NodeSource, StateTrie, TrieError};

/// Steps that may wait for the trie; then the block waits, too.
const STEPS_WAITING_MAX: usize = 64;

/// After hashing, so many times as long passes before it is done again: upper nodes change in each step, and what is hashed
/// in vain is a small part of the time then.
const HASHING_RESTS: u32 = 8;

/// What of a block is done before its end: the roots of its body so far, and in the trie the changes of leaves that were
/// there before the block, which leave the trie's form as it is. Leaves that the block makes or deletes wait for its end,
/// because what is undone again would visit nodes that the block as a whole does not need.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    accounts: AddressMap<AccountDiff>,
    keys: KeyHashes,
    body: BodyRoots,
    /// What was read in steps that nobody came to.
    unread: Vec<StateRead>,
}

impl Applied {
    /// Hashes what joined the body, walks to what was read, so that it is in memory and a witness shows it, and applies
    /// what was written.
    fn advance(
        &mut self,
        recent: &Recent,
        trie: &mut StateTrie,
        nodes: &dyn NodeSource,
    ) -> Result<(), TrieError> {
        let Recent { reads, writes, executed } = recent;
        self.body.extend(executed.iter().map(|(tx, receipt)| (&**tx, receipt)));
        let written = writes.iter().map(|write| write.address);
        let addresses = reads.iter().map(|(address, _)| *address).chain(written);
        let slots = writes.iter().flat_map(|write| &write.slots).map(|one| one.slot);
        self.keys.learn(addresses, reads.iter().filter_map(|(_, slot)| *slot).chain(slots));
        let mut step = StateDiff::default();
        for RecentWrite { address, before, now, slots } in writes {
            let slots =
                slots.iter().map(|one| (one.slot, SlotDiff { before: one.before, after: one.now }));
            let change = AccountDiff {
                before: Some(*before),
                after: Some(*now),
                is_storage_wiped: false,
                slots: slots.collect(),
            };
            let applied = self.accounts.entry(*address).or_default();
            applied.slots.extend(&change.slots);
            (applied.before, applied.after) = (change.before, change.after);
            step.accounts.insert(*address, change);
        }
        self.read(reads, &step, trie, nodes)?;
        if step.accounts.is_empty() {
            Ok(())
        } else {
            trie.apply(&self.keys.hash_diff(&step), nodes)
        }
    }

    /// Walks the trie to what was read and is not written by `diff`, which is applied next and walks there, too.
    fn read(
        &self,
        reads: &[StateRead],
        diff: &StateDiff,
        trie: &mut StateTrie,
        nodes: &dyn NodeSource,
    ) -> Result<(), TrieError> {
        for (address, slot) in reads {
            let change = diff.accounts.get(address);
            match slot {
                None if change.is_none() => {
                    trie.account(self.keys.address(address), nodes)?;
                }
                Some(slot) if !change.is_some_and(|change| writes_slot(change, slot)) => {
                    trie.slot(self.keys.address(address), self.keys.slot(slot), nodes)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the trie to the state after `diff`, the whole block's; `reads` are those after the last step. Answers the diff
    /// with hashed keys.
    pub(crate) fn complete(
        &self,
        diff: &StateDiff,
        reads: &[StateRead],
        trie: &mut StateTrie,
        nodes: &dyn NodeSource,
    ) -> Result<HashedDiff, TrieError> {
        if trie.is_witnessed() {
            self.read(&self.unread, diff, trie, nodes)?;
            self.read(reads, diff, trie, nodes)?;
        }
        let hashed = self.keys.hash_diff(diff);
        match self.rest(diff) {
            None => trie.apply(&hashed, nodes)?,
            Some(rest) => trie.apply(&self.keys.hash_diff(&rest), nodes)?,
        }
        Ok(hashed)
    }

    /// Roots of the transactions and receipts so far.
    pub(crate) fn take_body(&mut self) -> BodyRoots {
        std::mem::take(&mut self.body)
    }

    /// What is left to apply so that the trie is that of the state after `diff`; `None` if all of it is.
    fn rest(&self, diff: &StateDiff) -> Option<StateDiff> {
        if self.accounts.is_empty() {
            return None;
        }
        let mut rest = StateDiff::default();
        for (address, change) in &diff.accounts {
            let left = match self.accounts.get(address) {
                Some(applied) => left(applied, change),
                None => Some(change.clone()),
            };
            rest.accounts.extend(left.map(|left| (*address, left)));
        }
        for (address, applied) in &self.accounts {
            if !diff.accounts.contains_key(address) {
                rest.accounts.insert(*address, undone(applied));
            }
        }
        Some(rest)
    }
}

/// What is left of an account's change.
fn left(applied: &AccountDiff, change: &AccountDiff) -> Option<AccountDiff> {
    if change.is_storage_wiped || change.after.is_none() {
        return Some(change.clone());
    }
    let mut left = AccountDiff { slots: Default::default(), ..change.clone() };
    for (slot, change) in &change.slots {
        if applied.slots.get(slot).is_none_or(|applied| applied.after != change.after) {
            left.slots.insert(*slot, *change);
        }
    }
    let unchanged = applied.slots.iter().filter(|(slot, _)| !change.slots.contains_key(*slot));
    left.slots.extend(unchanged.map(|(slot, applied)| (*slot, inverse(*applied))));
    (!left.slots.is_empty() || applied.after != change.after).then_some(left)
}

/// The way back of an account that is as it was before the block.
fn undone(applied: &AccountDiff) -> AccountDiff {
    AccountDiff {
        before: applied.after,
        after: applied.before,
        is_storage_wiped: false,
        slots: applied.slots.iter().map(|(slot, applied)| (*slot, inverse(*applied))).collect(),
    }
}

const fn inverse(change: SlotDiff) -> SlotDiff {
    SlotDiff { before: change.after, after: change.before }
}

/// Whether the change of an account writes this slot where it is, and does not do away with it together with others.
fn writes_slot(change: &AccountDiff, slot: &U256) -> bool {
    change.after.is_some() && !change.is_storage_wiped && change.slots.contains_key(slot)
}

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
                    applied.unread.extend(recent.reads);
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
