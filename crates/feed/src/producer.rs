//! The producing end: one publisher, any number of consumers that read at their own pace.

use crate::{
    Completeness, FeedEvent, FeedGates, FeedUpdate, Gap, GapReason, Heartbeat, ProducerError,
    ReorgEnd, Start, StepUpdate, Welcome,
    handshake::PROTOCOL_VERSION,
    log::{LogItem, RetainedLog},
};
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::watch;
use weir_arena::{BlockEnvelope, PoolSnapshot};

/// Items that a consumer takes from the log at once.
const READ_ITEMS_MAX: usize = 64;

#[derive(Debug)]
struct Shared {
    log: Mutex<RetainedLog>,
    retained: watch::Sender<Retained>,
    snapshot: watch::Sender<Option<Arc<PoolSnapshot>>>,
    gates: watch::Sender<Arc<FeedGates>>,
}

/// Which sequence numbers can be read.
#[derive(Debug, Clone, Copy)]
struct Retained {
    epoch: u64,
    oldest_seq: u64,
}

/// Numbers updates, keeps the last blocks, and wakes consumers. Cheap to clone; publish from one task.
///
/// Consumers are cursors into one retained log: a slow one costs no memory and never holds up the publisher.
#[derive(Debug, Clone)]
pub struct FeedProducer {
    shared: Arc<Shared>,
}

impl FeedProducer {
    /// A producer of `chain_id` that keeps `blocks_max` blocks
    /// (at least [`RETAINED_BLOCKS_MIN`](crate::RETAINED_BLOCKS_MIN)).
    ///
    /// `epoch` must differ from that of every earlier producer on the same socket, since sequence numbers start from
    /// zero: the start time in microseconds does.
    pub fn new(chain_id: u64, epoch: u64, blocks_max: usize) -> Self {
        let log = RetainedLog::new(chain_id, epoch, blocks_max);
        let retained = watch::Sender::new(retained(&log));
        let (snapshot, gates) = (watch::Sender::new(None), watch::Sender::default());
        let log = Mutex::new(log);
        Self { shared: Arc::new(Shared { log, retained, snapshot, gates }) }
    }

    /// Offers the pool states at the tip, for consumers that start from them and for the end of a reorg. Call it after
    /// each [`FeedProducer::publish`], with the arena's snapshot of the same block.
    pub fn offer_snapshot(&self, snapshot: Arc<PoolSnapshot>) {
        self.shared.snapshot.send_replace(Some(snapshot));
    }

    /// Says what may be traded on, for consumers that ask for [`CODEC_GATES`](crate::CODEC_GATES). The latest counts: one who is
    /// behind is told of it once everything before was sent.
    pub fn offer_gates(&self, gates: FeedGates) {
        self.shared.gates.send_if_modified(|held| {
            let is_new = **held != gates;
            if is_new {
                *held = Arc::new(gates);
            }
            is_new
        });
    }

    pub(crate) fn gates(&self) -> watch::Receiver<Arc<FeedGates>> {
        let mut gates = self.shared.gates.subscribe();
        // What is there counts as news to whoever has just come.
        gates.mark_changed();
        gates
    }

    /// Appends `update` to the stream, whole or not at all, and returns its events for in-process use.
    ///
    /// # Errors
    /// If the update is empty, of another chain, or does not continue the stream; nothing is published then.
    pub fn publish(
        &self,
        update: FeedUpdate,
        completeness: Completeness,
    ) -> Result<Vec<FeedEvent>, ProducerError> {
        let mut log = self.shared.log.lock();
        let events = log.append(update, completeness)?;
        let retained = retained(&log);
        drop(log);
        self.shared.retained.send_replace(retained);
        metrics::counter!("weir_feed_events_total").increment(events.len() as u64);
        Ok(events)
    }

