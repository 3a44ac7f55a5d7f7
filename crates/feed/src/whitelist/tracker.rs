//! The list as it is now, and what changed in it since the engine last looked.

use super::{
    Rejection, WhitelistAddress, WhitelistKind, WhitelistPool, WhitelistUpdate, WhitelistVersion,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};
use weir_arena::PoolId;

/// Most additions and removals remembered, to be applied again over a full list that is older than they are.
pub const DELTAS_MAX: usize = 1_024;
/// Most rows in the remembered additions and removals together.
pub const DELTA_ROWS_MAX: usize = 100_000;
/// Most updates that wait for their block.
pub const DEFERRED_MAX: usize = 64;
/// Most refused rows kept between two drains.
const REJECTED_MAX: usize = 10_000;

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhitelistOutcome {
    /// It is part of the list now.
    Applied,
    /// It waits for the block that it names.
    Deferred,
    /// It waits for the first full list, or the full list of its epoch.
    Waiting,
    /// It is older than what was applied, and ignored.
    Stale,
    /// It is a first full list without usable pools, or a full list whose rows were all refused; it is ignored.
    Unusable,
    /// Too many updates wait for their blocks; it is ignored.
    Overflow,
}

/// How often each outcome happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackerCounts {
    /// Updates that changed the list or could have.
    pub applied: u64,
    /// Updates that had to wait for a block.
    pub deferred: u64,
    /// Updates that had to wait for a full list.
    pub waiting: u64,
    /// Updates ignored because they are older than what was applied.
    pub stale: u64,
    /// Full lists ignored because no row of theirs can be used.
    pub unusable: u64,
    /// Updates ignored because too many waited.
    pub overflow: u64,
}

/// What changed between two drains, coalesced: apply `removed` first, then `added` and `unresolved`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhitelistChange {
    /// The newest version in the list, for the acknowledgement.
    pub version: Option<WhitelistVersion>,
    /// Pools that are listed no more, and those whose row changed. In order of their ids.
    pub removed: Vec<PoolId>,
    /// Pools that are listed now, and those whose row changed. In order of their ids.
    pub added: Vec<Arc<WhitelistPool>>,
    /// Pools that are listed now without tokens and fee. In order of their ids.
    pub unresolved: Vec<WhitelistAddress>,
    /// Rows refused since the last drain, the first 10,000.
    pub rejected: Vec<Rejection>,
    /// Number of updates that the change coalesces; one may change nothing.
    pub updates: u64,
}

