//! A block under construction, grown step by step.

use crate::{
    BuildError, CandidateSource, LeftOut, ReturnReason, Returned, SealedOutput, Step, StepEnd,
    StepLimits, StepTransaction, StorageRoots, ahead::Applied,
};
use alloy_primitives::Address;
use std::sync::Arc;
use weir_evm::{
    BlockAttributes, ChainSpec, OpenBlock, Recent, SealedHeader, TransactionError,
    TransactionOutcome, TransactionRejected,
};
use weir_primitives::{
    ConditionFailure, Conditions, Moment, StateError, StateProvider, Transaction,
};
use weir_trie::{NodeSource, StateTrie, TrieError};
use weir_txpool::{Bundle, PoolTransaction};

/// Candidates taken from the source in one call: few enough that a better one which arrives meanwhile waits for less
/// than a millisecond, and enough that the source's lock costs little.
const CANDIDATES_PER_CALL: usize = 64;
/// Gas that the smallest transaction needs (Yellow Paper, G_transaction).
const MIN_TRANSACTION_GAS: u64 = 21_000;

/// Builds one block: opens it, appends transactions in steps, seals it.
///
/// Given the same parent, state, attributes and candidates it builds the same block. Dropping it undoes it; the driver
/// then returns what is in flight to the pool.
#[derive(Debug)]
pub struct BlockBuilder {
    pub(crate) open: OpenBlock,
    attributes: BlockAttributes,
    pub(crate) attempts: Vec<Attempt>,
    /// `None` if nobody looks for them: conditions that name a storage root cannot be judged then.
    roots: Option<StorageRoots>,
    now_ms: u64,
    applied: Applied,
}

/// A transaction that was tried in a block.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The transaction.
    pub tx: Arc<Transaction>,
    /// Its sender.
    pub sender: Address,
    /// What it was sent with (ERC-7796).
    pub conditions: Option<Arc<Conditions>>,
    /// The bundle that it joined the block with.
    pub bundle: Option<Arc<Bundle>>,
    /// Whether it joined the block.
    pub is_included: bool,
}

impl BlockBuilder {
    /// Opens the child of `parent` on the state after `parent`.
    ///
    /// # Errors
    /// [`BuildError::Open`] if the attributes contradict the parent, or the state cannot be read.
    pub fn begin(
        spec: Arc<ChainSpec>,
        parent: &SealedHeader,
        attributes: BlockAttributes,
        state: Arc<dyn StateProvider>,
    ) -> Result<Self, BuildError> {
        let open = OpenBlock::begin(spec, parent, attributes.clone(), state);
        let open = open.map_err(BuildError::Open)?;
        // A block is sealed at its timestamp at the latest.
        let now_ms = attributes.timestamp.saturating_mul(1_000);
        let applied = Applied::default();
        Ok(Self { open, attributes, attempts: Vec::new(), roots: None, now_ms, applied })
    }

    /// Also finds storage roots that conditions name.
    #[must_use]
    pub fn with_roots(mut self, roots: StorageRoots) -> Self {
        self.roots = Some(roots);
        self
    }

    /// Says what time it is: deadlines of transactions that are tried from now on are compared with it.
    pub const fn set_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    /// What the driver decided about the block.
    pub const fn attributes(&self) -> &BlockAttributes {
        &self.attributes
    }

    /// What was tried so far, in order.
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    /// Takes every transaction that was tried so far, in order: with the attributes, all that the block follows from.
    pub fn take_attempts(&mut self) -> Vec<Attempt> {
        std::mem::take(&mut self.attempts)
    }

    /// The block so far: header, transactions, receipts, gas, pending state.
    pub const fn open(&self) -> &OpenBlock {
        &self.open
    }

    /// Appends one given transaction: forced inclusion, and replay of what was promised before a crash.
    ///
    /// # Errors
    /// `Ok(Err(_))` if the transaction cannot stand here; it left no trace, and the block goes on.
    /// [`BuildError::Execute`] if the block is of no use any more.
    pub fn append(
        &mut self,
        tx: Arc<Transaction>,
        sender: Address,
    ) -> Result<Result<TransactionOutcome, TransactionRejected>, BuildError> {
        self.append_if(tx, sender, None)
    }

