//! Sealing a block that its own witness proves.

use super::{SequencingDriver, SequencingError, rejected};
use crate::{
    ChainView, metrics,
    self_check::{Evidence, find_offender, witness_of_nodes},
};
use alloy_primitives::{Address, B256};
use std::{ops::Range, sync::Arc, time::Instant};
use weir_builder::{Attempt, BlockBuilder, ReturnReason, Returned, SealedOutput};
use weir_evm::{
    BlockAttributes, ExecutionWitness, StatelessError, TransactionRejected, verify_stateless,
};
use weir_primitives::{ExecutedBlock, Transaction};
use weir_runtime::Clock;
use weir_trie::StateTrie;

/// Transactions taken out of one block before it is sealed without any.
const OFFENDERS_MAX: usize = 8;

/// Why a transaction of the open block is not in the sealed one.
#[derive(Debug, Clone)]
pub(super) enum Removal {
    /// With it the block did not pass the check. It must not be tried again.
    Quarantined,
    /// It cannot stand in the block without what was quarantined.
    Rejected(TransactionRejected),
    /// The block passed without any transaction only, or without the bundle that it belongs to.
    Emptied,
}

/// A transaction of the open block that is not in the sealed one.
#[derive(Debug, Clone)]
pub(super) struct Removed {
    pub(super) tx: Arc<Transaction>,
    pub(super) sender: Address,
    pub(super) why: Removal,
}

impl Removed {
    fn new(attempt: &Attempt, why: Removal) -> Self {
        Self { tx: Arc::clone(&attempt.tx), sender: attempt.sender, why }
    }
}

/// Whether two attempts belong together: whatever is of no bundle stands alone.
fn is_of_one_bundle(left: &Attempt, right: &Attempt) -> bool {
    left.bundle.is_some() && left.bundle == right.bundle
}

/// A sealed block with its witness.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) sealed: SealedOutput,
    /// `None` if witnesses are neither checked nor kept.
    pub(super) witness: Option<ExecutionWitness>,
    /// Transactions of the open block that it does not include.
    pub(super) removed: Vec<Removed>,
}

/// A sealed block, and its witness unless witnesses are neither checked nor kept.
type Passed = (SealedOutput, Option<ExecutionWitness>);

/// A block that its witness does not prove.
struct Refused {
    sealed: SealedOutput,
    witness: ExecutionWitness,
    error: StatelessError,
}

/// What a block was built from.
struct Recipe {
    attributes: BlockAttributes,
    /// What was tried, in order, rejected candidates among it.
    attempts: Vec<Attempt>,
}

impl<C: Clock> SequencingDriver<C> {
    /// Seals the block and checks it. A block that does not pass is kept as evidence, the transaction that spoils it is
    /// taken out, and the rest is sealed in its stead: what this returns has passed, or checks are off.
    ///
    /// # Errors
    /// [`SequencingError::SelfCheck`] if not even a block without transactions passes.
    pub(super) fn seal_checked(
        &mut self,
        mut builder: BlockBuilder,
        view: &ChainView,
    ) -> Result<Checked, SequencingError> {
        if !self.trie.is_witnessed() {
            self.begin_witness();
        }
        let mut removed = Vec::new();
        let mut is_again = false;
        loop {
            let attributes = builder.attributes().clone();
            let recipe = Recipe { attributes, attempts: builder.take_attempts() };
            let refused = match self.seal_one(builder, view)? {
                Ok((sealed, witness)) => return Ok(Checked { sealed, witness, removed }),
                Err(refused) => refused,
            };
            // It is ahead of the parent's state now.
            self.trie = StateTrie::new(view.head().block.header().state_root);
            let offender = self.offender(view, &recipe)?;
            self.keep_evidence(
                &refused,
                offender.map(|index| *recipe.attempts[index].tx.tx_hash()),
            );
            if !recipe.attempts.iter().any(|attempt| attempt.is_included) {
                let number = refused.sealed.executed.reference().number;
                return Err(SequencingError::SelfCheck { number, source: Box::new(refused.error) });
            }
            let is_last = OFFENDERS_MAX <= quarantined(&removed);
            builder = match offender {
                Some(index) if !is_last => {
                    self.build_without(view, recipe, Some(index), &mut removed)?
                }
                // Nothing to blame, and the block built again may pass; it is checked like any other.
                None if !std::mem::replace(&mut is_again, true) => {
                    self.build_without(view, recipe, None, &mut removed)?
                }
                _ => self.empty(view, recipe, &mut removed)?,
            };
            self.begin_witness();
        }
    }

