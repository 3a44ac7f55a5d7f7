//! The canonical chain as readers see it: one immutable view a block, swapped atomically.

mod branch;
pub(crate) use branch::Branch;

mod lock;
pub use lock::ReorgLock;

use crate::{StatusFeed, Witnesses};
use alloy_primitives::B256;
use arc_swap::ArcSwap;
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{broadcast, watch};
use weir_evm::{ChainSpec, SealedHeader};
use weir_primitives::{
    BlockRef, ChainSegment, ChainUpdate, ExecutedBlock, Heads, OpenStep, OpenUpdate, StateDiff,
    StateError, StateProvider,
};
use weir_storage::{BlockCommit, HistoricalState, RecordWrite, Snapshot, StorageError, Store};
use weir_trie::{HashedDiff, TrieUpdates};

/// Changed leaves that the diffs of recent blocks hold together at most (about 200 bytes each); beyond it the oldest are
/// forgotten early.
const RECENT_LEAVES_MAX: usize = 1_000_000;

/// Transactions in the recent blocks that are kept decoded at most; older ones are read from the store.
const RECENT_TRANSACTIONS_MAX: usize = 50_000;

/// Updates a subscriber may fall behind before it is told that it lagged. Blocks are freed once all have read them.
const SUBSCRIBER_QUEUE_UPDATES: usize = 64;

/// Steps of open blocks a subscriber may fall behind before it misses some.
const OPEN_QUEUE_UPDATES: usize = 1_024;

/// What readers see between two blocks: the head, its state, and the recent past.
#[derive(Clone)]
pub struct ChainView {
    heads: Heads,
    head: ExecutedBlock,
    snapshot: Arc<dyn Snapshot>,
    /// Newest last; the last one is the head's.
    diffs: VecDeque<(u64, Arc<StateDiff>)>,
    /// Newest last.
    blocks: VecDeque<ExecutedBlock>,
    /// Blocks that left the chain, newest last; without diffs.
    orphans: Arc<VecDeque<ExecutedBlock>>,
}

impl fmt::Debug for ChainView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainView").field("heads", &self.heads).finish_non_exhaustive()
    }
}

impl ChainView {
    /// The heads.
    pub const fn heads(&self) -> Heads {
        self.heads
    }

    /// The block at the unsafe head.
    pub const fn head(&self) -> &ExecutedBlock {
        &self.head
    }

    /// The store as it was when this view was made.
    pub fn snapshot(&self) -> &Arc<dyn Snapshot> {
        &self.snapshot
    }

    /// A canonical block with its receipts.
    pub fn block_by_number(&self, number: u64) -> Result<Option<ExecutedBlock>, StorageError> {
        match self.recent(number) {
            Some(block) => Ok(Some(block.clone())),
            None => self.snapshot.block_by_number(number),
        }
    }

    /// A canonical header.
    pub fn header_by_number(&self, number: u64) -> Result<Option<SealedHeader>, StorageError> {
        match self.recent(number) {
            Some(block) => {
                let header = block.block.header().clone();
                Ok(Some(SealedHeader::new_unchecked(header, block.block.hash())))
            }
            None => {
                let header = self.snapshot.header_by_number(number)?;
                Ok(header.map(|(hash, header)| SealedHeader::new_unchecked(header, hash)))
            }
        }
    }

    fn recent(&self, number: u64) -> Option<&ExecutedBlock> {
        let newest = self.blocks.back()?.reference().number;
        let behind = usize::try_from(newest.checked_sub(number)?).ok()?;
        self.blocks.get(self.blocks.len().checked_sub(behind + 1)?)
    }

    /// The state after block `number`.
    ///
    /// # Errors
    /// [`StateError::Pruned`] if it is older than the history window.
    pub fn state_at(&self, number: u64) -> Result<Arc<dyn StateProvider>, StateError> {
        if number == self.heads.unsafe_head().number {
            return Ok(Arc::clone(&self.snapshot) as Arc<dyn StateProvider>);
        }
        Ok(Arc::new(HistoricalState::new(Arc::clone(&self.snapshot), number)?))
    }

