//! The bundles that wait, and how others ended.

use crate::{
    StatusRetention,
    remembered::{Kept, Remembered},
};
use alloy_primitives::{
    Address, B256,
    map::{B256Map, B256Set},
};
use std::sync::Arc;
use weir_primitives::{DropCode, Fate};
use weir_txpool::{Bundle, BundlePool, PoolTransaction};

/// How a bundle ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BundleEnd {
    /// A block holds it.
    Landed {
        /// The first of its transactions there.
        transaction: B256,
    },
    /// No block does.
    Left(Fate),
}

/// Bundles as [`Ingress`](crate::Ingress) keeps them behind a lock.
///
/// LOCK ORDER: after the pool's lock, before the fates'.
#[derive(Debug)]
pub(crate) struct Bundles {
    pub(crate) pool: BundlePool,
    /// Why each could not join the block when it was last tried.
    failures: B256Map<String>,
    /// Those in the open block, and the one being tried there.
    tried: B256Set,
    pub(crate) ends: Remembered<BundleEnd>,
}

impl Bundles {
    pub(crate) fn new(retention: StatusRetention) -> Self {
        Self {
            pool: BundlePool::default(),
            failures: B256Map::default(),
            tried: B256Set::default(),
            ends: Remembered::new(retention),
        }
    }

    /// Remembers how a bundle ended.
    pub(crate) fn end(&mut self, kept: Kept<BundleEnd>, now: u64) {
        self.pool.remove(&kept.hash);
        self.failures.remove(&kept.hash);
        self.ends.insert(kept, now);
    }

    /// Nothing of the open block is tried yet, or it is dropped.
    pub(crate) fn begin_block(&mut self) {
        self.tried.clear();
    }

    /// Begins to try a bundle in the open block. Answers whether it is still there.
    pub(crate) fn begin_trial(&mut self, hash: B256) -> bool {
        self.pool.get(&hash).is_some() && self.tried.insert(hash)
    }

    /// The bundle did not join the block.
    pub(crate) fn fail_trial(&mut self, hash: B256, reason: String) {
        self.tried.remove(&hash);
        if self.pool.get(&hash).is_some() {
            self.failures.insert(hash, reason);
        }
    }

    /// Whether a bundle is in the open block, or being tried there.
    pub(crate) fn is_tried(&self, hash: &B256) -> bool {
        self.tried.contains(hash)
    }

    /// Why a bundle did not join the block when it was last tried.
    pub(crate) fn failure(&self, hash: &B256) -> Option<&str> {
        self.failures.get(hash).map(String::as_str)
    }

    /// The transactions of all bundles that wait.
    pub(crate) fn transactions(&self) -> B256Map<Arc<PoolTransaction>> {
        let all = self.pool.bundles().flat_map(|bundle| &bundle.transactions);
        all.map(|(transaction, _)| (transaction.hash, Arc::clone(transaction))).collect()
    }

    /// The bundles with a transaction of this sender.
    pub(crate) fn of_sender(&self, sender: Address) -> Vec<B256> {
        let has_one = |bundle: &&Arc<Bundle>| {
            bundle.transactions.iter().any(|(transaction, _)| transaction.sender == sender)
        };
        self.pool.bundles().filter(has_one).map(|bundle| bundle.hash).collect()
    }

    /// How bundles ended with a block of these transactions, if the next one is `next`, with a timestamp of at least
    /// `timestamp`.
    pub(crate) fn ended_by(
        &self,
        included: &B256Set,
        (next, timestamp): (u64, u64),
        is_quarantined: impl Fn(&B256) -> bool,
    ) -> Vec<(B256, BundleEnd)> {
        let end = |bundle: &Arc<Bundle>| {
            let mut hashes = bundle.transactions.iter().map(|(transaction, _)| transaction.hash);
            if bundle.is_in(|hash| included.contains(hash)) {
                let transaction = hashes.find(|hash| included.contains(hash))?;
                return Some((bundle.hash, BundleEnd::Landed { transaction }));
            }
            let fate = if let Some(hash) = hashes.find(|hash| is_quarantined(hash)) {
                Fate::dropped(DropCode::Quarantined, format!("transaction {hash} is quarantined"))
            } else if bundle.is_over(next, timestamp) {
                Fate::dropped(DropCode::Expired, self.expiry(bundle))
            } else {
                return None;
            };
            Some((bundle.hash, BundleEnd::Left(fate)))
        };
        self.pool.bundles().filter_map(end).collect()
    }

    fn expiry(&self, bundle: &Bundle) -> String {
        let why = self.failure(&bundle.hash).unwrap_or("it was not tried");
        format!("no block took it: last_block={} reason={why}", bundle.blocks.end())
    }
}
