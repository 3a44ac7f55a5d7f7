//! A reorg of the chain that the driver writes, between two steps of the open block.

use super::{
    SequencingDriver, SequencingError,
    checked::{Checked, Removal, Removed},
    sealed_header,
};
use crate::{
    ReorgError, ReorgInbox,
    batching::newest_batched,
    chain::Branch,
    ingress::{Readmitted, overtaken, sender_state},
    metrics,
    reorg::ReorgCommand,
};
use alloy_primitives::{
    Address, B256, Bytes, keccak256,
    map::{AddressMap, AddressSet},
};
use std::{collections::VecDeque, sync::Arc};
use weir_builder::SealedOutput;
use weir_evm::{BlockAttributes, SealedHeader};
use weir_primitives::{
    BlockRef, ChainSegment, DropCode, ExecutedBlock, Fate, StateError, StateProvider, Transaction,
};
use weir_rpc::{ReorgOutcome, ReorgRequest, ReorgTransactions};
use weir_runtime::Clock;
use weir_storage::{RecordWrite, inverse_diff};
use weir_trie::{HashedDiff, StateTrie, TrieUpdates};
use weir_txpool::SenderState;

/// Blocks that one reorg puts in at most. Each is at least a second after its parent.
const NEW_BLOCKS_MAX: u64 = 1_024;

/// Why a transaction is gone after a reorg that drops.
const DROPPED: &str = "its block left the chain by a reorg that drops transactions";

/// Transactions with their senders, in the order of the chain.
type Unplaced = VecDeque<(Arc<Transaction>, Address)>;

/// What is needed to take blocks off.
struct WayBack {
    /// The blocks, with their diffs.
    old: ChainSegment,
    /// The changes that lead back to the state before them.
    hashed: HashedDiff,
    /// What the trie took for these.
    trie: TrieUpdates,
}

impl<C: Clock> SequencingDriver<C> {
    /// Does the reorg that is asked for, if one is. Answers whether the chain has changed: the open block is then of no
    /// use, and what it had taken is back in the pool.
    pub(super) fn serve_reorg(&mut self) -> Result<bool, SequencingError> {
        let command = self.reorgs.as_mut().and_then(ReorgInbox::next);
        command.map_or(Ok(false), |command| self.answer_reorg(command))
    }

    fn answer_reorg(&mut self, command: ReorgCommand) -> Result<bool, SequencingError> {
        match self.reorg(&command.request) {
            Ok(done) => {
                let has_changed = done.is_ok();
                command.answer(done);
                Ok(has_changed)
            }
            Err(error) => {
                command.answer(Err(ReorgError::Broken { reason: error.to_string() }));
                Err(error)
            }
        }
    }

