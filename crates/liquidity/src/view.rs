//! What readers see: one immutable value, replaced as a whole.

use crate::TradingState;
use arc_swap::ArcSwap;
use std::{collections::VecDeque, sync::Arc};
use tokio::sync::watch;
use weir_arena::{PoolIdx, PoolKey, PoolSnapshot};

/// Pool states after one block, with those of the blocks before it.
#[derive(Debug, Clone)]
pub struct LiquidityView {
    /// Whether the states may be traded on.
    pub state: TradingState,
    /// All pools at the tip.
    pub head: Arc<PoolSnapshot>,
    /// Pools whose state or status may differ from the view before, ascending; all of them after a rebuild.
    pub dirty: Arc<[PoolIdx]>,
    /// Pools that left since the view before.
    pub vanished: Arc<[PoolKey]>,
    /// Snapshots of canonical blocks up to the tip, oldest first, consecutive. Pools that did not change are shared.
    pub(crate) history: VecDeque<Arc<PoolSnapshot>>,
}

impl LiquidityView {
    pub(crate) fn starting(chain_id: u64) -> Self {
        Self {
            state: TradingState::Resyncing { pools: 0 },
            head: Arc::new(PoolSnapshot::empty(chain_id)),
            dirty: Arc::default(),
            vanished: Arc::default(),
            history: VecDeque::new(),
        }
    }

    /// The pools after canonical block `number`, ticks included, if it is among the blocks kept.
    pub fn at(&self, number: u64) -> Option<&Arc<PoolSnapshot>> {
        let oldest = self.oldest()?;
        self.history.get(usize::try_from(number.checked_sub(oldest)?).ok()?)
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
}

/// Access to what the driver publishes. Cheap to clone; reads never wait for the writer.
#[derive(Debug, Clone)]
pub struct LiquidityHandle {
    shared: Arc<Shared>,
}

impl LiquidityHandle {
    pub(crate) fn new(chain_id: u64) -> Self {
        let view = ArcSwap::from_pointee(LiquidityView::starting(chain_id));
        Self { shared: Arc::new(Shared { view, generation: watch::Sender::new(0) }) }
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

    pub(crate) fn publish(&self, view: LiquidityView) {
        self.shared.view.store(Arc::new(view));
        self.shared.generation.send_modify(|generation| *generation += 1);
    }

    /// Publishes the same states under another trading state.
    pub(crate) fn publish_state(&self, state: TradingState) {
        let view = LiquidityView {
            state,
            dirty: Arc::default(),
            vanished: Arc::default(),
            ..LiquidityView::clone(&self.view())
        };
        self.publish(view);
    }
}
