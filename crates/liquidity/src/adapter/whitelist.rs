//! A whitelist over NATS for an engine: changes in, acknowledgements out.

use crate::{
    EngineInput, LiquidityHandle, NodeState, WhitelistApplied as EngineApplied,
    WhitelistChange as EngineChange, pool_static,
    reader::{Described, describe_all},
};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use weir_arena::{PoolKey, PoolStatic};
use weir_feed::{
    AppliedRejection, RejectionReason, WhitelistAddress, WhitelistApplied, WhitelistChange,
    WhitelistHandle, WhitelistTracker, WhitelistVersion,
};
use weir_follower::Backoff;
use weir_primitives::Severity;
use weir_runtime::Shutdown;

/// First wait after a node that did not answer; it doubles up to [`RETRY_MAX`].
const RETRY_BASE: Duration = Duration::from_millis(200);
/// Longest wait after a node that did not answer.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Changes that the engine may be behind; older ones are acknowledged with the next.
const UNACKNOWLEDGED_MAX: usize = 1_024;

/// Hands a whitelist's changes to an engine at the blocks from which they count, and answers the publisher. What a row leaves out is
/// read from the node; a change with such rows waits for its answers, and those after it wait with it.
pub struct WhitelistFeed {
    whitelist: WhitelistHandle,
    node: Arc<dyn NodeState>,
    engine: LiquidityHandle,
    inputs: mpsc::Sender<EngineInput>,
    applied: mpsc::Receiver<EngineApplied>,
    tracker: WhitelistTracker,
    is_open: bool,
    sent: VecDeque<Sent>,
}

impl std::fmt::Debug for WhitelistFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WhitelistFeed").field("tracker", &self.tracker).finish_non_exhaustive()
    }
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
    /// A feed of the engine behind `inputs` and `applied`; `node` is of its chain.
    pub fn new(
        whitelist: WhitelistHandle,
        node: Arc<dyn NodeState>,
        engine: LiquidityHandle,
        inputs: mpsc::Sender<EngineInput>,
        applied: mpsc::Receiver<EngineApplied>,
    ) -> Self {
        let tracker = WhitelistTracker::new();
        let sent = VecDeque::new();
        Self { whitelist, node, engine, inputs, applied, tracker, is_open: false, sent }
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
                        self.hand_over(&shutdown).await
                    }
                    None => false,
                },
                // A change may wait for the block that it names.
                changed = published.changed() => changed.is_ok() && self.hand_over(&shutdown).await,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Gives the engine what counts by now. `false` if it is gone, or at shutdown.
    async fn hand_over(&mut self, shutdown: &Shutdown) -> bool {
        if !self.tracker.is_ready() {
            return true;
        }
        let block = self.engine.view().head.tip().map_or(0, |tip| tip.number);
        let change = self.tracker.drain(block);
        let is_same = change.removed.is_empty() && change.added.is_empty();
        if change.updates == 0 && is_same && change.unresolved.is_empty() {
            return true;
        }
        let described = tokio::select! {
            biased;
            () = shutdown.cancelled() => return false,
            described = self.describe(change.unresolved.clone()) => described,
        };
        for input in self.inputs_of(change, described) {
            if self.inputs.send(EngineInput::Whitelist(input)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// What the chain says of rows that name their pools alone. It asks until the node has answered for all of them.
    async fn describe(&self, mut rows: Vec<WhitelistAddress>) -> Vec<Described> {
        let mut described = Vec::with_capacity(rows.len());
        let mut backoff = Backoff::new(RETRY_BASE, RETRY_MAX);
        while !rows.is_empty() {
            let answers = describe_all(&*self.node, self.engine.chain_id(), rows).await;
            rows = Vec::new();
            for (row, answer) in answers {
                match answer {
                    Err(error) if error.severity() != Severity::Halt => {
                        tracing::warn!(pool = %row.id, %error, "listed pool is not described yet");
                        rows.push(row);
                    }
                    answer => described.push((row, answer)),
                }
            }
            if !rows.is_empty() {
                tokio::time::sleep(backoff.next_wait()).await;
            }
        }
        described
    }

    /// Removals first. The first change opens the engine's barrier.
    fn inputs_of(
        &mut self,
        change: WhitelistChange,
        described: Vec<Described>,
    ) -> Vec<EngineChange> {
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
        for (row, answer) in described {
            match answer {
                Ok(pool) => pools.push(pool),
                Err(error) => rejected.push(AppliedRejection {
                    id: row.id.to_string(),
                    reason: error.refusal().map_or_else(|| error.to_string(), |it| it.to_string()),
                }),
            }
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
