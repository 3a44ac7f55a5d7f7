//! The controls of an operator.

use crate::{Chain, Controls, Ingress, SharedPool};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use weir_primitives::{DropCode, Fate};
use weir_rpc::{AdminBackend, AdminStatusView, BackendError, HaltView, Readiness};
use weir_runtime::{Halts, Scope, set_log_filter};

/// Why a transaction left the pool.
const DROPPED: &str = "dropped by the operator";

/// Set when the node is to empty its pool and stop.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<AtomicBool>);

impl Drain {
    /// Begins to drain. It cannot be taken back.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the node drains.
    pub fn is_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Acts on the parts of a sequencer, and writes down what was done.
pub struct NodeAdmin {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    ingress: Arc<Ingress>,
    controls: Controls,
    /// Whether the node builds blocks.
    is_sequencer: bool,
}

impl fmt::Debug for NodeAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeAdmin").field("controls", &self.controls).finish_non_exhaustive()
    }
}

impl NodeAdmin {
    /// Controls over these parts, which look at `controls`.
    pub const fn new(
        chain: Arc<Chain>,
        pool: Arc<SharedPool>,
        ingress: Arc<Ingress>,
        controls: Controls,
    ) -> Self {
        Self { chain, pool, ingress, controls, is_sequencer: true }
    }

    /// For a node that builds no blocks.
    #[must_use]
    pub const fn of_follower(mut self) -> Self {
        self.is_sequencer = false;
        self
    }

    fn halts(&self) -> &Halts {
        &self.controls.halts
    }

    /// Does something, and writes down what and how it ended.
    fn audited<T: fmt::Debug>(
        &self,
        method: &str,
        arguments: &Value,
        act: impl FnOnce() -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let result = act();
        let outcome = match &result {
            Ok(done) => format!("{done:?}"),
            Err(error) => error.to_string(),
        };
        self.halts().record(method, arguments, &outcome).map_err(BackendError::store)?;
        result
    }

    fn drop_one(&self, hash: B256) -> bool {
        let is_gone = self.pool.lock().remove(hash).is_ok();
        if is_gone {
            self.ingress.ended(hash, Fate::dropped(DropCode::Removed, DROPPED));
        }
        is_gone
    }
}

fn scope(text: &str) -> Result<Scope, BackendError> {
    text.parse()
        .map_err(|error: weir_runtime::UnknownScope| BackendError::refused(error.to_string()))
}

impl AdminBackend for NodeAdmin {
    fn readiness(&self) -> Readiness {
        self.ingress.readiness()
    }

    fn status(&self) -> AdminStatusView {
        let view = self.chain.view();
        let head = view.head().reference();
        let pool = self.pool.lock().status();
        let halts = self.halts().all().into_iter().map(|(scope, halt)| HaltView {
            scope: scope.name().to_owned(),
            reason: halt.reason,
            since_ms: halt.since_ms,
        });
        AdminStatusView {
            head_number: head.number,
            head_hash: head.hash,
            pending: pool.pending as u64,
            queued: pool.queued as u64,
            journal_bytes: self.ingress.journal_bytes(),
            is_draining: self.controls.drain.is_begun(),
            halts: halts.collect(),
        }
    }

    fn halt(&self, text: &str, reason: &str) -> Result<(), BackendError> {
        let arguments = json!({ "scope": text, "reason": reason });
        self.audited("halt", &arguments, || {
            self.halts().halt(scope(text)?, reason).map_err(BackendError::store)
        })
    }

    fn resume(&self, text: &str) -> Result<bool, BackendError> {
        self.audited("resume", &json!({ "scope": text }), || {
            self.halts().resume(scope(text)?).map_err(BackendError::store)
        })
    }

    fn drop_transaction(&self, hash: B256) -> Result<bool, BackendError> {
        self.audited("dropTransaction", &json!({ "hash": hash }), || Ok(self.drop_one(hash)))
    }

    fn drop_sender(&self, sender: Address) -> Result<Vec<B256>, BackendError> {
        self.audited("dropSender", &json!({ "sender": sender }), || {
            let hashes: Vec<B256> = {
                let pool = self.pool.lock();
                let of_sender = pool.transactions().filter(|one| one.sender == sender);
                of_sender.map(|one| one.hash).collect()
            };
            Ok(hashes.into_iter().filter(|hash| self.drop_one(*hash)).collect())
        })
    }

    fn set_log_filter(&self, filter: &str) -> Result<(), BackendError> {
        self.audited("setLogFilter", &json!({ "filter": filter }), || {
            set_log_filter(filter).map_err(|error| BackendError::refused(error.to_string()))
        })
    }

    fn compact_journal(&self) -> Result<u64, BackendError> {
        self.audited("compactJournal", &json!({}), || {
            self.ingress.compact_journal().map_err(BackendError::store)?;
            Ok(self.ingress.journal_bytes())
        })
    }

    fn drain(&self) -> Result<(), BackendError> {
        self.audited("drain", &json!({}), || {
            if !self.is_sequencer {
                return Err(BackendError::refused(
                    "a follower has nothing to drain: stop it by a signal",
                ));
            }
            if let Some(halt) = self.halts().halt_of(Scope::Sealing) {
                let reason = halt.reason;
                let words = format!("sealing is halted, so nothing can be drained: {reason}");
                return Err(BackendError::refused(words));
            }
            self.controls.drain.begin();
            self.pool.ring();
            Ok(())
        })
    }
}