    /// As [`Self::append`], if the conditions hold that the transaction was sent with. Those are looked at first, and
    /// cost the block nothing.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_if(
        &mut self,
        tx: Arc<Transaction>,
        sender: Address,
        conditions: Option<Arc<Conditions>>,
    ) -> Result<Result<TransactionOutcome, TransactionRejected>, BuildError> {
        let hash = *tx.tx_hash();
        if let Some(conditions) = &conditions {
            let failed = |source: StateError| BuildError::Execute { hash, source: source.into() };
            if let Err(failure) = self.check(conditions).map_err(failed)? {
                return Ok(Err(failure.into()));
            }
        }
        let pays_min = conditions.as_ref().and_then(|conditions| conditions.pays_coinbase);
        let pays_min = pays_min.unwrap_or_default();
        let outcome = match self.open.execute_paying(Arc::clone(&tx), sender, pays_min) {
            Ok(outcome) => Ok(outcome),
            Err(TransactionError::Rejected(reason)) => Err(reason),
            Err(TransactionError::Failed(source)) => {
                return Err(BuildError::Execute { hash, source });
            }
        };
        let is_included = outcome.is_ok();
        self.attempts.push(Attempt { tx, sender, conditions, bundle: None, is_included });
        Ok(outcome)
    }

    /// Checks conditions at the end of the block so far.
    fn check(&self, conditions: &Conditions) -> Result<Result<(), ConditionFailure>, StateError> {
        let header = self.open.header();
        let at = Moment {
            block_number: header.number,
            timestamp: header.timestamp,
            now_ms: self.now_ms,
        };
        conditions.check(at, &self.open.peek(), &|address: &Address| {
            let Some(roots) = &self.roots else { return Ok(None) };
            roots.in_open_block(&self.open, address)
        })
    }

    /// Appends candidates until one of the [`StepEnd`] conditions holds. `should_stop` is asked before each
    /// transaction.
    ///
    /// When it returns, exactly the transactions that joined the block are still taken from the source: the others
    /// were given back.
    ///
    /// # Errors
    /// [`BuildError::Execute`]; then the block is of no use any more, and its source must release what was taken.
    pub fn step(
        &mut self,
        source: &mut dyn CandidateSource,
        limits: &StepLimits,
        should_stop: &dyn Fn() -> bool,
    ) -> Result<Step, BuildError> {
        let mut step = Step {
            first_index: self.open.transactions().len(),
            transactions: Vec::new(),
            rejected: Vec::new(),
            deferred: Vec::new(),
            end: StepEnd::Exhausted,
        };
        let mut candidates = Vec::with_capacity(CANDIDATES_PER_CALL);
        loop {
            let gas_available = self.open.gas_remaining();
            let room = limits.max_transactions - step.transactions.len();
            step.end = if gas_available < MIN_TRANSACTION_GAS {
                StepEnd::Full
            } else if room == 0 {
                StepEnd::LimitReached
            } else if should_stop() {
                StepEnd::Stopped
            } else {
                source.take(room.min(CANDIDATES_PER_CALL), gas_available, &mut candidates);
                StepEnd::Exhausted
            };
            if candidates.is_empty() {
                return Ok(step);
            }
            let returned = self.try_all(candidates.drain(..), should_stop, &mut step)?;
            source.give_back(&returned);
            if step.end == StepEnd::Stopped {
                return Ok(step);
            }
        }
    }

    /// Tries candidates in order, records in `step` what became of them, and returns those to give back.
    /// Once told to stop it tries no more.
    fn try_all(
        &mut self,
        candidates: impl Iterator<Item = Arc<PoolTransaction>>,
        should_stop: &dyn Fn() -> bool,
        step: &mut Step,
    ) -> Result<Vec<Returned>, BuildError> {
        let mut returned = Vec::new();
        let mut barred: Vec<Address> = Vec::new();
        for candidate in candidates {
            let (hash, sender) = (candidate.hash, candidate.sender);
            if barred.contains(&sender) {
                // It goes back with the one before it.
                continue;
            }
            let reason = if step.end == StepEnd::Stopped || should_stop() {
                step.end = StepEnd::Stopped;
                ReturnReason::Untried
            } else {
                match self.append_if(
                    Arc::clone(&candidate.tx),
                    sender,
                    candidate.conditions.clone(),
                )? {
                    Ok(outcome) => {
                        step.transactions.push(StepTransaction { hash, sender, outcome });
                        continue;
                    }
                    Err(reason) => step.leave_out(LeftOut { hash, sender, reason }),
                }
            };
            returned.push(Returned { hash, reason });
            barred.push(sender);
        }
        Ok(returned)
    }

    /// Notes what transactions write from now on, for whoever works ahead.
    pub(crate) fn note_writes(&mut self) {
        self.open.note_writes();
    }

    /// What the block has done since the last call.
    pub(crate) fn take_recent(&mut self) -> Recent {
        self.open.take_recent()
    }

    /// Says what of the block is hashed and in the trie already.
    pub(crate) fn set_applied(&mut self, mut applied: Applied) {
        self.open.set_body_roots(applied.take_body());
        self.applied = applied;
    }

    /// Ends the block, computes its state root, and fixes its hash.
    ///
    /// `trie` is that of the parent's state, or what [`TrieAhead`](crate::TrieAhead) has made of it, and becomes that of the
    /// block's; `nodes` is where it loads nodes from.
    ///
    /// # Errors
    /// [`BuildError::Finish`], after which the trie is as before, or [`BuildError::StateRoot`], after which it is not.
    pub fn seal(
        self,
        trie: &mut StateTrie,
        nodes: &dyn NodeSource,
    ) -> Result<SealedOutput, BuildError> {
        let Self { open, applied, .. } = self;
        let (unsealed, state) = open
            .finish_beside(|diff, reads| {
                let hashed = applied.complete(diff, reads, trie, nodes)?;
                let root = trie.root();
                let witness = trie.is_witnessed().then(|| trie.take_witness());
                Ok::<_, TrieError>((root, trie.take_updates(), hashed, witness))
            })
            .map_err(BuildError::Finish)?;
        let (state_root, updates, hashed, witness) = state?;
        let accesses = Arc::clone(unsealed.accesses());
        let executed = unsealed.seal(state_root);
        Ok(SealedOutput { executed, hashed, accesses, updates, witness })
    }
}

impl Step {
    /// Records a candidate that did not join the block, and says how it goes back.
    fn leave_out(&mut self, left_out: LeftOut) -> ReturnReason {
        if left_out.reason.may_become_valid() {
            self.deferred.push(left_out);
            ReturnReason::NotNow
        } else {
            self.rejected.push(left_out);
            ReturnReason::Invalid
        }
    }
}