    /// Seals a block and lets its witness prove it.
    fn seal_one(
        &mut self,
        builder: BlockBuilder,
        view: &ChainView,
    ) -> Result<Result<Passed, Box<Refused>>, SequencingError> {
        let number = builder.open().header().number;
        let sealed = builder.seal(&mut self.trie, &**view.snapshot());
        let mut sealed = sealed.map_err(|source| SequencingError::Build { number, source })?;
        let started = Instant::now();
        let Some(witness) = Self::take_witness(&mut sealed, view)? else {
            return Ok(Ok((sealed, None)));
        };
        metrics::witness(started.elapsed(), witness.size_bytes());
        if !self.self_check.is_on {
            return Ok(Ok((sealed, Some(witness))));
        }
        let started = Instant::now();
        // The senders were recovered when the transactions came in, once, by the code that a verifier would use.
        let verified = verify_stateless(self.chain.spec(), &witness, &sealed.executed.block);
        metrics::self_checked(started.elapsed(), verified.is_ok());
        Ok(match verified {
            Ok(_) => Ok((sealed, Some(witness))),
            Err(error) => Err(Box::new(Refused { sealed, witness, error })),
        })
    }

    /// The witness of a block on top of a view's head, if one was taken down.
    fn take_witness(
        sealed: &mut SealedOutput,
        view: &ChainView,
    ) -> Result<Option<ExecutionWitness>, SequencingError> {
        let Some(nodes) = sealed.witness.take() else { return Ok(None) };
        let number = sealed.executed.reference().number;
        witness_of_nodes(view, &sealed.accesses, nodes)
            .map(Some)
            .map_err(|source| SequencingError::Witness { number, source })
    }

    fn offender(
        &self,
        view: &ChainView,
        recipe: &Recipe,
    ) -> Result<Option<usize>, SequencingError> {
        find_offender(recipe.attempts.len(), |part| self.is_bad(view, recipe, part))
    }

    /// Whether a block of a part of what was tried does not pass. Leaves no trace.
    fn is_bad(
        &self,
        view: &ChainView,
        recipe: &Recipe,
        part: Range<usize>,
    ) -> Result<bool, SequencingError> {
        let parent = view.head().block.header();
        let failed = |source| SequencingError::Build { number: parent.number + 1, source };
        let mut builder = self.open(view, recipe.attributes.clone())?;
        for attempt in &recipe.attempts[part] {
            let _ = builder.append(Arc::clone(&attempt.tx), attempt.sender).map_err(failed)?;
        }
        let mut trie = StateTrie::new(parent.state_root);
        trie.begin_witness();
        let mut sealed = builder.seal(&mut trie, &**view.snapshot()).map_err(failed)?;
        let witness = Self::take_witness(&mut sealed, view)?;
        let verify =
            |witness| verify_stateless(self.chain.spec(), &witness, &sealed.executed.block);
        Ok(witness.is_none_or(|witness| verify(witness).is_err()))
    }

