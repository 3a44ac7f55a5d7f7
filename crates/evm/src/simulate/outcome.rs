//! How a simulated call ends.

use crate::{ExecutionError, TransactionRejected};
use alloy_primitives::{Address, Bytes, Log};
use revm::context_interface::result::{ExecutionResult, HaltReason, Output};
use weir_primitives::StateError;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// The call returned.
    Success {
        /// Return data; the code for a creation.
        output: Bytes,
        /// Gas used, after refunds.
        gas_used: u64,
        /// Logs emitted.
        logs: Vec<Log>,
        /// The contract created, if it was a creation.
        created: Option<Address>,
    },
    /// The contract reverted.
    Revert {
        /// What it gave as a reason, ABI-encoded by convention.
        output: Bytes,
        /// Gas used.
        gas_used: u64,
    },
    /// The EVM stopped; all gas is used.
    Halt {
        /// Why.
        cause: HaltCause,
        /// Gas used.
        gas_used: u64,
    },
}

impl CallOutcome {
    pub(crate) fn from_evm(result: ExecutionResult) -> Self {
        let gas_used = result.tx_gas_used();
        match result {
            ExecutionResult::Success { output: Output::Call(output), logs, .. } => {
                Self::Success { output, gas_used, logs, created: None }
            }
            ExecutionResult::Success { output: Output::Create(output, created), logs, .. } => {
                Self::Success { output, gas_used, logs, created }
            }
            ExecutionResult::Revert { output, .. } => Self::Revert { output, gas_used },
            ExecutionResult::Halt { reason, .. } => {
                Self::Halt { cause: HaltCause::from_evm(reason), gas_used }
            }
        }
    }

    /// Gas used.
    pub const fn gas_used(&self) -> u64 {
        match self {
            Self::Success { gas_used, .. }
            | Self::Revert { gas_used, .. }
            | Self::Halt { gas_used, .. } => *gas_used,
        }
    }
}

/// Why the EVM stopped, in geth's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HaltCause {
    /// Gas ran out.
    #[error("out of gas")]
    OutOfGas,
    /// An opcode that does not exist, or not yet.
    #[error("invalid opcode")]
    InvalidOpcode,
    /// A jump to something else than `JUMPDEST`.
    #[error("invalid jump destination")]
    InvalidJump,
    /// Too few items on the stack.
    #[error("stack underflow")]
    StackUnderflow,
    /// More than 1024 items on the stack.
    #[error("stack limit reached 1024 (1023)")]
    StackOverflow,
    /// Return data read out of bounds.
    #[error("return data out of bounds")]
    ReturnDataOutOfBounds,
    /// A contract exists at the address of a creation.
    #[error("contract address collision")]
    AddressCollision,
    /// A precompile refused its input.
    #[error("precompile failed")]
    Precompile,
    /// The creator's nonce is at its maximum.
    #[error("nonce uint64 overflow")]
    NonceOverflow,
    /// The code of a creation is too long (EIP-170).
    #[error("max code size exceeded")]
    CodeTooLong,
    /// The code of a creation starts with `0xef` (EIP-3541).
    #[error("invalid code: must not begin with 0xef")]
    CodeStartsWithEf,
    /// Creation code is too long (EIP-3860).
    #[error("max initcode size exceeded")]
    InitCodeTooLong,
    /// A change of state inside a static call.
    #[error("write protection")]
    WriteProtection,
    /// More value than the caller has.
    #[error("insufficient balance for transfer")]
    OutOfFunds,
    /// More than 1024 calls deep.
    #[error("max call depth exceeded")]
    CallTooDeep,
}

impl HaltCause {
    fn from_evm(reason: HaltReason) -> Self {
        match reason {
            HaltReason::OutOfGas(_) => Self::OutOfGas,
            HaltReason::OpcodeNotFound | HaltReason::InvalidFEOpcode | HaltReason::NotActivated => {
                Self::InvalidOpcode
            }
            HaltReason::InvalidJump => Self::InvalidJump,
            HaltReason::StackUnderflow => Self::StackUnderflow,
            HaltReason::StackOverflow => Self::StackOverflow,
            HaltReason::OutOfOffset => Self::ReturnDataOutOfBounds,
            HaltReason::CreateCollision => Self::AddressCollision,
            HaltReason::PrecompileError | HaltReason::PrecompileErrorWithContext(_) => {
                Self::Precompile
            }
            HaltReason::NonceOverflow => Self::NonceOverflow,
            HaltReason::CreateContractSizeLimit => Self::CodeTooLong,
            HaltReason::CreateContractStartingWithEF => Self::CodeStartsWithEf,
            HaltReason::CreateInitCodeSizeLimit => Self::InitCodeTooLong,
            HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
                Self::WriteProtection
            }
            HaltReason::OverflowPayment | HaltReason::OutOfFunds => Self::OutOfFunds,
            HaltReason::CallTooDeep => Self::CallTooDeep,
        }
    }
}

/// Why a call could not be simulated, or gas not estimated. The request is at fault unless it is [`Self::Failed`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum SimulationError {
    /// The request is not valid as a transaction: funds, gas limit, fees, lists.
    #[error(transparent)]
    Rejected(#[from] TransactionRejected),
    /// A gas price and EIP-1559 fees at once.
    #[error("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")]
    ConflictingFees,
    /// Estimation: the sender cannot pay the value that it sends.
    #[error("insufficient funds for transfer")]
    InsufficientFundsForTransfer,
    /// Estimation: even all the gas that the sender may buy is not enough.
    #[error("gas required exceeds allowance ({allowance})")]
    AllowanceTooLow {
        /// Gas that the sender may buy.
        allowance: u64,
    },
    /// Estimation: the call reverts however much gas it has.
    #[error("execution reverted")]
    Reverted {
        /// What the contract gave as a reason.
        output: Bytes,
    },
    /// Estimation: the call stops however much gas it has.
    #[error(transparent)]
    Halted(#[from] HaltCause),
    /// State could not be read, or the EVM failed.
    #[error(transparent)]
    Failed(#[from] ExecutionError),
}

impl From<StateError> for SimulationError {
    fn from(error: StateError) -> Self {
        Self::Failed(error.into())
    }
}
