//! Changes of transaction statuses on their way to who listens, and the places of the open block.

use alloy_primitives::{B256, map::B256Map};
use parking_lot::RwLock;
use std::sync::Arc;
use tokio::sync::broadcast;
use weir_primitives::{
    BlockPlace, ChainUpdate, ExecutedBlock, StatusUpdate, TransactionEvent, TransactionStatus,
    result_hash,
};

/// Updates a subscriber may fall behind before it is told that it lagged. A step or a block is one update.
const QUEUE_UPDATES: usize = 4_096;

/// Where the transactions of the open block stand.
#[derive(Debug, Default)]
struct OpenPlaces {
    /// Number of the open block.
    block: u64,
    /// The index of each, and the hash of its result.
    indices: B256Map<(u64, B256)>,
}

/// What becomes of transactions, as it happens. Events are made only while somebody listens, in the order in which the
/// node's state changes: whoever tells of a change holds what guards it, or is the only one to change it.
#[derive(Debug)]
pub struct StatusFeed {
    updates: broadcast::Sender<Arc<StatusUpdate>>,
    open: RwLock<OpenPlaces>,
}

impl Default for StatusFeed {
    fn default() -> Self {
        Self { updates: broadcast::Sender::new(QUEUE_UPDATES), open: RwLock::default() }
    }
}

impl StatusFeed {
    /// Every change from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<StatusUpdate>> {
        self.updates.subscribe()
    }

    /// Whether somebody listens.
    pub(crate) fn is_followed(&self) -> bool {
        self.updates.receiver_count() > 0
    }

    /// Tells of changes that do not move the chain; they are made only if somebody listens.
    pub(crate) fn tell(&self, events: impl IntoIterator<Item = (B256, TransactionStatus)>) {
        if self.is_followed() {
            self.send(events, false);
        }
    }

    fn send(
        &self,
        events: impl IntoIterator<Item = (B256, TransactionStatus)>,
        is_chain_moved: bool,
    ) {
        let event = |(hash, status)| TransactionEvent { hash, status };
        let events: Vec<TransactionEvent> = events.into_iter().map(event).collect();
        if events.is_empty() && !is_chain_moved {
            return;
        }
        // It fails if the last listener has just left, and then nobody misses it.
        let _ = self.updates.send(Arc::new(StatusUpdate { events, is_chain_moved }));
    }

    /// Where a transaction stands in the open block.
    pub(crate) fn open_status(&self, hash: &B256) -> Option<TransactionStatus> {
        let open = self.open.read();
        let (index, result) = *open.indices.get(hash)?;
        Some(TransactionStatus::Preconfirmed { block: open.block, index, result })
    }

    /// Transactions joined the open block, the first of them at `first`, each with the hash of its result.
    pub(crate) fn preconfirmed(&self, block: u64, first: u64, results: Vec<(B256, B256)>) {
        let placed = || results.iter().zip(first..);
        {
            let mut open = self.open.write();
            open.block = block;
            open.indices.extend(placed().map(|((hash, result), index)| (*hash, (index, *result))));
        }
        self.tell(placed().map(|((hash, result), index)| {
            (*hash, TransactionStatus::Preconfirmed { block, index, result: *result })
        }));
    }

    /// The open block is dropped. Answers what had joined it.
    pub(crate) fn retract_open(&self) -> Vec<B256> {
        let OpenPlaces { block, indices } = std::mem::take(&mut *self.open.write());
        let mut placed: Vec<(u64, B256)> =
            indices.into_iter().map(|(hash, (index, _))| (index, hash)).collect();
        placed.sort_unstable();
        let hashes: Vec<B256> = placed.into_iter().map(|(_, hash)| hash).collect();
        let retracted = TransactionStatus::Retracted { block, hash: None };
        self.tell(hashes.iter().map(|hash| (*hash, retracted.clone())));
        hashes
    }

    /// A transaction of the open block will not be in the sealed one.
    pub(crate) fn retract_one(&self, hash: B256) {
        let mut open = self.open.write();
        if open.indices.remove(&hash).is_some() {
            let retracted = TransactionStatus::Retracted { block: open.block, hash: None };
            drop(open);
            self.tell([(hash, retracted)]);
        }
    }

    /// Whether anything was told of the open block.
    pub(crate) fn is_open_told(&self) -> bool {
        !self.open.read().indices.is_empty()
    }

    /// The open block is sealed otherwise than it was told: what was told of those that stand elsewhere in it, or ended
    /// otherwise, does not hold.
    pub(crate) fn retract_moved(&self, sealed: &ExecutedBlock) {
        let transactions = sealed.block.transactions().iter().zip(&*sealed.receipts).zip(0..);
        let placed: B256Map<(u64, B256)> = transactions
            .map(|((transaction, receipt), index)| {
                (*transaction.tx_hash(), (index, result_hash(receipt)))
            })
            .collect();
        let mut open = self.open.write();
        let block = open.block;
        let moved = open.indices.extract_if(|hash, told| placed.get(hash) != Some(told));
        let mut moved: Vec<(u64, B256)> = moved.map(|(hash, (index, _))| (index, hash)).collect();
        drop(open);
        moved.sort_unstable();
        let retracted = TransactionStatus::Retracted { block, hash: None };
        self.tell(moved.into_iter().map(|(_, hash)| (hash, retracted.clone())));
    }

    /// Blocks are about to leave the chain.
    pub(crate) fn retract_blocks<'a>(&self, blocks: impl Iterator<Item = &'a ExecutedBlock>) {
        self.tell(blocks.flat_map(|block| {
            let hash = block.block.hash();
            let block_number = block.reference().number;
            let retracted = TransactionStatus::Retracted { block: block_number, hash: Some(hash) };
            let transactions = block.block.transactions().iter();
            transactions.map(move |transaction| (*transaction.tx_hash(), retracted.clone()))
        }));
    }

    /// The chain is as readers see it now.
    pub(crate) fn chain_moved(&self, update: &ChainUpdate) {
        self.open.write().indices.clear();
        if self.is_followed() {
            let blocks = update.new().into_iter().flat_map(|segment| segment.blocks());
            let included = |(place, hash)| (hash, TransactionStatus::Included(place));
            self.send(blocks.flat_map(places).map(included), true);
        }
    }
}

/// The transactions of a block with their places.
pub(crate) fn places(block: &ExecutedBlock) -> impl Iterator<Item = (BlockPlace, B256)> {
    let reference = block.reference();
    let transactions = block.block.transactions().iter().zip(0..);
    transactions.map(move |(transaction, index)| {
        let place = BlockPlace { block: reference.number, hash: reference.hash, index };
        (place, *transaction.tx_hash())
    })
}
