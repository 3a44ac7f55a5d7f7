//! What health endpoints answer.

use crate::{LiquidityHandle, TradingState};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What the engine knows of its source and its whitelist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceView {
    /// Whether the source is connected; a source that never said anything counts as connected.
    pub is_connected: bool,
    /// Number of the source's newest block, if it told.
    pub head: Option<u64>,
    /// Whether pools come from a whitelist.
    pub has_whitelist: bool,
    /// When the whitelist last came or was confirmed.
    pub whitelist_at: Option<Instant>,
}

impl Default for SourceView {
    fn default() -> Self {
        Self { is_connected: true, head: None, has_whitelist: false, whitelist_at: None }
    }
}

impl SourceView {
    /// Age of the whitelist at `now`.
    pub fn whitelist_age(&self, now: Instant) -> Option<Duration> {
        Some(now.saturating_duration_since(self.whitelist_at?))
    }
}

/// One thing that keeps an engine from being ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthReason {
    /// The trading state.
    State(TradingState),
    /// No whitelist has come yet.
    NoWhitelist,
    /// No block has come yet.
    NoBlock,
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::NoWhitelist => f.write_str("no whitelist yet"),
            Self::NoBlock => f.write_str("no block yet"),
        }
    }
}

/// What `/health/live` and `/health/ready` answer for one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiquidityHealth {
    /// Whether the engine works; if not, only a restart helps.
    pub live: bool,
    /// Whether it may be traded on: `Live`, or `Degraded` in a way that concerns some pools only.
    pub ready: bool,
    /// Why it is less than `Live`; empty if nothing is wrong.
    pub reasons: Vec<HealthReason>,
}

impl LiquidityHandle {
    /// Whether the engine works, and whether it may be traded on.
    pub fn health(&self) -> LiquidityHealth {
        let view = self.view();
        let mut reasons = Vec::new();
        if view.source.has_whitelist && view.source.whitelist_at.is_none() {
            reasons.push(HealthReason::NoWhitelist);
        }
        if view.head.tip().is_none() {
            reasons.push(HealthReason::NoBlock);
        }
        if view.state != TradingState::Live {
            reasons.push(HealthReason::State(view.state));
        }
        LiquidityHealth {
            live: !matches!(view.state, TradingState::Halted(_)),
            ready: view.state.is_quotable(),
            reasons,
        }
    }
}
