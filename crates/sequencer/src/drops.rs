//! Why transactions left the pool without being included.

use crate::metrics;
use alloy_primitives::{B256, map::B256Map};
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Reasons kept; the oldest is forgotten first.
const REASONS_MAX: usize = 16_384;

/// Transactions remembered that must not come again; the oldest is forgotten first.
const QUARANTINED_MAX: usize = 4_096;

/// Why a transaction must not come again.
const QUARANTINED: &str = "quarantined: with it the block did not pass the check before publishing";

/// A bounded memory of dropped transactions, so that "what became of it" has an answer.
#[derive(Debug, Default)]
pub struct DropLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    reasons: B256Map<String>,
    order: VecDeque<B256>,
    quarantined: VecDeque<B256>,
}

impl DropLog {
    /// Remembers why a transaction left.
    pub fn record(&self, hash: B256, reason: &str) {
        metrics::dropped();
        let mut inner = self.inner.lock();
        if inner.reasons.insert(hash, reason.to_owned()).is_none() {
            inner.order.push_back(hash);
        }
        while inner.order.len() > REASONS_MAX {
            if let Some(oldest) = inner.order.pop_front() {
                inner.reasons.remove(&oldest);
            }
        }
    }

    /// Remembers that a transaction must not come again, and answers the reason.
    pub(crate) fn quarantine(&self, hash: B256) -> &'static str {
        let mut inner = self.inner.lock();
        inner.quarantined.push_back(hash);
        while inner.quarantined.len() > QUARANTINED_MAX {
            inner.quarantined.pop_front();
        }
        QUARANTINED
    }

    /// Whether a transaction must not come again.
    pub fn is_quarantined(&self, hash: &B256) -> bool {
        self.inner.lock().quarantined.contains(hash)
    }

    /// Forgets a transaction that was accepted after all.
    pub fn forget(&self, hash: &B256) {
        let mut inner = self.inner.lock();
        if inner.reasons.remove(hash).is_some() {
            inner.order.retain(|kept| kept != hash);
        }
    }

    /// Why the transaction left, if it did and that is still known.
    pub fn reason(&self, hash: &B256) -> Option<String> {
        self.inner.lock().reasons.get(hash).cloned()
    }
}
