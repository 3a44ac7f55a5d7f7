//! A run of transactions appended to the open block.

use alloy_primitives::{Address, B256};
use weir_evm::{TransactionOutcome, TransactionRejected};

/// How far one step may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimits {
    /// Transactions executed at most.
    pub max_transactions: usize,
}

/// A transaction that joined the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTransaction {
    /// Transaction hash.
    pub hash: B256,
    /// Sender.
    pub sender: Address,
    /// What executing it gave; its logs are in the block's receipts.
    pub outcome: TransactionOutcome,
}

/// A transaction that did not join the block, and left no trace in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Transaction hash.
    pub hash: B256,
    /// Sender.
    pub sender: Address,
    /// Why.
    pub reason: TransactionRejected,
}

/// Why a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepEnd {
    /// The source gave no more candidates. New ones may arrive.
    Exhausted,
    /// The block has not enough gas left for any transaction.
    Full,
    /// The limit of transactions was reached.
    LimitReached,
    /// The caller's predicate said so.
    Stopped,
}

/// What one step appended. Earlier steps never change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Index in the block of the step's first transaction (or of the next, if it has none).
    pub first_index: usize,
    /// The transactions appended, in order.
    pub transactions: Vec<StepTransaction>,
    /// Candidates that can never stand in a block. The source was told to drop them.
    pub rejected: Vec<LeftOut>,
    /// Candidates that cannot stand in this block. The source keeps them for a later one.
    pub deferred: Vec<LeftOut>,
    /// Why the step ended.
    pub end: StepEnd,
}
