//! The task around the path engine.

use super::{PathsHandle, PathsOptions, evaluator::Evaluator, metrics::record};
use crate::{LiquidityError, LiquidityHandle};
use std::{sync::Arc, time::Instant};
use weir_runtime::{Halts, Scope, Shutdown};

/// Keeps a chain's opportunities up to date: after each block, and after each step of the open block where the source tells of
/// them, only cycles through pools that it touched are evaluated.
///
/// It runs beside the arena and never holds it up: what comes while it evaluates is taken together.
#[derive(Debug)]
pub struct PathsDriver {
    evaluator: Evaluator,
    pools: LiquidityHandle,
    paths: PathsHandle,
}

impl PathsDriver {
    /// A driver on a chain's pools, and the handle for readers.
    pub fn new(options: PathsOptions, pools: LiquidityHandle) -> (Self, PathsHandle) {
        Self::halted_by(options, pools, Arc::default())
    }

    /// As [`Self::new`]; nothing is evaluated or shown while an operator has halted [`Scope::Searching`].
    pub fn halted_by(
        options: PathsOptions,
        pools: LiquidityHandle,
        halts: Arc<Halts>,
    ) -> (Self, PathsHandle) {
        let paths = PathsHandle::new(pools.view().head.chain_id(), halts);
        (Self { evaluator: Evaluator::new(options), pools, paths: paths.clone() }, paths)
    }

    /// Evaluates until shutdown. While the pools may not be traded on, as in the middle of a reorg, nothing is evaluated;
    /// afterwards once.
    ///
    /// # Errors
    /// If an evaluation panicked.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), LiquidityError> {
        let mut published = self.pools.subscribe();
        loop {
            published.mark_unchanged();
            self = self.evaluate().await?;
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                changed = published.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }

    async fn evaluate(mut self) -> Result<Self, LiquidityError> {
        let view = self.pools.view();
        if !view.state.is_quotable() {
            return Ok(self);
        }
        let is_halted = self.paths.halts().is_halted(Scope::Searching);
        let work = tokio::task::spawn_blocking(move || {
            if is_halted {
                self.evaluator.withdraw(&self.paths);
                return self;
            }
            let started = Instant::now();
            self.evaluator.evaluate(&view, &self.paths);
            record(view.head.chain_id(), &self.paths.view(), started.elapsed());
            self
        });
        work.await.map_err(|_| LiquidityError::Panicked)
    }
}
