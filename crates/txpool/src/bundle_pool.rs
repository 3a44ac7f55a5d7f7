//! Bundles that wait for a block.

use crate::Bundle;
use alloy_primitives::{B256, map::B256Map};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Bundles held at most unless told otherwise.
pub const DEFAULT_MAX_BUNDLES: usize = 1_024;
/// Transactions of one bundle at most (as Flashbots' relay has it).
pub const MAX_BUNDLE_TRANSACTIONS: usize = 100;
/// Bytes of the transactions of one bundle at most (as Flashbots' relay has it).
pub const MAX_BUNDLE_BYTES: usize = 300_000;
/// Bytes of a sender's name for a bundle at most: a UUID has 36.
pub const MAX_REPLACEMENT_BYTES: usize = 64;
/// Blocks from the next one on within which a bundle must begin and end: what waits costs a trial in each of them.
pub const MAX_BUNDLE_BLOCKS: u64 = 100;

/// Why a bundle is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It holds nothing.
    #[error("bundle has no transactions")]
    Empty,
    /// It holds the same transaction twice.
    #[error("bundle has a transaction twice: hash={hash}")]
    Repeated {
        /// Hash of the transaction.
        hash: B256,
    },
    /// It holds more transactions than a bundle may.
    #[error(
        "bundle has too many transactions: transactions={transactions} limit={MAX_BUNDLE_TRANSACTIONS}"
    )]
    TooManyTransactions {
        /// Transactions in it.
        transactions: usize,
    },
    /// Its transactions are longer than they may be together.
    #[error("bundle is too large: bytes={bytes} limit={MAX_BUNDLE_BYTES}")]
    TooLarge {
        /// Bytes of their encodings.
        bytes: usize,
    },
    /// The sender's name for it is longer than it may be.
    #[error("replacementUuid is too long: bytes={bytes} limit={MAX_REPLACEMENT_BYTES}")]
    NameTooLong {
        /// Bytes of the name.
        bytes: usize,
    },
    /// No block can hold it any more.
    #[error("bundle is over: last_block={last} next_block={next}")]
    Over {
        /// The last block in which it may stand.
        last: u64,
        /// The next block.
        next: u64,
    },
    /// It waits for blocks that are too far away, or for none.
    #[error("bundle's blocks are out of range: first={first} last={last} next={next} limit={}", next + MAX_BUNDLE_BLOCKS)]
    OutOfRange {
        /// The first block in which it may stand.
        first: u64,
        /// The last one.
        last: u64,
        /// The next block.
        next: u64,
    },
    /// It grants leeway to a transaction that it does not hold.
    #[error("bundle has no such transaction: hash={hash}")]
    Foreign {
        /// Hash of the transaction.
        hash: B256,
    },
    /// There is no room. Try again when a block is sealed.
    #[error("too many bundles wait: limit={limit}")]
    Full {
        /// Bundles held at most.
        limit: usize,
    },
}

impl BundleError {
    /// Whether a bundle of so many transactions and bytes of their encodings may be.
    ///
    /// # Errors
    /// If not.
    pub const fn check_size(transactions: usize, bytes: usize) -> Result<(), Self> {
        if transactions == 0 {
            Err(Self::Empty)
        } else if transactions > MAX_BUNDLE_TRANSACTIONS {
            Err(Self::TooManyTransactions { transactions })
        } else if bytes > MAX_BUNDLE_BYTES {
            Err(Self::TooLarge { bytes })
        } else {
            Ok(())
        }
    }
}

/// Bundles by the order in which they came.
///
/// A plain value without clock or lock, as [`TxPool`](crate::TxPool) is. It looks at bounds alone: transactions are checked by
/// the caller before, and by their execution.
#[derive(Debug)]
pub struct BundlePool {
    max_bundles: usize,
    by_arrival: BTreeMap<u64, Arc<Bundle>>,
    arrivals: B256Map<u64>,
    by_name: HashMap<String, B256>,
}

