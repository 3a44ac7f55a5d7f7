//! The trading gate and readiness in the server's terms.

use crate::{LiquiditySet, LiquidityView, PoolGate};
use weir_rpc::{GateView, PoolGateView, Readiness};

/// A chain's gate, and those of its pools that are not live.
pub(super) fn gate_view(view: &LiquidityView, pools_max: usize) -> GateView {
    let mut pools = Vec::new();
    let mut live_pools = 0;
    for (_, pool) in view.head.pools() {
        let key = pool.statics().key;
        match view.gate(&key) {
            Some(PoolGate::Live) => live_pools += 1,
            Some(gate) if pools.len() < pools_max => pools.push(PoolGateView {
                id: key.id.to_string(),
                state: gate.name().to_owned(),
                reason: reason(&gate),
            }),
            _ => {}
        }
    }
    GateView {
        chain_id: view.head.chain_id(),
        state: view.state.name().to_owned(),
        reason: view.state.to_string(),
        block_number: view.head.tip().map(|tip| tip.number),
        block_hash: view.head.tip().map(|tip| tip.hash),
        live_pools,
        pools,
    }
}

/// What is known beyond the gate's name.
fn reason(gate: &PoolGate) -> Option<String> {
    match gate {
        PoolGate::Degraded(_) | PoolGate::Halted(_) => Some(gate.to_string()),
        PoolGate::Live | PoolGate::Uninitialized | PoolGate::Unsynced | PoolGate::Resyncing => None,
    }
}

/// Ready if every chain is; otherwise every reason, with its chain.
pub(super) fn readiness(chains: &LiquiditySet) -> Readiness {
    let mut reasons = Vec::new();
    for (chain_id, health) in chains.health() {
        if !health.ready {
            let why: Vec<String> = health.reasons.iter().map(ToString::to_string).collect();
            reasons.push(format!("chain {chain_id}: {}", why.join(", ")));
        }
    }
    if reasons.is_empty() {
        Readiness::Ready
    } else {
        Readiness::NotReady { reason: reasons.join("; ") }
    }
}
