//! Another branch of the chain while it is written, and how it becomes the canonical one.

use super::{Chain, ChainError, ChainView, RECENT_TRANSACTIONS_MAX};
use alloy_primitives::B256;
use std::{collections::VecDeque, sync::Arc};
use weir_builder::SealedOutput;
use weir_primitives::{ChainSegment, ChainUpdate, ExecutedBlock, Heads};
use weir_storage::{BlockCommit, RecordWrite, RevertCommit, Snapshot, StorageError};
use weir_trie::{HashedDiff, TrieUpdates};

/// Blocks remembered after they left the chain at most; beyond it the oldest is forgotten.
const ORPHANS_MAX: usize = 1_024;

/// A branch that the store holds and readers do not see yet: they keep the old head until it is adopted.
///
/// If the process dies meanwhile, the store is at the ancestor or at one of the new blocks.
#[derive(Debug)]
pub(crate) struct Branch {
    view: ChainView,
    old: ChainSegment,
    new: Option<ChainSegment>,
}

impl Branch {
    /// The branch as readers will see it.
    pub(crate) const fn view(&self) -> &ChainView {
        &self.view
    }

    /// The blocks so far, oldest first.
    pub(crate) fn new_blocks(&self) -> impl Iterator<Item = &ExecutedBlock> {
        self.new.iter().flat_map(ChainSegment::blocks)
    }
}

impl ChainView {
    /// Blocks whose changes are kept whole, so that they can be taken off.
    pub fn reorg_depth(&self) -> u64 {
        self.diffs.len() as u64
    }

    /// A block that left the chain not long ago.
    pub fn orphan(&self, hash: &B256) -> Option<&ExecutedBlock> {
        self.orphans.iter().rev().find(|block| block.block.hash() == *hash)
    }

    /// The newest `depth` blocks with their diffs, oldest first; `None` unless all of them are kept.
    pub(crate) fn newest(&self, depth: u64) -> Result<Option<ChainSegment>, StorageError> {
        let skipped =
            usize::try_from(depth).ok().and_then(|depth| self.diffs.len().checked_sub(depth));
        let Some(skipped) = skipped else { return Ok(None) };
        let mut segment: Option<ChainSegment> = None;
        for (number, diff) in self.diffs.iter().skip(skipped) {
            let Some(block) = self.block_by_number(*number)? else { return Ok(None) };
            let block = ExecutedBlock { diff: Some(Arc::clone(diff)), ..block };
            match &mut segment {
                None => segment = Some(ChainSegment::single(block)),
                Some(segment) => segment.push(block).expect("canonical blocks are linked"),
            }
        }
        Ok(segment)
    }

    /// The view after the blocks of `old`, the newest, have left.
    fn back(
        &self,
        old: &ChainSegment,
        ancestor: ExecutedBlock,
        snapshot: Arc<dyn Snapshot>,
    ) -> Self {
        let head = ancestor.reference();
        let heads = Heads::new(head, self.heads.safe_head(), self.heads.finalized_head())
            .expect("no block at or below the safe head is taken off");
        let is_kept = |number: u64| number <= head.number;
        let mut diffs = self.diffs.clone();
        diffs.retain(|(number, _)| is_kept(*number));
        let mut blocks = self.blocks.clone();
        blocks.retain(|block| is_kept(block.reference().number));
        if blocks.is_empty() {
            blocks.push_back(ancestor.clone());
        }
        let mut orphans = (*self.orphans).clone();
        orphans.extend(old.blocks().map(|block| ExecutedBlock { diff: None, ..block.clone() }));
        trim_orphans(&mut orphans);
        let orphans = Arc::new(orphans);
        Self { heads, head: ancestor, snapshot, diffs, blocks, orphans }
    }
}

fn trim_orphans(orphans: &mut VecDeque<ExecutedBlock>) {
    let size = |block: &ExecutedBlock| block.receipts.len();
    let mut total: usize = orphans.iter().map(size).sum();
    while orphans.len() > ORPHANS_MAX || (total > RECENT_TRANSACTIONS_MAX && orphans.len() > 1) {
        if let Some(dropped) = orphans.pop_front() {
            total -= size(&dropped);
        }
    }
}

impl Chain {
    /// Takes the newest blocks off the store, durably; readers do not see it yet.
    ///
    /// `old` are blocks that [`ChainView::newest`] gave; `hashed` and `trie` lead back to the state before them.
    ///
    /// # Errors
    /// After an error the chain must not be used any more.
    pub(crate) fn fork(
        &self,
        old: ChainSegment,
        hashed: &HashedDiff,
        trie: &TrieUpdates,
    ) -> Result<Branch, ChainError> {
        let view = self.view();
        let number = old.first().reference().number - 1;
        let failed = |source| ChainError::Store { number, source };
        let ancestor = view.block_by_number(number).map_err(failed)?;
        let ancestor = ancestor.ok_or(ChainError::HeadMissing { number })?;
        let revert = RevertCommit { to: ancestor.reference(), hashed, trie };
        self.store.revert(&revert).map_err(failed)?;
        let snapshot = self.store.snapshot().map_err(failed)?;
        Ok(Branch { view: view.back(&old, ancestor, snapshot), old, new: None })
    }

    /// Stores the next block of a branch durably; readers do not see it yet.
    ///
    /// # Errors
    /// After an error the chain must not be used any more.
    pub(crate) fn extend(
        &self,
        branch: &mut Branch,
        sealed: SealedOutput,
        records: &[RecordWrite],
    ) -> Result<(), ChainError> {
        let SealedOutput { executed, hashed, updates, .. } = sealed;
        let number = executed.reference().number;
        let failed = |source| ChainError::Store { number, source };
        let commit = BlockCommit { block: &executed, hashed: &hashed, trie: &updates, records };
        self.store.commit(&commit).map_err(failed)?;
        let snapshot = self.store.snapshot().map_err(failed)?;
        branch.view = branch.view.next(executed.clone(), snapshot, self.reorg_blocks);
        match &mut branch.new {
            None => branch.new = Some(ChainSegment::single(executed)),
            Some(new) => new.push(executed).expect("the store takes only children of the head"),
        }
        Ok(())
    }

    /// Makes a branch the one that readers see, and tells the subscribers in one update.
    pub(crate) fn adopt(&self, branch: Branch) {
        let Branch { view, old, new } = branch;
        self.view.store(Arc::new(view));
        self.tell(match new {
            Some(new) => ChainUpdate::Reorged { old, new },
            None => ChainUpdate::Reverted(old),
        });
    }
}
