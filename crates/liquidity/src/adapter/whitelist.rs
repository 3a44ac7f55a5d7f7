//! A whitelist over NATS for an engine: changes in, acknowledgements out.

use crate::{
    EngineInput, LiquidityHandle, WhitelistApplied as EngineApplied,
    WhitelistChange as EngineChange, pool_static,
};
use std::collections::VecDeque;
use tokio::sync::mpsc;
use weir_arena::{PoolKey, PoolStatic};
use weir_feed::{
    AppliedRejection, RejectionReason, WhitelistApplied, WhitelistChange, WhitelistHandle,
    WhitelistTracker, WhitelistVersion,
};
use weir_runtime::Shutdown;

/// Changes that the engine may be behind; older ones are acknowledged with the next.
const UNACKNOWLEDGED_MAX: usize = 1_024;

/// Hands a whitelist's changes to an engine at the blocks from which they count, and answers the publisher.
#[derive(Debug)]
pub struct WhitelistFeed {
    whitelist: WhitelistHandle,
    engine: LiquidityHandle,
    inputs: mpsc::Sender<EngineInput>,
    applied: mpsc::Receiver<EngineApplied>,
    tracker: WhitelistTracker,
    is_open: bool,
    sent: VecDeque<Sent>,
}

/// A change that the engine has and has not acknowledged.
#[derive(Debug)]
struct Sent {
    /// What the engine calls it.
    id: u64,
    version: Option<WhitelistVersion>,
    rejected: Vec<AppliedRejection>,
}

impl WhitelistFeed {
    /// A feed of the engine behind `inputs` and `applied`.
    pub fn new(
        whitelist: WhitelistHandle,
        engine: LiquidityHandle,
        inputs: mpsc::Sender<EngineInput>,
        applied: mpsc::Receiver<EngineApplied>,
    ) -> Self {
        let tracker = WhitelistTracker::new();
        Self { whitelist, engine, inputs, applied, tracker, is_open: false, sent: VecDeque::new() }
    }

    /// Runs until shutdown, or until the engine or the whitelist's reader is gone.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut published = self.engine.subscribe();
        loop {
            let goes_on = tokio::select! {
                biased;
                () = shutdown.cancelled() => false,
                Some(applied) = self.applied.recv() => {
                    self.acknowledge(&applied);
                    true
                }
                update = self.whitelist.next() => match update {
                    Some(update) => {
                        self.tracker.push(update);
                        self.hand_over().await
                    }
                    None => false,
                },
                // A change may wait for the block that it names.
                changed = published.changed() => changed.is_ok() && self.hand_over().await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Gives the engine what counts by now. `false` if it is gone.
    async fn hand_over(&mut self) -> bool {
        if !self.tracker.is_ready() {
            return true;
        }
        let block = self.engine.view().head.tip().map_or(0, |tip| tip.number);
        let change = self.tracker.drain(block);
        if change.updates == 0 && change.removed.is_empty() && change.added.is_empty() {
            return true;
        }
        for input in self.inputs_of(change) {
            if self.inputs.send(EngineInput::Whitelist(input)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Removals first. The first change opens the engine's barrier.
    fn inputs_of(&mut self, change: WhitelistChange) -> Vec<EngineChange> {
        let chain_id = self.engine.chain_id();
        let mut rejected: Vec<AppliedRejection> =
            change.rejected.iter().map(AppliedRejection::from).collect();
        let mut pools: Vec<PoolStatic> = Vec::with_capacity(change.added.len());
        for row in &change.added {
            match pool_static(chain_id, row) {
                Ok(pool) => pools.push(pool),
                Err(reason) => rejected.push(rejection(row.id().to_string(), &reason)),
            }
        }
        for row in &change.unresolved {
            rejected.push(rejection(row.id.to_string(), &RejectionReason::MetadataMissing));
        }
        let snapshot_id = self.next_id();
        if self.sent.len() == UNACKNOWLEDGED_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { id: snapshot_id, version: change.version, rejected });
        if !self.is_open {
            self.is_open = !pools.is_empty();
            return vec![EngineChange::Full { snapshot_id, pools }];
        }
        let mut inputs = Vec::new();
        if !change.removed.is_empty() {
            let keys = change.removed.into_iter().map(|id| PoolKey { chain_id, id });
            inputs.push(EngineChange::Remove { snapshot_id, pools: keys.collect() });
        }
        if !pools.is_empty() {
            inputs.push(EngineChange::Add { snapshot_id, pools });
        }
        if inputs.is_empty() {
            self.confirm();
            inputs.push(EngineChange::Confirmed);
        }
        inputs
    }

    /// The engine numbers changes by what it is told; publishers may number nothing.
    fn next_id(&self) -> u64 {
        self.sent.back().map_or(1, |sent| sent.id + 1)
    }

    /// Nothing that the engine follows has changed: the publisher is answered at once.
    fn confirm(&mut self) {
        let Some(sent) = self.sent.pop_back() else { return };
        let block = self.engine.view().head.tip().map_or(0, |tip| tip.number);
        self.answer(block, (0, 0, 0), sent.version, sent.rejected);
    }

    fn acknowledge(&mut self, applied: &EngineApplied) {
        let mut rejected = Vec::new();
        let mut version = None;
        while self.sent.front().is_some_and(|sent| sent.id <= applied.snapshot_id) {
            if let Some(sent) = self.sent.pop_front() {
                rejected.extend(sent.rejected);
                version = sent.version.or(version);
            }
        }
        let refused = applied.rejected.iter().map(|(pool, refusal)| AppliedRejection {
            id: pool.id.to_string(),
            reason: refusal.to_string(),
        });
        rejected.extend(refused);
        let counts = (applied.added.len(), applied.removed.len(), applied.hydrated.len());
        self.answer(applied.block.number, counts, version, rejected);
    }

    fn answer(
        &self,
        block: u64,
        (added, removed, hydrated): (usize, usize, usize),
        version: Option<WhitelistVersion>,
        rejected: Vec<AppliedRejection>,
    ) {
        let is_kept = self.whitelist.acknowledge(WhitelistApplied {
            chain_id: self.engine.chain_id(),
            version,
            block,
            added: added as u64,
            removed: removed as u64,
            hydrated: hydrated as u64,
            rejected_total: rejected.len() as u64,
            rejected,
        });
        if !is_kept {
            tracing::warn!(block, "whitelist acknowledgement is dropped: its server is away");
        }
    }
}

fn rejection(id: String, reason: &RejectionReason) -> AppliedRejection {
    AppliedRejection { id, reason: reason.to_string() }
}