    fn next(&self, head: ExecutedBlock, snapshot: Arc<dyn Snapshot>, reorg_blocks: usize) -> Self {
        let reference = head.reference();
        let heads = Heads::new(reference, self.heads.safe_head(), self.heads.finalized_head())
            .expect("a new block is above the safe head");
        let mut diffs = self.diffs.clone();
        let mut blocks = self.blocks.clone();
        diffs.extend(head.diff.clone().map(|diff| (reference.number, diff)));
        blocks.push_back(head.clone());
        trim_diffs(&mut diffs, reorg_blocks);
        trim_blocks(&mut blocks);
        let orphans = Arc::clone(&self.orphans);
        Self { heads, head, snapshot, diffs, blocks, orphans }
    }
}

fn trim_diffs(diffs: &mut VecDeque<(u64, Arc<StateDiff>)>, blocks_max: usize) {
    let mut leaves: usize = diffs.iter().map(|(_, diff)| diff.leaves()).sum();
    while diffs.len() > 1 && (diffs.len() > blocks_max || leaves > RECENT_LEAVES_MAX) {
        if let Some((_, dropped)) = diffs.pop_front() {
            leaves -= dropped.leaves();
        }
    }
}

fn trim_blocks(blocks: &mut VecDeque<ExecutedBlock>) {
    let size = |block: &ExecutedBlock| block.receipts.len() + 1;
    let mut total: usize = blocks.iter().map(size).sum();
    while blocks.len() > 1 && total > RECENT_TRANSACTIONS_MAX {
        if let Some(dropped) = blocks.pop_front() {
            total -= size(&dropped);
        }
    }
}

/// Why a block could not be appended.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The store refused the block or could not be read. The node must stop: memory may be ahead of the disk.
    #[error("block could not be stored: number={number}")]
    Store {
        /// Number of the block.
        number: u64,
        /// What the store said.
        #[source]
        source: StorageError,
    },
    /// The store is empty of its own head block.
    #[error("store lacks its head block: number={number}")]
    HeadMissing {
        /// Number of the head.
        number: u64,
    },
}

/// The canonical chain: the store behind it, the current view, and who is told of changes.
///
/// One writer appends; readers take [`Self::view`] and keep it as long as they like.
pub struct Chain {
    spec: Arc<ChainSpec>,
    store: Arc<dyn Store>,
    view: ArcSwap<ChainView>,
    updates: broadcast::Sender<Arc<ChainUpdate>>,
    open: broadcast::Sender<Arc<OpenUpdate>>,
    head: watch::Sender<BlockRef>,
    reorg_lock: Arc<ReorgLock>,
    reorg_blocks: usize,
    witnesses: Witnesses,
    statuses: StatusFeed,
    /// Timestamp of the open block in seconds; zero before the first.
    open_timestamp: AtomicU64,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("view", &self.view.load()).finish_non_exhaustive()
    }
}

impl Chain {
    /// Opens the chain at the store's head. State is readable as far back as the store keeps it; of the blocks that come,
    /// at most `reorg_blocks` can be taken off again.
    pub fn open(
        spec: Arc<ChainSpec>,
        store: Arc<dyn Store>,
        reorg_blocks: usize,
    ) -> Result<Self, ChainError> {
        let failed = |number| move |source| ChainError::Store { number, source };
        let snapshot = store.snapshot().map_err(failed(0))?;
        let number = snapshot.head().number;
        let block = |number| {
            let block = snapshot.block_by_number(number).map_err(failed(number))?;
            block.ok_or(ChainError::HeadMissing { number })
        };
        let head = block(number)?;
        let genesis = block(0)?.reference();
        let heads =
            Heads::new(head.reference(), genesis, genesis).expect("genesis is not above the head");
        let blocks = VecDeque::from([head.clone()]);
        let (sender, _) = watch::channel(head.reference());
        let witnesses = Witnesses::new(Arc::clone(&store));
        let (diffs, orphans) = (VecDeque::new(), Arc::default());
        let view = ChainView { heads, head, snapshot, diffs, blocks, orphans };
        Ok(Self {
            spec,
            store,
            view: ArcSwap::from_pointee(view),
            updates: broadcast::Sender::new(SUBSCRIBER_QUEUE_UPDATES),
            open: broadcast::Sender::new(OPEN_QUEUE_UPDATES),
            head: sender,
            reorg_lock: Arc::default(),
            reorg_blocks,
            witnesses,
            statuses: StatusFeed::default(),
            open_timestamp: AtomicU64::new(0),
        })
    }