    /// Publishes the next step of the open block, and returns its event. Steps are for who follows now: a consumer that
    /// resumes is sent those of the block that is open then. The next [`FeedProducer::publish`] supersedes them.
    ///
    /// # Errors
    /// If the step is not of the block after the tip, does not follow the step before, or the block has too many.
    pub fn publish_step(&self, update: StepUpdate) -> Result<FeedEvent, ProducerError> {
        let mut log = self.shared.log.lock();
        let event = log.append_step(update)?;
        drop(log);
        self.wake();
        Ok(event)
    }

    /// Takes all steps of the open block back: it will not be sealed as it is. `None` if there are none.
    pub fn retract_steps(&self) -> Option<FeedEvent> {
        let mut log = self.shared.log.lock();
        let event = log.retract_steps()?;
        drop(log);
        self.wake();
        Some(event)
    }

    /// Lets readers look again, though nothing was retained or dropped.
    fn wake(&self) {
        self.shared.retained.send_modify(|_| {});
    }

    /// Forgets everything and counts from zero in the next epoch: what the producer does when its next block does not
    /// follow from what it has published. Consumers are told by a [`GapReason::Epoch`] and cut.
    pub fn restart(&self) {
        let mut log = self.shared.log.lock();
        log.restart();
        let retained = retained(&log);
        drop(log);
        self.shared.retained.send_replace(retained);
    }

    /// The chain.
    pub fn chain_id(&self) -> u64 {
        self.shared.log.lock().chain_id()
    }

    /// The producer's epoch, the sequence number due next, and its tip.
    pub fn heartbeat(&self) -> Heartbeat {
        self.shared.log.lock().heartbeat()
    }

    /// A reader in this process, without bytes.
    pub fn subscribe(&self, start: Start) -> FeedSubscription {
        let (cursor, _, gap) = self.cursor(start);
        FeedSubscription { cursor, gap, ready: VecDeque::new() }
    }

    /// The block of that hash, if it is retained.
    pub(crate) fn retained_block(&self, hash: B256) -> Option<Arc<BlockEnvelope>> {
        self.shared.log.lock().block(hash)
    }

    /// Waits for a snapshot at the tip of a reorg, or above it without another reorg in between. `None` once the
    /// producer is gone. Cancel-safe.
    pub(crate) async fn snapshot_above(&self, end: &ReorgEnd) -> Option<Arc<PoolSnapshot>> {
        let is_above = |snapshot: &Option<Arc<PoolSnapshot>>| {
            let tip = snapshot.as_ref().and_then(|snapshot| snapshot.tip());
            tip.is_some_and(|tip| self.shared.log.lock().leads_to(end, tip.hash))
        };
        let mut snapshots = self.shared.snapshot.subscribe();
        let found = snapshots.wait_for(is_above).await.ok()?;
        found.clone()
    }

    pub(crate) fn cursor(&self, start: Start) -> (FeedCursor, Welcome, Option<Gap>) {
        let log = self.shared.log.lock();
        let (first_seq, gap) = log.locate(start);
        let (cursor, welcome) = self.cursor_at(&log, first_seq);
        (cursor, welcome, gap)
    }

    fn cursor_at(&self, log: &RetainedLog, first_seq: u64) -> (FeedCursor, Welcome) {
        let welcome = Welcome {
            version: PROTOCOL_VERSION,
            codec: crate::CODEC_FIXED,
            chain_id: log.chain_id(),
            epoch: log.epoch(),
            first_seq,
            oldest_seq: log.oldest_seq(),
            next_seq: log.next_seq(),
        };
        let cursor = FeedCursor {
            shared: Arc::clone(&self.shared),
            wake: self.shared.retained.subscribe(),
            epoch: log.epoch(),
            next_seq: first_seq,
            next_step: log.steps().oldest(),
        };
        (cursor, welcome)
    }

