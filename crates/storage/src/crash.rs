//! Points between two writes, at which a test lets the process die.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU8, AtomicU64, Ordering},
};

/// What a process may have done last when power fails. Each is a place of the code where [`Self::pass`] is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CrashPoint {
    /// Records are taken from the queue, and not written to the journal.
    JournalWrite,
    /// They are written, and not synced.
    JournalSync,
    /// They are synced, and nobody knows it.
    JournalAnswer,
    /// A rewritten journal stands beside the old one.
    JournalReplace,
    /// It is in the old one's place, and nobody knows it.
    JournalReplaced,
    /// A step is in the journal, and nobody is told of it.
    StepTell,
    /// A sealed block is checked, and not stored.
    BlockStore,
    /// Its writes are gathered, and not in the store's log.
    BlockCommit,
    /// They are in the log, which is not synced.
    BlockSync,
    /// They are synced, and no reader sees them.
    BlockShow,
    /// Readers see it, and nobody is told of it.
    BlockTell,
    /// Several blocks of the log are written to the store's tables, whose transaction is not committed.
    FlushCommit,
    /// It is committed, and readers still look into the log.
    FlushShow,
    /// The intent to post a batch is durable, and nothing is sent to L1.
    BatchSend,
    /// L1 has the batch, and the outbox does not know it.
    BatchSent,
}

/// The armed point plus one; zero if none is.
static ARMED: AtomicU8 = AtomicU8::new(0);
/// How many more times it is passed alive.
static LEFT: AtomicU64 = AtomicU64::new(0);

impl CrashPoint {
    /// Every point.
    pub const ALL: [Self; 15] = [
        Self::JournalWrite,
        Self::JournalSync,
        Self::JournalAnswer,
        Self::JournalReplace,
        Self::JournalReplaced,
        Self::StepTell,
        Self::BlockStore,
        Self::BlockCommit,
        Self::BlockSync,
        Self::BlockShow,
        Self::BlockTell,
        Self::FlushCommit,
        Self::FlushShow,
        Self::BatchSend,
        Self::BatchSent,
    ];

    /// Its name, as [`FromStr`] reads it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JournalWrite => "journal-write",
            Self::JournalSync => "journal-sync",
            Self::JournalAnswer => "journal-answer",
            Self::JournalReplace => "journal-replace",
            Self::JournalReplaced => "journal-replaced",
            Self::StepTell => "step-tell",
            Self::BlockStore => "block-store",
            Self::BlockCommit => "block-commit",
            Self::BlockSync => "block-sync",
            Self::BlockShow => "block-show",
            Self::BlockTell => "block-tell",
            Self::FlushCommit => "flush-commit",
            Self::FlushShow => "flush-show",
            Self::BatchSend => "batch-send",
            Self::BatchSent => "batch-sent",
        }
    }

    /// Lets the process die when this point is passed for the `time`-th time; the first time is 1. One point is armed in a
    /// process.
    pub fn arm(self, time: u64) {
        LEFT.store(time.max(1), Ordering::SeqCst);
        ARMED.store(self as u8 + 1, Ordering::SeqCst);
    }

    /// Says that the process is here. If it is to die here it does, at once: nothing is flushed and no destructor runs.
    pub fn pass(self) {
        if ARMED.load(Ordering::Relaxed) == self as u8 + 1
            && LEFT.fetch_sub(1, Ordering::SeqCst) == 1
        {
            std::process::abort();
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No crash point has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("crash point is unknown: name={name}")]
pub struct UnknownCrashPoint {
    /// What was given.
    pub name: String,
}

impl FromStr for CrashPoint {
    type Err = UnknownCrashPoint;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|point| point.name() == name);
        found.ok_or_else(|| UnknownCrashPoint { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_has_a_name_of_its_own() {
        for (index, point) in CrashPoint::ALL.into_iter().enumerate() {
            assert_eq!(point as usize, index);
            assert_eq!(point.name().parse(), Ok(point));
            point.pass();
        }
        assert!("journal".parse::<CrashPoint>().is_err());
    }
}
