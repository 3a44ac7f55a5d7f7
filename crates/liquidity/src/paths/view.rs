//! What readers of opportunities see.

use alloy_primitives::Address;
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::broadcast;
use weir_primitives::BlockRef;
use weir_route::{Opportunity, OpportunityDelta, PathCoverage, TokenGraph};

/// Changes that a subscriber may be behind before it is told that it missed some.
const CHANGES_QUEUE: usize = 256;

/// Opportunities after one block.
#[derive(Debug, Clone, Default)]
pub struct PathsView {
    /// The block; `None` before the first evaluation.
    pub block: Option<BlockRef>,
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

#[derive(Debug)]
struct Shared {
    chain_id: u64,
    view: ArcSwap<PathsView>,
    changes: broadcast::Sender<Arc<(Option<BlockRef>, OpportunityDelta)>>,
}

/// Access to what a [`PathsDriver`](crate::PathsDriver) publishes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PathsHandle {
    shared: Arc<Shared>,
}

impl PathsHandle {
    pub(super) fn new(chain_id: u64) -> Self {
        let (view, changes) = (ArcSwap::default(), broadcast::Sender::new(CHANGES_QUEUE));
        Self { shared: Arc::new(Shared { chain_id, view, changes }) }
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.shared.chain_id
    }

    /// The newest opportunities.
    pub fn view(&self) -> Arc<PathsView> {
        self.shared.view.load_full()
    }

    /// Changes from now on, with the block they came with.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<(Option<BlockRef>, OpportunityDelta)>> {
        self.shared.changes.subscribe()
    }

    /// Publishes an evaluation; listeners are told if it changed anything.
    pub(super) fn publish(&self, view: PathsView, delta: &OpportunityDelta) {
        let block = view.block;
        self.shared.view.store(Arc::new(view));
        let is_changed = !(delta.appeared.is_empty()
            && delta.changed.is_empty()
            && delta.disappeared.is_empty());
        if is_changed && self.shared.changes.receiver_count() > 0 {
            // It fails if the last listener has just left, and then nobody misses it.
            let _ = self.shared.changes.send(Arc::new((block, delta.clone())));
        }
    }
}
