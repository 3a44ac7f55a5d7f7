//! Where the numbered events come from.

use super::{KeptUpdate, Ring};
use crate::backend::{
    ChainBackend, GateView, OpportunityChangesView, PoolTransaction, PoolUpdatesView, PoolsBackend,
    PoolsReceiver, StepReceiver,
};
use alloy_primitives::B256;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{
    Notify,
    broadcast::{Receiver, error::RecvError},
};
use weir_primitives::{ChainUpdate, OpenUpdate};
use weir_runtime::Shutdown;

/// Updates of the chain that are kept, as hashes.
const UPDATES_KEPT: usize = 4_096;
/// Hashes of accepted transactions that are kept.
const PENDING_KEPT: usize = 65_536;
/// Steps of open blocks that are kept; older blocks' go when a new one begins.
const STEPS_KEPT: usize = 4_096;
/// Pools, opportunities and gates of pools that are kept in updates of each kind, about half a kilobyte each.
const ROWS_KEPT: usize = 65_536;
/// Updates, and steps, that a live follower may be behind.
const LIVE_BEHIND: usize = 1_024;
/// Accepted transactions that one may be behind.
const PENDING_BEHIND: usize = 16_384;

/// The streams of one server. Each follower of the backend is numbered here once for all clients.
pub(crate) struct Streams {
    pub(crate) updates: Ring<Arc<ChainUpdate>, Arc<KeptUpdate>>,
    pub(crate) pending: Ring<PoolTransaction, B256>,
    pub(crate) steps: Ring<Arc<OpenUpdate>, Arc<OpenUpdate>>,
    pub(crate) pools: Ring<Arc<PoolUpdatesView>, Arc<PoolUpdatesView>>,
    pub(crate) opportunities: Ring<Arc<OpportunityChangesView>, Arc<OpportunityChangesView>>,
    pub(crate) gates: Ring<Arc<GateView>, Arc<GateView>>,
    /// What some client wants and is not followed yet: nobody pays for what nobody wants.
    wanted: Mutex<Wanted>,
    changed: Notify,
}

#[derive(Default)]
struct Wanted {
    has_pending: bool,
    pending: Option<Receiver<PoolTransaction>>,
    has_steps: bool,
    steps: Option<StepReceiver>,
    has_pools: bool,
    pools: Option<PoolReceivers>,
}

/// What the liquidity engine tells.
struct PoolReceivers {
    pools: PoolsReceiver<PoolUpdatesView>,
    opportunities: PoolsReceiver<OpportunityChangesView>,
    gates: PoolsReceiver<GateView>,
}

/// One event of the liquidity engine.
enum PoolEvent {
    Pools(Result<Arc<PoolUpdatesView>, RecvError>),
    Opportunities(Result<Arc<OpportunityChangesView>, RecvError>),
    Gates(Result<Arc<GateView>, RecvError>),
}

impl PoolReceivers {
    async fn next(receivers: &mut Option<Self>) -> PoolEvent {
        let Some(receivers) = receivers else { return std::future::pending().await };
        tokio::select! {
            pools = receivers.pools.recv() => PoolEvent::Pools(pools),
            changes = receivers.opportunities.recv() => PoolEvent::Opportunities(changes),
            gates = receivers.gates.recv() => PoolEvent::Gates(gates),
        }
    }
}

impl Default for Streams {
    fn default() -> Self {
        let epoch = u32::from_be_bytes(*B256::random().first_chunk().expect("a hash has 32 bytes"));
        Self {
            updates: Ring::new(epoch, UPDATES_KEPT, LIVE_BEHIND),
            pending: Ring::new(epoch, PENDING_KEPT, PENDING_BEHIND),
            steps: Ring::new(epoch, STEPS_KEPT, LIVE_BEHIND),
            pools: Ring::weighed(epoch, ROWS_KEPT, LIVE_BEHIND, |update| 1 + update.pools.len()),
            opportunities: Ring::weighed(epoch, ROWS_KEPT, LIVE_BEHIND, |changes| {
                1 + changes.appeared.len() + changes.changed.len() + changes.disappeared.len()
            }),
            gates: Ring::weighed(epoch, ROWS_KEPT, LIVE_BEHIND, |gate| 1 + gate.pools.len()),
            wanted: Mutex::default(),
            changed: Notify::new(),
        }
    }
}