    /// Replaces the newest blocks. The inner error says that nothing was done.
    pub(super) fn reorg(
        &mut self,
        request: &ReorgRequest,
    ) -> Result<Result<ReorgOutcome, ReorgError>, SequencingError> {
        let chain = Arc::clone(&self.chain);
        let _held = chain.reorg_lock().hold();
        match self.prepare(request) {
            Ok(way_back) => {
                self.pool.lock().release_in_flight();
                self.ingress.retract_promise();
                let mut moved = chain.statuses().retract_open();
                chain.statuses().retract_blocks(way_back.old.blocks());
                let outcome = self.rewrite(request, &way_back)?;
                let old = way_back.old.blocks().flat_map(|old| old.block.transactions());
                moved.extend(old.map(|transaction| *transaction.tx_hash()));
                self.ingress.tell_standing(moved);
                Ok(Ok(outcome))
            }
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// Checks a request and computes the way back. Nothing is changed but the journal, which may hold more.
    fn prepare(&mut self, request: &ReorgRequest) -> Result<WayBack, ReorgError> {
        let old = self.blocks_to_take_off(request)?;
        if request.transactions != ReorgTransactions::Drop {
            let again = old
                .blocks()
                .flat_map(|old| old.block.transactions().iter().zip(old.block.senders()));
            let with_conditions =
                again.map(|(one, sender)| (one, *sender, self.kept.get(one.tx_hash())));
            self.ingress.journal_again(with_conditions)?;
        }
        match self.way_back(&old) {
            Ok((hashed, trie)) => Ok(WayBack { old, hashed, trie }),
            Err(error) => {
                // The trie may be anywhere between the two states.
                let root = self.chain.view().head().block.header().state_root;
                self.trie = StateTrie::new(root);
                Err(error)
            }
        }
    }

    fn blocks_to_take_off(&self, request: &ReorgRequest) -> Result<ChainSegment, ReorgError> {
        let depth = request.depth;
        if depth == 0 {
            return Err(ReorgError::DepthZero);
        }
        if let Some(blocks) = request.new_blocks
            && !(1..=NEW_BLOCKS_MAX).contains(&blocks)
        {
            return Err(ReorgError::NewBlocks { blocks, blocks_max: NEW_BLOCKS_MAX });
        }
        let view = self.chain.view();
        // The store's present snapshot: the batcher writes records at any time.
        let batched = newest_batched(&*self.chain.store().snapshot()?);
        let batched = batched.map_err(|error| ReorgError::Outbox { reason: error.to_string() })?;
        let newest = batched.max(view.heads().safe_head().number);
        let unsettled = view.heads().unsafe_head().number.saturating_sub(newest);
        let available = unsettled.min(view.reorg_depth());
        if depth > unsettled {
            return Err(ReorgError::Settled { depth, available, newest });
        }
        view.newest(depth)?.ok_or(ReorgError::TooDeep { depth, available })
    }

    /// The changes that lead back to the state before `old`, and the trie there. An error leaves the trie useless.
    fn way_back(&mut self, old: &ChainSegment) -> Result<(HashedDiff, TrieUpdates), ReorgError> {
        let view = self.chain.view();
        let snapshot = &**view.snapshot();
        let number = old.first().reference().number - 1;
        let hashed = inverse_diff(snapshot, number, usize::MAX)?;
        let hashed = hashed.expect("no diff has more leaves than a number can count");
        self.trie.apply(&hashed, snapshot)?;
        let ancestor = view.header_by_number(number)?;
        if ancestor.is_none_or(|ancestor| ancestor.state_root != self.trie.root()) {
            return Err(ReorgError::RootMismatch { number });
        }
        Ok((hashed, self.trie.take_updates()))
    }

    fn rewrite(
        &mut self,
        request: &ReorgRequest,
        way_back: &WayBack,
    ) -> Result<ReorgOutcome, SequencingError> {
        let WayBack { old, hashed, trie } = way_back;
        let chain = Arc::clone(&self.chain);
        let mut branch = chain.fork(old.clone(), hashed, trie)?;
        let ancestor = branch.view().head().reference();
        let unplaced = self.rebuild(request, old, &mut branch)?;
        let mut outcome = ReorgOutcome {
            ancestor,
            old: references(old.blocks()),
            new: references(branch.new_blocks()),
            replayed: branch.new_blocks().map(|block| block.receipts.len() as u64).sum(),
            returned: 0,
            dropped: Vec::new(),
        };
        if request.transactions == ReorgTransactions::Drop {
            let gone = unplaced.iter().map(|(transaction, _)| *transaction.tx_hash());
            outcome.dropped.extend(gone);
            let fate = Fate::dropped(DropCode::Reorged, DROPPED);
            self.ingress.all_ended(&outcome.dropped, &fate)?;
        }
        self.update_pool_after(&branch, old, unplaced, &mut outcome)?;
        metrics::reorged(&outcome);
        chain.adopt(branch);
        self.pool.ring();
        Ok(outcome)
    }

    /// Builds and stores the new blocks. Answers the transactions of the old ones that none of them includes.
    fn rebuild(
        &mut self,
        request: &ReorgRequest,
        old: &ChainSegment,
        branch: &mut Branch,
    ) -> Result<Unplaced, SequencingError> {
        let mut unplaced = Unplaced::new();
        let mut blocks = old.blocks();
        let new_blocks = request.new_blocks.unwrap_or(0);
        let mut kept_aside = Unplaced::new();
        for index in 0..new_blocks {
            let replaced = blocks.next();
            unplaced.extend(replaced.into_iter().flat_map(transactions));
            if index + 1 == new_blocks {
                unplaced.extend(blocks.by_ref().flat_map(transactions));
            }
            if request.transactions != ReorgTransactions::Replay {
                kept_aside.append(&mut unplaced);
            }
            let (sealed, records) = self.rebuild_one(branch, replaced, &mut unplaced)?;
            self.chain.extend(branch, sealed, &records)?;
            self.shrink_trie();
        }
        kept_aside.append(&mut unplaced);
        kept_aside.extend(blocks.flat_map(transactions));
        Ok(kept_aside)
    }

    /// Builds the next block of a branch from what fits of `unplaced`, in order. Answers it with its records.
    fn rebuild_one(
        &mut self,
        branch: &Branch,
        replaced: Option<&ExecutedBlock>,
        unplaced: &mut Unplaced,
    ) -> Result<(SealedOutput, Vec<RecordWrite>), SequencingError> {
        let parent = sealed_header(branch.view().head());
        let number = parent.number + 1;
        let failed = |source| SequencingError::Build { number, source };
        let attributes = self.other_attributes(&parent, replaced);
        let mut builder = self.open(branch.view(), attributes)?;
        self.begin_witness();
        for (transaction, sender) in std::mem::take(unplaced) {
            let conditions = self.kept.get(transaction.tx_hash());
            let outcome = builder.append_if(Arc::clone(&transaction), sender, conditions);
            let outcome = outcome.map_err(failed)?;
            if outcome.is_err() {
                // Perhaps in the next block, or later: the pool decides.
                unplaced.push_back((transaction, sender));
            }
        }
        let Checked { sealed, witness, removed } = self.seal_checked(builder, branch.view())?;
        for Removed { tx, sender, why } in removed {
            match why {
                Removal::Quarantined => self.ingress.quarantine(*tx.tx_hash()),
                Removal::Rejected(_) | Removal::Emptied => unplaced.push_back((tx, sender)),
            }
        }
        let block = sealed.executed.reference();
        let records = self.chain.witnesses().records(block, witness.as_ref());
        if let Some(witness) = witness {
            self.chain.witnesses().show(block, witness);
        }
        Ok((sealed, records))
    }

    /// The time of the block that is replaced, if there is one, and another PREVRANDAO: so the hash is another, and it
    /// is none that the chain ever had.
    fn other_attributes(
        &self,
        parent: &SealedHeader,
        replaced: Option<&ExecutedBlock>,
    ) -> BlockAttributes {
        let replaced = replaced.map(ExecutedBlock::reference);
        let seed = replaced.map_or_else(|| parent.hash(), |replaced| replaced.hash);
        let timestamp = replaced.map_or(0, |replaced| replaced.timestamp);
        BlockAttributes {
            timestamp: timestamp.max(parent.timestamp + 1),
            beneficiary: self.config.beneficiary,
            prev_randao: keccak256(seed),
            gas_limit: parent.gas_limit,
            extra_data: Bytes::new(),
            parent_beacon_block_root: Some(B256::ZERO),
            withdrawals: None,
        }
    }

    /// Tells the pool of the accounts as they are on the branch, and gives it the transactions that no block includes,
    /// unless they are dropped.
    fn update_pool_after(
        &self,
        branch: &Branch,
        old: &ChainSegment,
        unplaced: Unplaced,
        outcome: &mut ReorgOutcome,
    ) -> Result<(), SequencingError> {
        let is_dropped = !outcome.dropped.is_empty();
        let view = branch.view();
        let accounts = accounts_touched(branch, old)?;
        let header = view.head().block.header();
        let base_fee = self.chain.spec().next_base_fee(header).unwrap_or(0);
        let mut pool = self.pool.lock();
        let effects = pool.on_reorged(accounts.clone(), base_fee);
        let conditions = |hash: &B256| self.kept.get(hash);
        let readmitted = match is_dropped {
            true => Readmitted::default(),
            false => self.ingress.readmit(&mut pool, unplaced, conditions, &accounts),
        };
        let status = pool.status();
        drop(pool);
        for transaction in &effects.passed {
            self.ingress.ended(transaction.hash, overtaken());
        }
        self.settle_unfunded(&effects);
        for (hash, fate) in readmitted.refused {
            self.ingress.ended(hash, fate);
            outcome.dropped.push(hash);
        }
        outcome.returned = readmitted.returned;
        metrics::pool(status);
        Ok(())
    }
}

/// Every account that a block of either branch changed, as the pool must know it after the new one.
fn accounts_touched(
    branch: &Branch,
    old: &ChainSegment,
) -> Result<AddressMap<SenderState>, StateError> {
    let snapshot = branch.view().snapshot();
    let touched: AddressSet = old
        .blocks()
        .chain(branch.new_blocks())
        .filter_map(|block| block.diff.as_ref())
        .flat_map(|diff| diff.accounts.keys().copied())
        .collect();
    let state = |address: Address| -> Result<(Address, SenderState), StateError> {
        let account = snapshot.account(&address)?;
        Ok((address, sender_state(&**snapshot, account)?))
    };
    touched.into_iter().map(state).collect()
}

fn references<'a>(blocks: impl Iterator<Item = &'a ExecutedBlock>) -> Vec<BlockRef> {
    blocks.map(ExecutedBlock::reference).collect()
}

fn transactions(block: &ExecutedBlock) -> impl Iterator<Item = (Arc<Transaction>, Address)> {
    let transactions = block.block.transactions().iter().zip(block.block.senders());
    transactions.map(|(transaction, sender)| (Arc::new(transaction.clone()), *sender))
}
