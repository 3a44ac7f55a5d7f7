//! What readers see: one immutable value, replaced as a whole.

use crate::{
    GateEvent, SnapshotSpill, SourceView, TradingState,
    gate::{GateBook, changed_gates},
};
use arc_swap::ArcSwap;
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};
use tokio::sync::{broadcast, watch};
use weir_arena::{Pool, PoolIdx, PoolKey, PoolSnapshot};
use weir_primitives::BlockRef;

/// Gate events that a subscriber may be behind before it is told that it missed some.
pub const GATE_QUEUE: usize = 1024;

/// Pool states in the block that is being built, after the steps so far. Provisional: the sealed block supersedes it.
#[derive(Debug, Clone)]
pub struct OpenView {
    /// Number, parent and timestamp of the open block; its hash is zero.
    pub block: BlockRef,
    /// Base fee per gas of the open block in wei.
    pub base_fee: u64,
    /// Steps so far that touched pools.
    pub steps: u32,
    /// All pools after them, those that the open block creates included: indices are those of this snapshot only.
    pub pools: Arc<PoolSnapshot>,
    /// Pools that the last of them touched, ascending.
    pub touched: Arc<[PoolIdx]>,
}

/// Pool states after one block, with those of the blocks before it.
#[derive(Debug, Clone)]
pub struct LiquidityView {
    /// Whether the states may be traded on.
    pub state: TradingState,
    /// All pools at the tip.
    pub head: Arc<PoolSnapshot>,
    /// Base fee per gas of the block applied last, in wei; what the next one's is about.
    pub base_fee: u64,
    /// The open block on top of the tip, where the source tells of it and its steps have touched pools. There is none while
    /// the states may not be traded on.
    pub open: Option<Arc<OpenView>>,
    /// Pools whose state or status may differ from the view before, ascending; all of them after a rebuild.
    pub dirty: Arc<[PoolIdx]>,
    /// Pools that left since the view before.
    pub vanished: Arc<[PoolKey]>,
    /// What is known of the source and the whitelist.
    pub source: SourceView,
    /// Snapshots of canonical blocks up to the tip, oldest first, consecutive. Pools that did not change are shared.
    pub(crate) history: VecDeque<Arc<PoolSnapshot>>,
    pub(crate) book: GateBook,
}

impl LiquidityView {
    pub(crate) fn starting(chain_id: u64) -> Self {
        Self {
            state: TradingState::Resyncing { pools: 0 },
            head: Arc::new(PoolSnapshot::empty(chain_id)),
            base_fee: 0,
            open: None,
            dirty: Arc::default(),
            vanished: Arc::default(),
            source: SourceView::default(),
            history: VecDeque::new(),
            book: GateBook::default(),
        }
    }

    /// The pools after canonical block `number`, ticks included, if it is among the blocks kept.
    pub fn at(&self, number: u64) -> Option<&Arc<PoolSnapshot>> {
        let oldest = self.oldest()?;
        self.history.get(usize::try_from(number.checked_sub(oldest)?).ok()?)
    }

    /// The pool at the tip, or in the open block that creates it.
    pub(crate) fn pool(&self, key: &PoolKey) -> Option<&Pool> {
        let created = || self.open.as_ref().and_then(|open| open.pools.get(key));
        self.head.get(key).or_else(created)
    }

    /// Number of the oldest block that [`LiquidityView::at`] answers.
    pub fn oldest(&self) -> Option<u64> {
        Some(self.history.front()?.tip()?.number)
    }
}

#[derive(Debug)]
struct Shared {
    view: ArcSwap<LiquidityView>,
    generation: watch::Sender<u64>,
    gates: broadcast::Sender<GateEvent>,
    spill: OnceLock<Arc<SnapshotSpill>>,
}

/// Access to what the driver publishes. Cheap to clone; reads never wait for the writer.
#[derive(Debug, Clone)]
pub struct LiquidityHandle {
    shared: Arc<Shared>,
}

impl LiquidityHandle {
    pub(crate) fn new(chain_id: u64) -> Self {
        let view = ArcSwap::from_pointee(LiquidityView::starting(chain_id));
        let (generation, gates) = (watch::Sender::new(0), broadcast::Sender::new(GATE_QUEUE));
        let spill = OnceLock::new();
        Self { shared: Arc::new(Shared { view, generation, gates, spill }) }
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.shared.view.load().head.chain_id()
    }

    /// Keeps snapshots that leave the view, and answers from them. Call it before the engine runs; the first call counts.
    pub fn attach_spill(&self, spill: Arc<SnapshotSpill>) {
        if self.shared.spill.set(spill).is_err() {
            tracing::warn!("engine has a place for old snapshots already");
        }
    }

    /// Where snapshots are that have left the view, if they are kept.
    pub fn spill(&self) -> Option<&Arc<SnapshotSpill>> {
        self.shared.spill.get()
    }

    /// The newest view.
    pub fn view(&self) -> Arc<LiquidityView> {
        self.shared.view.load_full()
    }

    /// Whether the engine's numbers may be traded on.
    pub fn state(&self) -> TradingState {
        self.shared.view.load().state
    }

    /// Changes whenever a view is published. The latest value is enough: a view stands for itself.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.generation.subscribe()
    }

    /// Every change of what may be traded on from now on.
    pub fn subscribe_gates(&self) -> broadcast::Receiver<GateEvent> {
        self.shared.gates.subscribe()
    }

    pub(crate) fn publish(&self, mut view: LiquidityView) {
        if !view.state.is_quotable() {
            view.open = None;
        }
        let new = Arc::new(view);
        let old = self.shared.view.swap(Arc::clone(&new));
        self.shared.generation.send_modify(|generation| *generation += 1);
        self.publish_gates(&old, &new);
    }

    /// Comparing gates takes a look at every pool, so it is done for listeners only.
    fn publish_gates(&self, old: &LiquidityView, new: &LiquidityView) {
        if self.shared.gates.receiver_count() == 0 {
            return;
        }
        let changed = changed_gates(old, new);
        if changed.is_empty() && old.state == new.state {
            return;
        }
        let event = GateEvent {
            chain_id: new.head.chain_id(),
            block: new.head.tip(),
            overall: new.state,
            changed: changed.into(),
        };
        // It fails if the last listener has just left, and then nobody misses it.
        let _ = self.shared.gates.send(event);
    }

    /// Publishes the same states under another trading state.
    pub(crate) fn publish_state(&self, state: TradingState) {
        self.publish(LiquidityView { state, ..self.unchanged() });
    }

    /// The newest view, with nothing dirty.
    pub(crate) fn unchanged(&self) -> LiquidityView {
        LiquidityView {
            dirty: Arc::default(),
            vanished: Arc::default(),
            ..LiquidityView::clone(&self.view())
        }
    }
}
