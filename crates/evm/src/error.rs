//! Why execution stops, and whose fault it is.

use crate::{Fork, TransactionRejected, header_rules::HeaderError, overlay::ReadError};
use alloy_primitives::{Address, B256};
use weir_primitives::{Severity, StateError};

/// Why execution cannot go on. The open block is of no use afterwards.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecutionError {
    /// The parent state could not be read.
    #[error("state cannot be read")]
    State(#[from] StateError),
    /// The attributes give a header that no node would accept.
    #[error("attributes give an invalid header")]
    Header(#[from] HeaderError),
    /// Blocks of this fork cannot be built or checked by this program.
    #[error("fork is not supported: fork={fork}")]
    ForkUnsupported {
        /// The fork.
        fork: Fork,
    },
    /// A contract that must answer at the end of each block does not (EIP-7002, EIP-7251): the block is invalid.
    #[error("system contract failed: contract={contract} fault={fault:?}")]
    SystemContract {
        /// Address of the contract.
        contract: Address,
        /// What went wrong.
        fault: SystemFault,
    },
    /// The EVM refused a system call before running it.
    #[error("system call is invalid: contract={contract}")]
    SystemCallInvalid {
        /// Address of the contract.
        contract: Address,
    },
    /// The deposit contract emitted a log that is not a deposit (EIP-6110): the block is invalid.
    #[error("deposit log is malformed: receipt={receipt}")]
    DepositLog {
        /// Index of the transaction that emitted it.
        receipt: usize,
    },
    /// The EVM itself failed while executing a transaction, not by the transaction's fault.
    #[error("evm failed: transaction={hash}")]
    Evm {
        /// Hash of the transaction.
        hash: B256,
    },
}

/// How a system contract failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemFault {
    /// There is no code at its address.
    Missing,
    /// It reverted.
    Reverted,
    /// It ran out of gas or hit an invalid instruction.
    Halted,
}

impl ExecutionError {
    /// What the driver does next.
    pub const fn severity(&self) -> Severity {
        match self {
            // A failed or incomplete store: derived state is rebuilt from it once it answers.
            Self::State(StateError::Pruned { .. } | StateError::Missing { .. }) => Severity::Reset,
            Self::State(StateError::Store(_))
            | Self::Header(_)
            | Self::ForkUnsupported { .. }
            | Self::SystemContract { .. }
            | Self::SystemCallInvalid { .. }
            | Self::DepositLog { .. }
            | Self::Evm { .. } => Severity::Halt,
        }
    }
}

impl From<ReadError> for ExecutionError {
    fn from(error: ReadError) -> Self {
        Self::State(error.0)
    }
}

/// Why a transaction did not join the block.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransactionError {
    /// The transaction is at fault; the block is as before and takes others.
    #[error(transparent)]
    Rejected(#[from] TransactionRejected),
    /// Execution is at fault; drop the block.
    #[error(transparent)]
    Failed(#[from] ExecutionError),
}
