//! Blocks of the chain, executed again.

use super::{
    AccessSet, Trace, TraceError, TraceOptions,
    limit::Budget,
    tracer::{self, Traced},
};
use crate::{BlockError, ChainSpec, ExecutionError, TransactionError, execution::Execution};
use alloy_evm::{Evm, FromRecoveredTx};
use alloy_primitives::{Address, B256};
use revm::{context::TxEnv, database_interface::DatabaseCommit, inspector::NoOpInspector};
use revm_inspectors::tracing::TransactionContext;
use std::sync::Arc;
use weir_primitives::{RecoveredBlock, StateDiff, StateProvider, Transaction};

/// The trace of a transaction.
#[derive(Debug, Clone)]
pub struct TransactionTrace {
    /// Hash of the transaction.
    pub hash: B256,
    /// What the tracer found.
    pub trace: Trace,
}

/// Traces the transactions of a block, or only the one with the index `only`, on the state after the block's parent.
pub fn trace_block(
    spec: &Arc<ChainSpec>,
    block: &RecoveredBlock,
    state: Arc<dyn StateProvider>,
    options: &TraceOptions,
    only: Option<usize>,
) -> Result<Vec<TransactionTrace>, TraceError> {
    let mut execution =
        Execution::begin(Arc::clone(spec), block.header(), state, Arc::clone(&spec.codes))?;
    let mut budget = Budget::default();
    let mut traces = Vec::new();
    for (index, (transaction, sender)) in signed(block).enumerate() {
        if only.is_some_and(|only| only != index) {
            replay(&mut execution, index, (transaction, sender))?;
            continue;
        }
        let hash = *transaction.tx_hash();
        let place = TransactionContext {
            block_hash: Some(block.hash()),
            tx_index: Some(index),
            tx_hash: Some(hash),
        };
        let env = TxEnv::from_recovered_tx(transaction, sender);
        let inspector = tracer::new(options, &mut budget)?;
        let trace = execution.with_inspector(inspector, |machine| {
            let Traced { trace, outcome } = tracer::run(machine, env, Some(place))?;
            machine.db_mut().commit(outcome.state);
            let (_, (limit, _), _) = machine.components_mut();
            budget.spend(limit);
            Ok::<_, TraceError>(trace)
        })?;
        traces.push(TransactionTrace { hash, trace });
        if only.is_some() {
            break;
        }
    }
    Ok(traces)
}

/// The read and write set of the transaction with this index, on the state after the block's parent. `None` if the
/// block has no such transaction.
pub fn access_set(
    spec: &Arc<ChainSpec>,
    block: &RecoveredBlock,
    state: Arc<dyn StateProvider>,
    index: usize,
) -> Result<Option<AccessSet>, TraceError> {
    let mut execution =
        Execution::begin(Arc::clone(spec), block.header(), state, Arc::clone(&spec.codes))?;
    for (at, (transaction, sender)) in signed(block).enumerate() {
        if at < index {
            replay(&mut execution, at, (transaction, sender))?;
            continue;
        }
        let env = TxEnv::from_recovered_tx(transaction, sender);
        return execution.with_inspector(NoOpInspector {}, |machine| {
            let failed = |_| ExecutionError::Evm { hash: *transaction.tx_hash() };
            let outcome = machine.transact_raw(env).map_err(failed)?;
            Ok(Some(AccessSet::of(&outcome.state)))
        });
    }
    Ok(None)
}

/// What has changed since the block's parent after each transaction, in order.
pub fn states_after_each(
    spec: &Arc<ChainSpec>,
    block: &RecoveredBlock,
    state: Arc<dyn StateProvider>,
) -> Result<Vec<StateDiff>, TraceError> {
    let mut execution =
        Execution::begin(Arc::clone(spec), block.header(), state, Arc::clone(&spec.codes))?;
    let mut diffs = Vec::with_capacity(block.transactions().len());
    for (index, signed) in signed(block).enumerate() {
        replay(&mut execution, index, signed)?;
        diffs.push(execution.overlay().diff().map_err(ExecutionError::from)?);
    }
    Ok(diffs)
}

fn signed(block: &RecoveredBlock) -> impl Iterator<Item = (&Transaction, Address)> {
    block.transactions().iter().zip(block.senders().iter().copied())
}

fn replay(
    execution: &mut Execution,
    index: usize,
    (transaction, sender): (&Transaction, Address),
) -> Result<(), TraceError> {
    match execution.execute(transaction, sender) {
        Ok(_) => Ok(()),
        Err(TransactionError::Rejected(reason)) => {
            Err(BlockError::Transaction { index, reason }.into())
        }
        Err(TransactionError::Failed(error)) => Err(error.into()),
    }
}