impl Default for BundlePool {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_BUNDLES)
    }
}

impl BundlePool {
    /// Holds so many bundles at most.
    pub fn new(max_bundles: usize) -> Self {
        Self {
            max_bundles,
            by_arrival: BTreeMap::new(),
            arrivals: B256Map::default(),
            by_name: HashMap::new(),
        }
    }

    /// Adds a bundle, in the place of the one with the same name or the same transactions, which is answered. `next` is the
    /// number of the next block.
    ///
    /// # Errors
    /// The pool is unchanged by a refused bundle.
    pub fn add(&mut self, bundle: Bundle, next: u64) -> Result<Vec<Arc<Bundle>>, BundleError> {
        self.check(&bundle, next)?;
        let replaced = self.replaced(&bundle);
        let replaced = replaced.iter().filter_map(|hash| self.remove(hash)).collect();
        if let Some(name) = &bundle.replacement {
            self.by_name.insert(name.clone(), bundle.hash);
        }
        self.arrivals.insert(bundle.hash, bundle.arrival);
        self.by_arrival.insert(bundle.arrival, Arc::new(bundle));
        Ok(replaced)
    }

    /// Whether [`Self::add`] would take a bundle.
    ///
    /// # Errors
    /// Those of [`Self::add`].
    pub fn check(&self, bundle: &Bundle, next: u64) -> Result<(), BundleError> {
        check(bundle, next)?;
        if self.by_arrival.len() >= self.max_bundles && self.replaced(bundle).is_empty() {
            return Err(BundleError::Full { limit: self.max_bundles });
        }
        Ok(())
    }

    /// Those whose place a bundle takes.
    fn replaced(&self, bundle: &Bundle) -> Vec<B256> {
        let named = bundle.replacement.as_ref().and_then(|name| self.by_name.get(name).copied());
        let all = named.into_iter().chain([bundle.hash]);
        all.filter(|hash| self.arrivals.contains_key(hash)).collect()
    }

    /// Takes a bundle out.
    pub fn remove(&mut self, hash: &B256) -> Option<Arc<Bundle>> {
        let bundle = self.by_arrival.remove(&self.arrivals.remove(hash)?)?;
        if let Some(name) = &bundle.replacement {
            self.by_name.remove(name);
        }
        Some(bundle)
    }

    /// The bundle that its sender calls so.
    pub fn named(&self, name: &str) -> Option<&Arc<Bundle>> {
        self.get(self.by_name.get(name)?)
    }

    /// The bundle with this hash.
    pub fn get(&self, hash: &B256) -> Option<&Arc<Bundle>> {
        self.by_arrival.get(self.arrivals.get(hash)?)
    }

    /// All of them, in the order in which they came.
    pub fn bundles(&self) -> impl Iterator<Item = &Arc<Bundle>> {
        self.by_arrival.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_arrival.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_arrival.is_empty()
    }
}

/// The rules that need no other bundle.
fn check(bundle: &Bundle, next: u64) -> Result<(), BundleError> {
    BundleError::check_size(bundle.transactions.len(), bundle.encoded_length())?;
    let mut hashes: Vec<B256> = bundle.transactions.iter().map(|(one, _)| one.hash).collect();
    hashes.sort_unstable();
    if let Some(twice) = hashes.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(BundleError::Repeated { hash: twice[0] });
    }
    if let Some(bytes) = bundle.replacement.as_ref().map(String::len)
        && bytes > MAX_REPLACEMENT_BYTES
    {
        return Err(BundleError::NameTooLong { bytes });
    }
    let (first, last) = (*bundle.blocks.start(), *bundle.blocks.end());
    if last < next {
        return Err(BundleError::Over { last, next });
    }
    if last < first || last - next > MAX_BUNDLE_BLOCKS {
        return Err(BundleError::OutOfRange { first, last, next });
    }
    Ok(())
}
