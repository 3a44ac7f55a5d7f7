//! The controls of an operator.

mod rotation;

use crate::{Chain, Controls, Ingress, L1Keys, SharedPool};
use alloy_primitives::{Address, B256};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use weir_keys::KeySource;
use weir_primitives::{DropCode, Fate};
use weir_rpc::{
    AdminBackend, AdminStatusView, BackendError, HaltView, KeyRotationView, LimitRules,
    LimitsError, LimitsHandle, Readiness, RotateKeyRequest,
};
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
    /// Those of the JSON-RPC server.
    limits: Option<LimitsHandle>,
    /// The key of the batches, if any are posted.
    l1_keys: Option<Arc<L1Keys>>,
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
        Self { chain, pool, ingress, controls, is_sequencer: true, limits: None, l1_keys: None }
    }

    /// For a node that builds no blocks.
    #[must_use]
    pub const fn of_follower(mut self) -> Self {
        self.is_sequencer = false;
        self
    }

    /// Reads and replaces the limits of this server, too.
    #[must_use]
    pub fn with_limits(mut self, limits: LimitsHandle) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Changes the key of the batches, too.
    #[must_use]
    pub fn with_l1_keys(mut self, keys: Option<Arc<L1Keys>>) -> Self {
        self.l1_keys = keys;
        self
    }

    fn halts(&self) -> &Halts {
        &self.controls.halts
    }

    fn limits_handle(&self) -> Result<&LimitsHandle, BackendError> {
        self.limits.as_ref().ok_or(BackendError::Unsupported)
    }

    /// Does something, and writes down who did what and how it ended.
    fn audited<T: fmt::Debug>(
        &self,
        caller: &str,
        method: &str,
        arguments: &Value,
        act: impl FnOnce() -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        write_down(self.halts(), caller, (method, arguments), act())
    }

    fn drop_one(&self, hash: B256) -> bool {
        let is_gone = self.pool.lock().remove(hash).is_ok();
        if is_gone {
            self.ingress.ended(hash, Fate::dropped(DropCode::Removed, DROPPED));
        }
        is_gone || self.ingress.drop_bundle(hash, DROPPED)
    }
}

/// Writes down who did what and how it ended, and hands the result on.
fn write_down<T: fmt::Debug>(
    halts: &Halts,
    caller: &str,
    (method, arguments): (&str, &Value),
    result: Result<T, BackendError>,
) -> Result<T, BackendError> {
    let outcome = match &result {
        Ok(done) => format!("{done:?}"),
        Err(error) => error.to_string(),
    };
    halts.record(caller, method, arguments, &outcome).map_err(BackendError::store)?;
    result
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
            by: halt.by,
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

    fn halt(&self, caller: &str, text: &str, reason: &str) -> Result<(), BackendError> {
        let arguments = json!({ "scope": text, "reason": reason });
        self.audited(caller, "halt", &arguments, || {
            self.halts().halt(scope(text)?, reason, caller).map_err(BackendError::store)
        })
    }

    fn resume(&self, caller: &str, text: &str) -> Result<bool, BackendError> {
        self.audited(caller, "resume", &json!({ "scope": text }), || {
            self.halts().resume(scope(text)?).map_err(BackendError::store)
        })
    }

    fn drop_transaction(&self, caller: &str, hash: B256) -> Result<bool, BackendError> {
        self.audited(
            caller,
            "dropTransaction",
            &json!({ "hash": hash }),
            || Ok(self.drop_one(hash)),
        )
    }

    fn drop_sender(&self, caller: &str, sender: Address) -> Result<Vec<B256>, BackendError> {
        self.audited(caller, "dropSender", &json!({ "sender": sender }), || {
            let mut hashes: Vec<B256> = {
                let pool = self.pool.lock();
                let of_sender = pool.transactions().filter(|one| one.sender == sender);
                of_sender.map(|one| one.hash).collect()
            };
            hashes.extend(self.ingress.bundles().of_sender(sender));
            Ok(hashes.into_iter().filter(|hash| self.drop_one(*hash)).collect())
        })
    }

    fn set_log_filter(&self, caller: &str, filter: &str) -> Result<(), BackendError> {
        self.audited(caller, "setLogFilter", &json!({ "filter": filter }), || {
            set_log_filter(filter).map_err(|error| BackendError::refused(error.to_string()))
        })
    }

    fn compact_journal(&self, caller: &str) -> Result<u64, BackendError> {
        self.audited(caller, "compactJournal", &json!({}), || {
            self.ingress.compact_journal().map_err(BackendError::store)?;
            Ok(self.ingress.journal_bytes())
        })
    }

    fn drain(&self, caller: &str) -> Result<(), BackendError> {
        self.audited(caller, "drain", &json!({}), || {
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

    fn limits(&self) -> Result<Arc<LimitRules>, BackendError> {
        Ok(self.limits_handle()?.rules())
    }

    fn set_limits(&self, caller: &str, text: &str) -> Result<(), BackendError> {
        let refused = |error: LimitsError| BackendError::refused(error.to_string());
        let parsed = LimitRules::parse(text).map_err(refused);
        // As they are shown: without API keys. What cannot be parsed may hold one, too.
        let arguments = json!({ "limits": parsed.as_ref().ok() });
        self.audited(caller, "setLimits", &arguments, || {
            self.limits_handle()?.replace(parsed?).map_err(refused)
        })
    }

    fn rotate_key(
        &self,
        caller: String,
        role: String,
        request: RotateKeyRequest,
    ) -> BoxFuture<'static, Result<KeyRotationView, BackendError>> {
        let halts = Arc::clone(&self.controls.halts);
        let (ingress, l1_keys) = (Arc::clone(&self.ingress), self.l1_keys.clone());
        Box::pin(async move {
            // As it is shown: what was given in its place may be a key itself.
            let key = request.key.as_deref().and_then(|key| key.parse::<KeySource>().ok());
            let arguments = json!({
                "role": role, "key": key.map(|key| key.to_string()),
                "password": request.password, "overlapMs": request.overlap_ms,
            });
            let rotated = rotation::rotate(&ingress, l1_keys, &role, request).await;
            write_down(&halts, &caller, ("rotateKey", &arguments), rotated)
        })
    }
}
