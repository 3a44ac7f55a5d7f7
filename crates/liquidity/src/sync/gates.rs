//! What keeps the engine, or pools of it, from being live.

use super::SourceEngine;
use crate::{DegradedReason, HaltEvidence, TradingState, gate::GateBook};
use alloy_primitives::map::{HashMap, HashSet};
use std::{sync::Arc, time::Instant};
use weir_arena::PoolKey;
use weir_feed::Completeness;
use weir_primitives::BlockRef;

#[derive(Debug, Default)]
pub(crate) struct Gates {
    recovering: Arc<HashSet<PoolKey>>,
    contradicted: Arc<HashMap<PoolKey, Arc<HaltEvidence>>>,
    /// The source said that it lost blocks, and none came since.
    pub(super) has_gap: bool,
    /// The first block since the last full reading whose logs are not proven well enough.
    pub(super) weak: Option<(BlockRef, Completeness)>,
    /// Logs that did not decode and whose pool cannot be told.
    pub(super) undecodable: u64,
}

impl Gates {
    pub(super) fn book(&self) -> GateBook {
        let (recovering, contradicted) = (&self.recovering, &self.contradicted);
        GateBook { recovering: Arc::clone(recovering), contradicted: Arc::clone(contradicted) }
    }

    pub(super) fn recovering(&self) -> usize {
        self.recovering.len()
    }

    pub(super) fn recover(&mut self, pools: impl IntoIterator<Item = PoolKey>) {
        Arc::make_mut(&mut self.recovering).extend(pools);
    }

    /// The pool is known again, or left.
    pub(super) fn recovered(&mut self, pool: &PoolKey) {
        if self.recovering.contains(pool) {
            Arc::make_mut(&mut self.recovering).remove(pool);
        }
    }

    pub(super) fn contradict(&mut self, evidence: HaltEvidence) {
        let pools = Arc::make_mut(&mut self.contradicted);
        pools.entry(evidence.pool).or_insert_with(|| Arc::new(evidence));
    }

    pub(super) fn remove(&mut self, pool: &PoolKey) {
        self.recovered(pool);
        if self.contradicted.contains_key(pool) {
            Arc::make_mut(&mut self.contradicted).remove(pool);
        }
    }
}

impl SourceEngine {
    /// The engine's state, the worst reason first.
    pub(super) fn state(&self, now: Instant) -> TradingState {
        let Some(tip) = self.writer.tip().filter(|_| self.is_open) else {
            return TradingState::Resyncing { pools: self.writer.arena.len() };
        };
        let lag = self.source.head.unwrap_or(tip.number).saturating_sub(tip.number);
        let halted = self.writer.halted();
        let recovering = u32::try_from(self.gates.recovering()).unwrap_or(u32::MAX);
        let reason = if !self.source.is_connected {
            DegradedReason::SourceDisconnected
        } else if self.gates.has_gap {
            DegradedReason::FeedGap
        } else if lag > self.options.lag_blocks_max {
            DegradedReason::SourceLagging { blocks: lag }
        } else if let Some((_, completeness)) = self.gates.weak {
            DegradedReason::Unproven { completeness }
        } else if recovering > 0 && recovering + halted >= self.writer.arena.len() {
            return TradingState::Resyncing { pools: recovering };
        } else if recovering > 0 {
            DegradedReason::PoolsResyncing { pools: recovering }
        } else if halted > 0 {
            DegradedReason::PoolsHalted { pools: halted }
        } else if self.gates.undecodable > 0 {
            DegradedReason::UndecodableLogs { logs: self.gates.undecodable }
        } else if let Some(seconds) = self.stale_seconds(now) {
            DegradedReason::WhitelistStale { seconds }
        } else {
            return TradingState::Live;
        };
        TradingState::Degraded(reason)
    }

    fn stale_seconds(&self, now: Instant) -> Option<u64> {
        let age = self.source.whitelist_age(now)?;
        (age > self.options.whitelist_age_max).then_some(age.as_secs())
    }
}
