//! Transactions that join the block together or not at all.

use crate::{Attempt, BlockBuilder, BuildError, StepTransaction};
use alloy_primitives::B256;
use std::sync::Arc;
use weir_evm::{OpenBlock, TransactionError, TransactionRejected};
use weir_txpool::{Bundle, Leeway, PoolTransaction};

/// Why a bundle did not join the block. It left no trace in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleFailure {
    /// One of its transactions cannot stand here.
    #[error("transaction {hash} is rejected: {reason}")]
    Rejected {
        /// Hash of the transaction.
        hash: B256,
        /// Why.
        reason: TransactionRejected,
    },
    /// One of its transactions failed that may not.
    #[error("transaction {hash} reverts")]
    Reverted {
        /// Hash of the transaction.
        hash: B256,
    },
    /// Every one of its transactions was left out.
    #[error("all of its transactions are left out")]
    Nothing,
}

/// Why the transactions of a bundle are undone.
enum Undone {
    Failure(BundleFailure),
    Broken(BuildError),
}

impl From<BundleFailure> for Undone {
    fn from(failure: BundleFailure) -> Self {
        Self::Failure(failure)
    }
}

impl From<BuildError> for Undone {
    fn from(error: BuildError) -> Self {
        Self::Broken(error)
    }
}

impl BlockBuilder {
    /// Appends the transactions of a bundle, those left out that may be.
    ///
    /// # Errors
    /// `Ok(Err(_))` if it cannot stand here; it left no trace, and the block goes on. [`BuildError::Execute`] if the block is of
    /// no use any more.
    pub fn try_bundle(
        &mut self,
        bundle: &Arc<Bundle>,
    ) -> Result<Result<Vec<StepTransaction>, BundleFailure>, BuildError> {
        let appended = self.open.atomically(|open| append_all(open, bundle));
        let appended = match appended {
            Ok(appended) => appended,
            Err(Undone::Failure(failure)) => return Ok(Err(failure)),
            Err(Undone::Broken(error)) => return Err(error),
        };
        self.attempts.extend(appended.iter().map(|(transaction, _)| Attempt {
            tx: Arc::clone(&transaction.tx),
            sender: transaction.sender,
            conditions: None,
            bundle: Some(Arc::clone(bundle)),
            is_included: true,
        }));
        Ok(Ok(appended.into_iter().map(|(_, transaction)| transaction).collect()))
    }
}

/// What joined the block, as it was sent and as it went.
type Appended = Vec<(Arc<PoolTransaction>, StepTransaction)>;

fn append_all(open: &mut OpenBlock, bundle: &Bundle) -> Result<Appended, Undone> {
    let mut appended = Vec::with_capacity(bundle.transactions.len());
    for (transaction, leeway) in &bundle.transactions {
        match open.atomically(|open| append(open, transaction, *leeway)) {
            Ok(step) => appended.push((Arc::clone(transaction), step)),
            Err(Undone::Failure(_)) if leeway.may_drop => {}
            Err(undone) => return Err(undone),
        }
    }
    if appended.is_empty() {
        return Err(BundleFailure::Nothing.into());
    }
    Ok(appended)
}

fn append(
    open: &mut OpenBlock,
    transaction: &PoolTransaction,
    leeway: Leeway,
) -> Result<StepTransaction, Undone> {
    let (hash, sender) = (transaction.hash, transaction.sender);
    let outcome = match open.execute(Arc::clone(&transaction.tx), sender) {
        Ok(outcome) => outcome,
        Err(TransactionError::Rejected(reason)) => {
            return Err(BundleFailure::Rejected { hash, reason }.into());
        }
        Err(TransactionError::Failed(source)) => {
            return Err(BuildError::Execute { hash, source }.into());
        }
    };
    if !outcome.is_success() && !leeway.may_revert {
        return Err(BundleFailure::Reverted { hash }.into());
    }
    Ok(StepTransaction { hash, sender, outcome })
}
