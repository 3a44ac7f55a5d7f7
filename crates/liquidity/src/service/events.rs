//! From what the engines publish to what subscribers are sent.

use super::{
    LiquidityService,
    gate::gate_view,
    paths,
    pools::{hash_of, pool_view},
};
use crate::{LiquidityHandle, LiquidityView, OpenView, PathsHandle};
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;
use weir_arena::{Pool, PoolIdx, PoolKey, PoolSnapshot};
use weir_rpc::{GateView, PoolUpdatesView};
use weir_runtime::Shutdown;

/// Pools that are not live in one gate event at most: `weir_gate` lists them all.
const GATE_POOLS_MAX: usize = 100;

/// Sends one chain's pools and gate to subscribers.
#[derive(Debug)]
pub(super) struct Publisher {
    service: Arc<LiquidityService>,
    handle: LiquidityHandle,
    /// What subscribers know.
    sent: Arc<LiquidityView>,
    gate: Option<GateView>,
}

impl Publisher {
    pub(super) fn new(service: Arc<LiquidityService>, handle: LiquidityHandle) -> Self {
        let sent = handle.view();
        Self { service, handle, sent, gate: None }
    }

    /// Publishes until shutdown or until the engine is gone.
    pub(super) async fn run(mut self, shutdown: Shutdown) {
        let mut published = self.handle.subscribe();
        loop {
            published.mark_unchanged();
            self.send();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                changed = published.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Compares with what was sent before, so that a view that was skipped is not missed.
    fn send(&mut self) {
        let view = self.handle.view();
        let sent = std::mem::replace(&mut self.sent, Arc::clone(&view));
        if self.service.updates.receiver_count() > 0 {
            for update in [pool_updates(&sent, &view), open_updates(&sent, &view)] {
                // It fails if the last listener has just left, and then nobody misses it.
                let _ = update.map(|update| self.service.updates.send(Arc::new(update)));
            }
        }
        if self.service.gates.receiver_count() > 0 {
            let gate = gate_view(&view, GATE_POOLS_MAX);
            if !self.gate.as_ref().is_some_and(|sent| is_same_gate(sent, &gate)) {
                let _ = self.service.gates.send(Arc::new(gate.clone()));
                self.gate = Some(gate);
            }
        }
    }
}

/// A new block alone is no change of the gate.
fn is_same_gate(sent: &GateView, now: &GateView) -> bool {
    (&sent.state, &sent.reason, sent.live_pools, &sent.pools)
        == (&now.state, &now.reason, now.live_pools, &now.pools)
}

/// Pools of the open block as far as its steps changed them since `old`; all that they touched if `old` is of another block.
fn open_updates(old: &LiquidityView, new: &LiquidityView) -> Option<PoolUpdatesView> {
    let open = new.open.as_ref()?;
    let before = old.open.as_ref().filter(|before| before.block == open.block);
    if before.is_some_and(|before| before.steps == open.steps) {
        return None;
    }
    let before = before.map_or(&new.head, |before| &before.pools);
    let changed = open.pools.pools().filter(|(idx, pool)| is_changed(before, *idx, pool));
    Some(PoolUpdatesView {
        chain_id: open.pools.chain_id(),
        block_number: open.block.number,
        block_hash: None,
        steps: Some(open.steps),
        generation: open.pools.generation(),
        pools: changed.map(|(_, pool)| pool_view(new, pool, open.block, false)).collect(),
        removed: Vec::new(),
    })
}

fn pool_updates(old: &LiquidityView, new: &LiquidityView) -> Option<PoolUpdatesView> {
    let is_gone = |open: &&Arc<OpenView>| new.open.as_ref().is_none_or(|it| it.block != open.block);
    // What was told of an open block that was taken back does not hold, though its parent is still the tip.
    let gone = old.open.as_ref().filter(is_gone).map(|open| &open.pools);
    if Arc::ptr_eq(&old.head, &new.head) && old.state == new.state && gone.is_none() {
        return None;
    }
    let block = new.head.tip()?;
    let changed = new.head.pools().filter(|(idx, pool)| {
        is_changed(&old.head, *idx, pool) || gone.is_some_and(|open| is_changed(open, *idx, pool))
    });
    let pools: Vec<_> = changed.map(|(_, pool)| pool_view(new, pool, block, false)).collect();
    let is_gone = |key: &PoolKey| new.head.get(key).is_none();
    // An open block that was taken back had all pools of its parent, and those that it created.
    let known = gone.unwrap_or(&old.head);
    let keys = known.pools().map(|(_, pool)| pool.statics().key);
    let removed: Vec<String> = keys.filter(is_gone).map(|key| key.id.to_string()).collect();
    if pools.is_empty() && removed.is_empty() {
        return None;
    }
    Some(PoolUpdatesView {
        chain_id: new.head.chain_id(),
        block_number: block.number,
        block_hash: hash_of(&block),
        steps: None,
        generation: new.head.generation(),
        pools,
        removed,
    })
}

/// Whether the pool's state or status may differ from that in an older snapshot. Nonces count within one arena: after a
/// rebuild an equal one means nothing, so the states are compared as well.
pub(super) fn is_changed(old: &PoolSnapshot, idx: PoolIdx, pool: &Pool) -> bool {
    old.pool(idx).is_none_or(|held| {
        held.statics().key != pool.statics().key
            || held.nonce() != pool.nonce()
            || held.status() != pool.status()
            || held.state() != pool.state()
    })
}

/// Sends one chain's changed opportunities to subscribers until shutdown.
pub(super) async fn forward_paths(
    service: Arc<LiquidityService>,
    handle: PathsHandle,
    shutdown: Shutdown,
) {
    let mut changes = handle.subscribe();
    loop {
        let change = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            change = changes.recv() => change,
        };
        match change {
            Ok(change) => {
                if let Some(view) = paths::changes_view(&change) {
                    // It fails if nobody listens.
                    let _ = service.changes.send(Arc::new(view));
                }
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(chain = handle.chain_id(), missed, "opportunity events were missed");
            }
            Err(RecvError::Closed) => return,
        }
    }
}
