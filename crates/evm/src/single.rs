//! One transaction on its own, without the calls and payments of a block around it.

use crate::{ChainSpec, TransactionError, TransactionOutcome, execution::Execution};
use alloc::sync::Arc;
use alloy_primitives::Address;
use weir_primitives::{Header, Receipt, StateDiff, StateProvider, Transaction};

/// What executing one transaction gave.
#[derive(Debug, Clone)]
pub struct ExecutedTransaction {
    /// How it ended.
    pub outcome: TransactionOutcome,
    /// Its receipt, as the first of a block.
    pub receipt: Receipt,
    /// What it changed.
    pub diff: StateDiff,
}

/// Executes one transaction as the first of the block of `header`, with the same executor as blocks, but without
/// what a block does before and after its transactions. Ethereum's state tests are defined so.
pub fn execute_transaction(
    spec: &Arc<ChainSpec>,
    header: &Header,
    (tx, sender): (&Transaction, Address),
    state: Arc<dyn StateProvider>,
) -> Result<ExecutedTransaction, TransactionError> {
    let mut execution = Execution::bare(Arc::clone(spec), header, state, Arc::clone(&spec.codes));
    let outcome = execution.execute(tx, sender)?;
    let diff = execution.overlay().diff().map_err(crate::ExecutionError::from)?;
    let receipt = execution.tally.receipts.pop().expect("an executed transaction has a receipt");
    Ok(ExecutedTransaction { outcome, receipt, diff })
}