    /// Waits for a snapshot at a block of the stream, and begins after that block. `None` once the producer is gone.
    /// Cancel-safe.
    pub(crate) async fn snapshot_cursor(&self) -> Option<(FeedCursor, Welcome, Arc<PoolSnapshot>)> {
        let mut snapshots = self.shared.snapshot.subscribe();
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            if let Some(snapshot) = snapshot
                && let Some(tip) = snapshot.tip()
            {
                let log = self.shared.log.lock();
                if let Some(first_seq) = log.after(tip.hash) {
                    let (cursor, welcome) = self.cursor_at(&log, first_seq);
                    drop(log);
                    return Some((cursor, welcome, snapshot));
                }
            }
            snapshots.changed().await.ok()?;
        }
    }
}

/// What a cursor finds.
#[derive(Debug)]
pub(crate) enum Read {
    /// The next items, at least one.
    Items(Vec<Arc<LogItem>>),
    /// Everything was read; here is the producer's head.
    CaughtUp(Heartbeat),
    /// The next item is no longer retained.
    Lost(Gap),
}

/// A place in the producer's log.
#[derive(Debug)]
pub(crate) struct FeedCursor {
    shared: Arc<Shared>,
    wake: watch::Receiver<Retained>,
    epoch: u64,
    next_seq: u64,
    /// Which step is read once nothing else is left; they are counted over all blocks.
    next_step: u64,
}

fn retained(log: &RetainedLog) -> Retained {
    Retained { epoch: log.epoch(), oldest_seq: log.oldest_seq() }
}

impl FeedCursor {
    /// Takes what follows the cursor and moves it on.
    pub(crate) fn read(&mut self) -> Read {
        let log = self.shared.log.lock();
        if log.epoch() != self.epoch {
            return Read::Lost(log.gap(GapReason::Epoch, self.next_seq));
        }
        match log.read(self.next_seq, READ_ITEMS_MAX) {
            Some(items) if items.is_empty() => {
                let steps = log.steps().read(self.next_step);
                self.next_step = log.steps().next();
                if steps.is_empty() { Read::CaughtUp(log.heartbeat()) } else { Read::Items(steps) }
            }
            Some(items) => {
                self.next_seq += items.len() as u64;
                Read::Items(items)
            }
            None => Read::Lost(log.gap(GapReason::SlowConsumer, self.next_seq)),
        }
    }
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Goes on where the gap says that the stream does.
    pub(crate) fn move_to(&mut self, gap: &Gap) {
        (self.epoch, self.next_seq) = (gap.epoch, gap.next_seq);
    }

    /// Waits until something was published since the last call. Cancel-safe.
    pub(crate) async fn published(&mut self) -> Result<(), watch::error::RecvError> {
        self.wake.changed().await
    }

    /// Waits until what the cursor reads next is no longer retained. Cancel-safe.
    pub(crate) async fn overrun(&self) {
        let (mut wake, epoch, next_seq) = (self.wake.clone(), self.epoch, self.next_seq);
        let is_lost = |log: &Retained| log.epoch != epoch || log.oldest_seq > next_seq;
        if wake.wait_for(is_lost).await.is_err() {
            // The producer is gone: nobody can overrun us any more.
            std::future::pending::<()>().await;
        }
    }
}

/// A reader in the producer's process.
#[derive(Debug)]
pub struct FeedSubscription {
    cursor: FeedCursor,
    gap: Option<Gap>,
    ready: VecDeque<FeedEvent>,
}

impl FeedSubscription {
    /// The next event, or `None` once the producer is gone. A reader that falls out of the retained log is handed a
    /// [`FeedEvent::Gap`] and goes on with the oldest event that is left. Cancel-safe.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        if let Some(gap) = self.gap.take() {
            return Some(FeedEvent::Gap(gap));
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.cursor.read() {
                Read::Items(items) => {
                    self.ready.extend(items.iter().map(|item| item.event.clone()));
                }
                Read::CaughtUp(_) => self.cursor.published().await.ok()?,
                Read::Lost(gap) => {
                    self.cursor.move_to(&gap);
                    return Some(FeedEvent::Gap(gap));
                }
            }
        }
    }
}