impl Streams {
    /// Numbers accepted transactions from now on.
    pub(crate) fn want_pending(&self, chain: &dyn ChainBackend) {
        let mut wanted = self.wanted.lock();
        if !wanted.has_pending {
            wanted.has_pending = true;
            wanted.pending = Some(chain.subscribe_pending());
            self.changed.notify_one();
        }
    }

    /// Numbers the steps of open blocks from now on; false if the node tells of none.
    pub(crate) fn want_steps(&self, chain: &dyn ChainBackend) -> bool {
        let mut wanted = self.wanted.lock();
        if !wanted.has_steps {
            wanted.steps = chain.subscribe_steps();
            wanted.has_steps = wanted.steps.is_some();
            self.changed.notify_one();
        }
        wanted.has_steps
    }

    /// Numbers what the liquidity engine tells from now on.
    pub(crate) fn want_pools(&self, backend: &dyn PoolsBackend) {
        let mut wanted = self.wanted.lock();
        if !wanted.has_pools {
            wanted.has_pools = true;
            wanted.pools = Some(PoolReceivers {
                pools: backend.subscribe_pools(),
                opportunities: backend.subscribe_opportunities(),
                gates: backend.subscribe_gate(),
            });
            self.changed.notify_one();
        }
    }

    /// Follows the backends until shutdown, or until one of their streams ends. A process without a chain of its own has no
    /// updates of it.
    pub(crate) async fn run(
        &self,
        mut updates: Option<Receiver<Arc<ChainUpdate>>>,
        shutdown: Shutdown,
    ) {
        let (mut pending, mut steps, mut pools) = (None, None, None);
        loop {
            let goes_on = tokio::select! {
                () = shutdown.cancelled() => false,
                () = self.changed.notified() => {
                    let mut wanted = self.wanted.lock();
                    pending = wanted.pending.take().or(pending);
                    steps = wanted.steps.take().or(steps);
                    pools = wanted.pools.take().or(pools);
                    true
                }
                update = next(&mut updates) => number(&self.updates, update, |update| {
                    Arc::new(KeptUpdate::of(update))
                }),
                pooled = next(&mut pending) => number(&self.pending, pooled, |pooled| pooled.hash),
                step = next(&mut steps) => self.step(step),
                event = PoolReceivers::next(&mut pools) => match event {
                    PoolEvent::Pools(event) => number(&self.pools, event, Arc::clone),
                    PoolEvent::Opportunities(event) => number(&self.opportunities, event, Arc::clone),
                    PoolEvent::Gates(event) => number(&self.gates, event, Arc::clone),
                },
            };
            if !goes_on {
                return;
            }
        }
    }

    fn step(&self, step: Result<Arc<OpenUpdate>, RecvError>) -> bool {
        let begins = matches!(&step, Ok(step) if is_first(step));
        let goes_on = number(&self.steps, step, Arc::clone);
        if begins {
            // A step before it is of a block that is sealed by now, or dropped.
            self.steps.keep_newest(1);
        }
        goes_on
    }
}

fn is_first(step: &OpenUpdate) -> bool {
    matches!(step, OpenUpdate::Appended(step) if step.first_tx == 0)
}

async fn next<T: Clone>(receiver: &mut Option<Receiver<T>>) -> Result<T, RecvError> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => std::future::pending().await,
    }
}

/// Gives an event its number; false at the end of the stream.
fn number<L: Clone, K: Clone>(
    ring: &Ring<L, K>,
    event: Result<L, RecvError>,
    keep: impl FnOnce(&L) -> K,
) -> bool {
    match event {
        Ok(event) => {
            let kept = keep(&event);
            ring.append(event, kept);
            true
        }
        Err(RecvError::Lagged(missed)) => {
            ring.skip(missed);
            true
        }
        Err(RecvError::Closed) => false,
    }
}
