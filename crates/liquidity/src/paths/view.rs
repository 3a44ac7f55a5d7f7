//! What readers of opportunities see.

use alloy_primitives::Address;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::broadcast;
use weir_arena::PoolSnapshot;
use weir_route::{Opportunity, OpportunityDelta, PathCoverage, TokenGraph};
use weir_runtime::{Halt, Halts, Scope};

/// Changes that a subscriber may be behind before it is told that it missed some.
const CHANGES_QUEUE: usize = 256;

/// Opportunities after one block, or in an open one.
#[derive(Debug, Clone, Default)]
pub struct PathsView {
    /// The pools evaluated, with the block they are of; `None` before the first evaluation.
    pub pools: Option<Arc<PoolSnapshot>>,
    /// Steps of the open block that they are after; `None` for a sealed block.
    pub steps: Option<u32>,
    /// Best first.
    pub opportunities: Arc<[Opportunity]>,
    /// Cycles watched.
    pub cycles: usize,
    /// Whether the enumeration of cycles reached its bound.
    pub is_truncated: bool,
    /// Tokens that cycles begin and end with.
    pub bases: Arc<[Address]>,
    /// What the last evaluation took.
    pub coverage: PathCoverage,
    /// The graph of the pools evaluated.
    pub graph: Option<Arc<TokenGraph>>,
}

/// How opportunities changed, and what with.
#[derive(Debug)]
pub struct PathsChange {
    /// The opportunities after it.
    pub view: Arc<PathsView>,
    /// The difference.
    pub delta: OpportunityDelta,
}

#[derive(Debug)]
struct Shared {
    chain_id: u64,
    halts: Arc<Halts>,
    view: ArcSwap<PathsView>,
    changes: broadcast::Sender<Arc<PathsChange>>,
}

/// Access to what a [`PathsDriver`](crate::PathsDriver) publishes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PathsHandle {
    shared: Arc<Shared>,
}

impl PathsHandle {
    pub(super) fn new(chain_id: u64, halts: Arc<Halts>) -> Self {
        let (view, changes) = (ArcSwap::default(), broadcast::Sender::new(CHANGES_QUEUE));
        Self { shared: Arc::new(Shared { chain_id, halts, view, changes }) }
    }

    pub(super) fn halts(&self) -> &Halts {
        &self.shared.halts
    }

    /// Why no opportunities are looked for, if an operator has halted that.
    pub fn halt(&self) -> Option<Halt> {
        self.halts().halt_of(Scope::Searching)
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.shared.chain_id
    }

    /// The newest opportunities.
    pub fn view(&self) -> Arc<PathsView> {
        self.shared.view.load_full()
    }

    /// Changes from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<PathsChange>> {
        self.shared.changes.subscribe()
    }

    /// Publishes an evaluation; listeners are told if it changed anything.
    pub(super) fn publish(&self, view: PathsView, delta: &OpportunityDelta) {
        let view = Arc::new(view);
        self.shared.view.store(Arc::clone(&view));
        let is_changed = !(delta.appeared.is_empty()
            && delta.changed.is_empty()
            && delta.disappeared.is_empty());
        if is_changed && self.shared.changes.receiver_count() > 0 {
            // It fails if the last listener has just left, and then nobody misses it.
            let _ = self.shared.changes.send(Arc::new(PathsChange { view, delta: delta.clone() }));
        }
    }
}
