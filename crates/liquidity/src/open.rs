//! The open block's pools, step by step on top of the arena.

use crate::{LiquidityHandle, LiquidityView, OpenView, metrics::record_step};
use std::{ops::Range, sync::Arc, time::Instant};
use weir_arena::{ExtractedStep, OpenPools, PoolArena, PoolFilter};
use weir_feed::{FeedProducer, StepUpdate};
use weir_primitives::{OpenStep, OpenUpdate};

/// A step of the open block, decoded.
#[derive(Debug)]
pub(crate) struct DecodedStep {
    /// What is published of it.
    pub(crate) update: StepUpdate,
    /// What it covers, in whatever its source counts without gaps, from zero in each block.
    pub(crate) place: Range<u64>,
    /// Unix time in seconds of the open block.
    pub(crate) timestamp: u64,
    /// Base fee of the open block in wei per gas.
    pub(crate) base_fee: u64,
}

/// Follows the open block, and publishes its pools and its steps. What does not fit is left out: the sealed block says it
/// all again.
#[derive(Debug)]
pub(crate) struct OpenTracker {
    handle: LiquidityHandle,
    feed: Option<FeedProducer>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    pools: OpenPools,
    /// Where the next step begins.
    next: u64,
    view: OpenView,
}

/// What became of a step.
enum Taken {
    /// The pools are those after the step.
    Applied(Arc<OpenView>),
    /// It touched no pool, or is of a block that is not on the arena's tip.
    Nothing,
    /// Steps before it are missing, or it does not fit: the open block is unknown until the next.
    Lost,
}

impl OpenTracker {
    /// A tracker that publishes to readers of `handle`, and to consumers of `feed`.
    pub(crate) const fn new(handle: LiquidityHandle, feed: Option<FeedProducer>) -> Self {
        Self { handle, feed, open: None }
    }

    /// Follows the open block of this process's own sequencer.
    pub(crate) fn follow(&mut self, arena: &PoolArena, update: &OpenUpdate) {
        match update {
            OpenUpdate::Appended(step) => {
                let chain_id = arena.config().chain_id;
                let decoded = decoded(chain_id, step, self.filter(arena, step));
                self.take(arena, decoded);
            }
            OpenUpdate::Retracted { parent_hash } => {
                if arena.tip().is_some_and(|tip| tip.hash == *parent_hash) {
                    self.retract();
                }
            }
        }
    }

    /// Follows the next step. The first of a block begins anew.
    pub(crate) fn take(&mut self, arena: &PoolArena, step: DecodedStep) {
        let started = Instant::now();
        match self.apply(arena, &step) {
            Taken::Nothing => {}
            Taken::Lost => self.retract(),
            Taken::Applied(view) => {
                let published = self.feed.as_ref().map(|feed| feed.publish_step(step.update));
                if let Some(Err(error)) = published {
                    tracing::warn!(%error, "the rest of the open block is not published");
                    return self.retract();
                }
                self.publish(Some(view));
                record_step(arena.config().chain_id, started.elapsed());
            }
        }
    }

    /// The open block is gone, or unknown from here on.
    pub(crate) fn retract(&mut self) {
        self.open = None;
        if let Some(feed) = &self.feed {
            feed.retract_steps();
        }
        if self.handle.view().open.is_some() {
            self.publish(None);
        }
    }

    /// What readers may see, as long as the arena is as it was.
    pub(crate) fn view(&self, arena: &PoolArena) -> Option<Arc<OpenView>> {
        let open = self.open.as_ref().filter(|open| open.pools.is_on(arena))?;
        (open.view.steps > 0).then(|| Arc::new(open.view.clone()))
    }

    /// Whose logs matter in a step: what the steps before it in the same block created, too.
    fn filter<'a>(&'a self, arena: &'a PoolArena, step: &OpenStep) -> &'a dyn PoolFilter {
        let goes_on =
            |open: &&Open| step.first_tx > 0 && open.pools.block().parent_hash == step.parent.hash;
        match self.open.as_ref().filter(goes_on) {
            Some(open) => &open.pools,
            None => arena,
        }
    }

    fn publish(&self, open: Option<Arc<OpenView>>) {
        let unchanged = self.handle.unchanged();
        self.handle.publish(LiquidityView { open, ..unchanged });
    }

    fn apply(&mut self, arena: &PoolArena, step: &DecodedStep) -> Taken {
        if arena.tip().is_none_or(|tip| tip.hash != step.update.parent_hash) {
            return Taken::Nothing;
        }
        if step.place.start == 0 {
            self.open = Open::on(arena, step);
        }
        let is_next = |open: &&mut Open| open.next == step.place.start && open.pools.is_on(arena);
        let Some(open) = self.open.as_mut().filter(is_next) else {
            return if self.open.take().is_some() { Taken::Lost } else { Taken::Nothing };
        };
        open.next = step.place.end;
        if step.update.events.is_empty() {
            return Taken::Nothing;
        }
        match open.pools.apply(&step.update.events) {
            Ok(applied) if applied.touched.is_empty() => Taken::Nothing,
            Ok(applied) => {
                open.view.steps += 1;
                open.view.pools = open.pools.snapshot();
                open.view.touched = applied.touched.into();
                Taken::Applied(Arc::new(open.view.clone()))
            }
            Err(error) => {
                tracing::warn!(%error, "step of the open block does not fit");
                self.open = None;
                Taken::Lost
            }
        }
    }
}

fn decoded(chain_id: u64, step: &OpenStep, filter: &dyn PoolFilter) -> DecodedStep {
    let events = ExtractedStep::from_step(chain_id, step, filter).events;
    let (number, parent_hash) = (step.parent.number + 1, step.parent.hash);
    let first = u64::from(step.first_tx);
    DecodedStep {
        update: StepUpdate { number, parent_hash, first_tx: step.first_tx, events },
        place: first..first + step.transactions.len() as u64,
        timestamp: step.timestamp,
        base_fee: step.base_fee,
    }
}

impl Open {
    fn on(arena: &PoolArena, step: &DecodedStep) -> Option<Self> {
        let pools = OpenPools::on(arena, step.timestamp)?;
        let view = OpenView {
            block: pools.block(),
            base_fee: step.base_fee,
            steps: 0,
            pools: pools.snapshot(),
            touched: Arc::default(),
        };
        Some(Self { pools, next: 0, view })
    }
}
