//! The trading gate as the feed tells it.

use crate::{
    DegradedReason, HaltCause, HaltReason, LiquidityHandle, LiquidityView, PoolGate, TradingState,
};
use weir_arena::PoolStatus;
use weir_feed::{FeedGates, FeedProducer, GateCode, GateReason, GateState};
use weir_runtime::Shutdown;

/// Hands an engine's gates to its feed as they change, until shutdown or until the engine is gone.
pub async fn publish_gates(engine: LiquidityHandle, feed: FeedProducer, shutdown: Shutdown) {
    let mut published = engine.subscribe();
    loop {
        feed.offer_gates(gates_of(&engine.view()));
        let changed = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            changed = published.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// All gates of a view.
pub(crate) fn gates_of(view: &LiquidityView) -> FeedGates {
    // Whatever closes the whole chain closes the others: it need not be said of each.
    let own = view.head.pools().filter(|(_, pool)| pool.status() != PoolStatus::Live);
    let keys = own.map(|(_, pool)| pool.statics().key);
    let closed = keys.filter_map(|key| Some((key.id, view.gate(&key)?)));
    FeedGates {
        overall: overall(view.state),
        pools: closed.map(|(id, gate)| (id, of_pool(&gate))).collect(),
    }
}

fn overall(state: TradingState) -> GateState {
    match state {
        TradingState::Live => GateState::LIVE,
        TradingState::Reorging => GateState::of(GateCode::Reorging),
        TradingState::Degraded(reason) => degraded(reason),
        TradingState::Resyncing { pools } => GateState {
            code: GateCode::Resyncing,
            reason: GateReason::PoolsResyncing,
            value: pools.into(),
        },
        TradingState::Halted(reason) => halted(reason),
    }
}

fn degraded(reason: DegradedReason) -> GateState {
    let (reason, value) = match reason {
        DegradedReason::PoolsHalted { pools } => (GateReason::PoolsHalted, pools.into()),
        DegradedReason::UndecodableLogs { logs } => (GateReason::UndecodableLogs, logs),
        DegradedReason::PoolsResyncing { pools } => (GateReason::PoolsResyncing, pools.into()),
        DegradedReason::SourceDisconnected => (GateReason::SourceDisconnected, 0),
        DegradedReason::SourceLagging { blocks } => (GateReason::SourceLagging, blocks),
        DegradedReason::FeedGap => (GateReason::FeedGap, 0),
        DegradedReason::Unproven { completeness } => {
            (GateReason::Unproven, u64::from(completeness as u8))
        }
        DegradedReason::WhitelistStale { seconds } => (GateReason::WhitelistStale, seconds),
    };
    GateState { code: GateCode::Degraded, reason, value }
}

const fn halted(reason: HaltReason) -> GateState {
    let reason = match reason {
        HaltReason::Store => GateReason::Store,
        HaltReason::Chain => GateReason::Chain,
        HaltReason::Source => GateReason::Source,
    };
    GateState { code: GateCode::Halted, reason, value: 0 }
}

fn of_pool(gate: &PoolGate) -> GateState {
    let halted_at = |reason, value| GateState { code: GateCode::Halted, reason, value };
    match gate {
        PoolGate::Live => GateState::LIVE,
        PoolGate::Uninitialized => GateState::of(GateCode::Uninitialized),
        PoolGate::Unsynced => GateState::of(GateCode::Unsynced),
        PoolGate::Resyncing => GateState::of(GateCode::Resyncing),
        PoolGate::Degraded(reason) => degraded(*reason),
        PoolGate::Halted(HaltCause::Event(evidence)) => {
            halted_at(GateReason::Event, evidence.block.number)
        }
        PoolGate::Halted(HaltCause::Check(evidence)) => {
            halted_at(GateReason::Check, evidence.block.number)
        }
        PoolGate::Halted(HaltCause::Engine(reason)) => halted(*reason),
    }
}
