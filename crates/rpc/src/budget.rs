//! The memory that requests and answers of all clients together may hold.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Texts up to this size are not counted: the number of connections bounds them.
pub(crate) const FREE_BYTES: usize = 64 * 1024;

/// Bytes that may be held, shared by all connections.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    bytes: Arc<Semaphore>,
}

/// A part of the budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    _permit: OwnedSemaphorePermit,
}

/// A text that holds its share until it is written.
struct Held {
    text: String,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Budget {
    pub(crate) fn new(bytes: u32) -> Self {
        Self { bytes: Arc::new(Semaphore::new(bytes as usize)) }
    }

    /// Takes a share, or `None` if too little is left.
    pub(crate) fn take(&self, bytes: usize) -> Option<Share> {
        let bytes = u32::try_from(bytes).ok()?;
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(bytes).ok()?;
        Some(Share { _permit: permit })
    }

    /// The bytes of an answer, counted until they are dropped; `None` if there is no room for it.
    pub(crate) fn hold(&self, text: String) -> Option<Bytes> {
        if text.len() <= FREE_BYTES {
            return Some(text.into());
        }
        let share = self.take(text.len())?;
        Some(Bytes::from_owner(Held { text, _share: share }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_until_it_is_dropped() {
        let budget = Budget::new(100_000);
        let large = || "x".repeat(90_000);
        let first = budget.hold(large()).unwrap();
        assert!(budget.hold(large()).is_none());
        assert_eq!(budget.hold("small".to_owned()).unwrap(), "small");
        let part = first.slice(10..);
        drop(first);
        assert!(budget.hold(large()).is_none(), "a part of it is still there");
        drop(part);
        assert_eq!(budget.hold(large()).unwrap().len(), 90_000);
    }
}