impl WhitelistChange {
    /// Whether there is nothing to do and nothing to acknowledge.
    pub const fn is_empty(&self) -> bool {
        self.updates == 0 && self.rejected.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Listed {
    Pool(Arc<WhitelistPool>),
    Address(WhitelistAddress),
}

/// Turns updates into coalesced changes. No input or output, no clock.
///
/// - Nothing is listed before the first full list with a usable pool: the start-up barrier.
/// - An update older than what was applied is ignored; so is an addition or removal of an older epoch.
/// - An addition or removal of a newer epoch, or before the first full list, waits for the full list of its epoch.
/// - A full list that is older than additions and removals already applied does not undo them: they are applied again.
/// - A row without tokens and fee never takes the place of one with them.
#[derive(Debug, Default)]
pub struct WhitelistTracker {
    /// The list.
    listed: BTreeMap<PoolId, Listed>,
    /// The list as of the last drain.
    drained: BTreeMap<PoolId, Listed>,
    /// Pools that may differ between the two.
    touched: BTreeSet<PoolId>,
    /// Whether a full list was applied.
    is_ready: bool,
    /// Version of the last full list.
    base: Option<WhitelistVersion>,
    /// Newest version applied.
    newest: Option<WhitelistVersion>,
    /// Additions and removals newer than `base` in the order in which they are to be applied; also those that wait for
    /// their full list.
    deltas: VecDeque<WhitelistUpdate>,
    /// Newest version that was ever among the deltas.
    newest_delta: Option<WhitelistVersion>,
    delta_rows: usize,
    /// Newest version among the deltas that were forgotten: a full list below it would undo them.
    forgotten: Option<WhitelistVersion>,
    deferred: Vec<WhitelistUpdate>,
    /// Last block drained.
    block: Option<u64>,
    rejected: Vec<Rejection>,
    updates: u64,
    counts: TrackerCounts,
}

impl WhitelistTracker {
    /// An empty list behind its barrier.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an update, in the order in which they arrive.
    pub fn push(&mut self, update: WhitelistUpdate) -> WhitelistOutcome {
        let outcome = self.take(update);
        let count = match outcome {
            WhitelistOutcome::Applied => &mut self.counts.applied,
            WhitelistOutcome::Deferred => &mut self.counts.deferred,
            WhitelistOutcome::Waiting => &mut self.counts.waiting,
            WhitelistOutcome::Stale => &mut self.counts.stale,
            WhitelistOutcome::Unusable => &mut self.counts.unusable,
            WhitelistOutcome::Overflow => &mut self.counts.overflow,
        };
        *count += 1;
        outcome
    }

    /// The coalesced change since the last drain, at the end of block `block`. Updates that were to wait until this
    /// block, or an earlier one, are in it.
    pub fn drain(&mut self, block: u64) -> WhitelistChange {
        self.block = Some(block);
        self.apply_due(block);
        let mut change = WhitelistChange {
            version: self.newest,
            rejected: std::mem::take(&mut self.rejected),
            updates: std::mem::take(&mut self.updates),
            ..WhitelistChange::default()
        };
        for id in std::mem::take(&mut self.touched) {
            let (before, now) = (self.drained.get(&id), self.listed.get(&id));
            if before == now {
                continue;
            }
            if before.is_some() {
                change.removed.push(id);
            }
            match now {
                Some(Listed::Pool(pool)) => change.added.push(Arc::clone(pool)),
                Some(Listed::Address(address)) => change.unresolved.push(*address),
                None => {}
            }
            match now.cloned() {
                Some(listed) => self.drained.insert(id, listed),
                None => self.drained.remove(&id),
            };
        }
        change
    }

    /// Whether a full list with a usable pool has come.
    pub const fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// Number of pools listed.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether no pool is listed.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Whether the pool is listed.
    pub fn contains(&self, id: &PoolId) -> bool {
        self.listed.contains_key(id)
    }

    /// The ids of listed pools, ascending.
    pub fn ids(&self) -> impl Iterator<Item = PoolId> + '_ {
        self.listed.keys().copied()
    }

    /// The newest version applied.
    pub const fn version(&self) -> Option<WhitelistVersion> {
        self.newest
    }

    /// What became of all updates.
    pub const fn counts(&self) -> TrackerCounts {
        self.counts
    }

    fn take(&mut self, update: WhitelistUpdate) -> WhitelistOutcome {
        if self.is_stale(&update) {
            return WhitelistOutcome::Stale;
        }
        if self.is_unusable(&update) {
            self.keep_rejected(&update);
            return WhitelistOutcome::Unusable;
        }
        let is_early = |from| self.block.is_none_or(|block| block < from);
        if update.effective_from.is_some_and(is_early) {
            if self.deferred.len() >= DEFERRED_MAX {
                return WhitelistOutcome::Overflow;
            }
            self.deferred.push(update);
            return WhitelistOutcome::Deferred;
        }
        self.apply(update)
    }

    fn is_stale(&self, update: &WhitelistUpdate) -> bool {
        let Some(version) = update.version else { return false };
        let floor = match update.kind {
            WhitelistKind::Full => self.base.max(self.forgotten),
            WhitelistKind::Add | WhitelistKind::Remove => self.newest.max(self.newest_delta),
        };
        floor.is_some_and(|floor| version < floor)
    }

    /// An empty list is an order to list nothing; a list of which nothing is left is a mistake.
    fn is_unusable(&self, update: &WhitelistUpdate) -> bool {
        let is_empty_full = update.kind == WhitelistKind::Full && update.is_empty();
        is_empty_full && (!self.is_ready || !update.rejected.is_empty())
    }

    fn apply(&mut self, update: WhitelistUpdate) -> WhitelistOutcome {
        match update.kind {
            WhitelistKind::Full => self.apply_full(update),
            WhitelistKind::Add | WhitelistKind::Remove => self.apply_delta(update),
        }
    }

    fn apply_full(&mut self, update: WhitelistUpdate) -> WhitelistOutcome {
        self.keep_rejected(&update);
        self.updates += 1;
        self.is_ready = true;
        if update.version.is_some() {
            self.base = update.version;
            self.newest = self.newest.max(update.version);
        }
        // A list without a number is newer than all that came before it.
        let base = update.version;
        let is_newer = |other: &WhitelistUpdate| base.is_some() && other.version > base;
        self.deferred.retain(is_newer);
        // What was listed stays at hand so that a row without tokens and fee keeps those already known.
        let before = std::mem::take(&mut self.listed);
        self.touched.extend(before.keys().copied());
        self.insert(&update, &before);
        let deltas = std::mem::take(&mut self.deltas);
        self.delta_rows = 0;
        for delta in deltas.into_iter().filter(is_newer) {
            self.apply_delta(delta);
        }
        WhitelistOutcome::Applied
    }

    fn apply_delta(&mut self, mut update: WhitelistUpdate) -> WhitelistOutcome {
        let epoch = |version: Option<WhitelistVersion>| version.map(|version| version.epoch);
        let is_ahead = update.version.is_some() && epoch(update.version) > epoch(self.base);
        // Without numbers on either side there is only the order of arrival.
        let waits = !self.is_ready || (is_ahead && self.base.is_some());
        if !waits {
            self.change(&update);
            // Reported once, however often it is applied again.
            update.rejected.clear();
        }
        self.remember(update);
        if waits { WhitelistOutcome::Waiting } else { WhitelistOutcome::Applied }
    }

    /// Applies an addition or a removal to the list.
    fn change(&mut self, update: &WhitelistUpdate) {
        self.keep_rejected(update);
        self.updates += 1;
        self.newest = self.newest.max(update.version);
        for id in &update.removed {
            self.touched.insert(*id);
            self.listed.remove(id);
        }
        self.insert(update, &BTreeMap::new());
    }

    fn insert(&mut self, update: &WhitelistUpdate, before: &BTreeMap<PoolId, Listed>) {
        for pool in &update.pools {
            self.touched.insert(pool.id());
            self.listed.insert(pool.id(), Listed::Pool(Arc::new(pool.clone())));
        }
        for address in &update.unresolved {
            let known = self.listed.get(&address.id).or_else(|| before.get(&address.id));
            let known = known.filter(|listed| matches!(listed, Listed::Pool(_))).cloned();
            self.touched.insert(address.id);
            self.listed.insert(address.id, known.unwrap_or(Listed::Address(*address)));
        }
    }

    /// Keeps an addition or removal for a full list that is older than it. One without a version is older than any.
    fn remember(&mut self, update: WhitelistUpdate) {
        if update.version.is_none() {
            return;
        }
        self.newest_delta = self.newest_delta.max(update.version);
        self.delta_rows += update.len();
        self.deltas.push_back(update);
        while self.deltas.len() > DELTAS_MAX || self.delta_rows > DELTA_ROWS_MAX {
            let Some(oldest) = self.deltas.pop_front() else { break };
            self.delta_rows -= oldest.len();
            self.forgotten = self.forgotten.max(oldest.version);
        }
    }

    fn apply_due(&mut self, block: u64) {
        let is_due = |update: &WhitelistUpdate| update.effective_from.is_none_or(|at| at <= block);
        let deferred = std::mem::take(&mut self.deferred).into_iter();
        let (mut due, later): (Vec<_>, Vec<_>) = deferred.partition(is_due);
        self.deferred = later;
        // Stable: updates of one block are applied in the order in which they came.
        due.sort_by_key(|update| update.effective_from);
        for update in due {
            self.apply(update);
        }
    }

    fn keep_rejected(&mut self, update: &WhitelistUpdate) {
        let room = REJECTED_MAX - self.rejected.len();
        self.rejected.extend(update.rejected.iter().take(room).cloned());
    }
}