    /// A block of what was included, without the offender, the rest of its bundle, and what cannot stand without it.
    fn build_without(
        &self,
        view: &ChainView,
        recipe: Recipe,
        offender: Option<usize>,
        removed: &mut Vec<Removed>,
    ) -> Result<BlockBuilder, SequencingError> {
        let number = view.head().reference().number + 1;
        let failed = |source| SequencingError::Build { number, source };
        let mut builder = self.open(view, recipe.attributes)?;
        let mut numbered = recipe.attempts.iter().enumerate();
        for group in recipe.attempts.chunk_by(is_of_one_bundle) {
            let group: Vec<_> = numbered.by_ref().take(group.len()).collect();
            let has_offender = group.iter().any(|(index, _)| offender == Some(*index));
            let why = |index| match offender == Some(index) {
                true => Removal::Quarantined,
                false => Removal::Emptied,
            };
            let (index, first) = group[0];
            if let Some(bundle) = &first.bundle {
                if has_offender || builder.try_bundle(bundle).map_err(failed)?.is_err() {
                    let all = group.into_iter();
                    removed.extend(all.map(|(index, attempt)| Removed::new(attempt, why(index))));
                }
            } else if has_offender {
                removed.push(Removed::new(first, why(index)));
            } else if first.is_included {
                // The others went back to the pool when they were tried.
                let (tx, conditions) = (Arc::clone(&first.tx), first.conditions.clone());
                let outcome = builder.append_if(tx, first.sender, conditions).map_err(failed)?;
                if let Err(reason) = outcome {
                    removed.push(Removed::new(first, Removal::Rejected(reason)));
                }
            }
        }
        Ok(builder)
    }

    /// A block without transactions.
    fn empty(
        &self,
        view: &ChainView,
        recipe: Recipe,
        removed: &mut Vec<Removed>,
    ) -> Result<BlockBuilder, SequencingError> {
        let included = recipe.attempts.into_iter().filter(|attempt| attempt.is_included);
        removed.extend(included.map(|attempt| Removed::new(&attempt, Removal::Emptied)));
        self.open(view, recipe.attributes)
    }

    fn keep_evidence(&self, refused: &Refused, offender: Option<B256>) {
        let block = &refused.sealed.executed.block;
        tracing::error!(
            number = block.header().number,
            hash = %block.hash(),
            error = %refused.error,
            offender = offender.map(tracing::field::display),
            "sealed block does not pass its check and is not published"
        );
        let Some(folder) = &self.self_check.evidence else { return };
        let Refused { witness, error, .. } = refused;
        match (Evidence { block, witness, error, offender }).write(folder) {
            Ok(bundle) => tracing::error!(path = %bundle.display(), "evidence is kept"),
            Err(error) => tracing::error!(%error, "evidence cannot be kept"),
        }
    }

    /// Tells the pool of what the sealed block does not include although it was taken for it, and everybody that what they
    /// heard of the open block does not hold.
    pub(super) fn settle_removed(&self, removed: &[Removed], sealed: &ExecutedBlock) {
        if removed.is_empty() {
            return;
        }
        if self.chain.statuses().is_open_told() {
            self.chain.retract_open(sealed.block.header().parent_hash);
        }
        for Removed { tx, why, .. } in removed {
            let hash = *tx.tx_hash();
            let reason = match why {
                Removal::Quarantined => {
                    let mut pool = self.pool.lock();
                    if pool.reject(&hash).is_none() {
                        // It was rejected when it was tried, and may be in the pool again.
                        let _ = pool.remove(hash);
                    }
                    drop(pool);
                    self.chain.statuses().retract_one(hash);
                    self.ingress.quarantine(hash);
                    continue;
                }
                Removal::Rejected(reason) if !reason.may_become_valid() => {
                    self.chain.statuses().retract_one(hash);
                    self.ingress.ended(hash, rejected(reason));
                    ReturnReason::Invalid
                }
                Removal::Rejected(_) => ReturnReason::NotNow,
                Removal::Emptied => ReturnReason::Untried,
            };
            self.chain.statuses().retract_one(hash);
            let mut pool = self.pool.lock();
            weir_builder::CandidateSource::give_back(&mut *pool, &[Returned { hash, reason }]);
            drop(pool);
            self.ingress.tell_standing([hash]);
        }
        self.chain.statuses().retract_moved(sealed);
    }
}

fn quarantined(removed: &[Removed]) -> usize {
    removed.iter().filter(|removed| matches!(removed.why, Removal::Quarantined)).count()
}