    /// The same chain with every block settled: its head is safe and final, because nothing will take blocks off.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let view = self.view.load_full();
        let head = view.heads.unsafe_head();
        let heads = Heads::new(head, head, head).expect("a block is not above itself");
        self.view = ArcSwap::from_pointee(ChainView { heads, ..ChainView::clone(&view) });
        self
    }

    /// The rules of the chain.
    pub const fn spec(&self) -> &Arc<ChainSpec> {
        &self.spec
    }

    /// The store behind the chain.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Whoever lets blocks leave the node for good holds it meanwhile.
    pub const fn reorg_lock(&self) -> &Arc<ReorgLock> {
        &self.reorg_lock
    }

    /// Newest blocks that can be taken off at most.
    pub(crate) const fn reorg_blocks(&self) -> usize {
        self.reorg_blocks
    }

    /// The witnesses of the newest blocks.
    pub const fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    /// The timestamp that the open block will carry, in seconds, as far as it is known.
    pub(crate) fn open_timestamp(&self) -> u64 {
        self.open_timestamp.load(Ordering::Relaxed)
    }

    pub(crate) fn set_open_timestamp(&self, seconds: u64) {
        self.open_timestamp.store(seconds, Ordering::Relaxed);
    }

    /// What becomes of transactions.
    pub const fn statuses(&self) -> &StatusFeed {
        &self.statuses
    }

    /// What the chain looks like now. Cheap; never blocks the writer.
    pub fn view(&self) -> Arc<ChainView> {
        self.view.load_full()
    }

    /// A watch on the unsafe head: the latest value wins.
    pub fn watch_head(&self) -> watch::Receiver<BlockRef> {
        self.head.subscribe()
    }

    /// Every update from now on. A receiver told that it lagged must read the chain anew.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<ChainUpdate>> {
        self.updates.subscribe()
    }

    /// What happens to the open block from now on. A step is sent after the update of the block that it is on top of. A
    /// receiver that lagged has missed steps, and waits for the sealed block.
    pub fn subscribe_open(&self) -> broadcast::Receiver<Arc<OpenUpdate>> {
        self.open.subscribe()
    }

    /// Tells of a step of the open block, which is made only if somebody listens.
    pub(crate) fn announce_step(&self, step: impl FnOnce() -> OpenStep) {
        if self.open.receiver_count() > 0 {
            // It fails if the last listener has just left, and then nobody misses it.
            let _ = self.open.send(Arc::new(OpenUpdate::Appended(step())));
        }
    }

    /// Tells that the open block on top of `parent_hash` is dropped.
    pub(crate) fn retract_open(&self, parent_hash: B256) {
        // As above.
        let _ = self.open.send(Arc::new(OpenUpdate::Retracted { parent_hash }));
    }

    /// Stores a sealed block and its records durably and makes it the head, in that order; [`Self::announce`] then tells the others.
    ///
    /// # Errors
    /// After an error the chain must not be used any more.
    pub fn append(
        &self,
        block: &ExecutedBlock,
        hashed: &HashedDiff,
        trie: &TrieUpdates,
        records: &[RecordWrite],
    ) -> Result<(), ChainError> {
        let number = block.reference().number;
        let failed = |source| ChainError::Store { number, source };
        self.store.commit(&BlockCommit { block, hashed, trie, records }).map_err(failed)?;
        let snapshot = self.store.snapshot().map_err(failed)?;
        let next = self.view.load().next(block.clone(), snapshot, self.reorg_blocks);
        self.view.store(Arc::new(next));
        Ok(())
    }

    /// Tells the subscribers of a block that was appended.
    pub fn announce(&self, block: ExecutedBlock) {
        self.tell(ChainUpdate::Committed(ChainSegment::single(block)));
    }

    /// Sends an update that the view shows already.
    fn tell(&self, update: ChainUpdate) {
        let head = self.view.load().heads().unsafe_head();
        self.statuses.chain_moved(&update);
        // An error only says that nobody listens.
        let _ = self.updates.send(Arc::new(update));
        self.head.send_replace(head);
    }
}
