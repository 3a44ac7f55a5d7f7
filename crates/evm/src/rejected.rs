//! Why a transaction may not stand in a block.

use alloy_primitives::U256;
use revm::context_interface::result::InvalidTransaction;
use weir_primitives::ConditionFailure;

/// A transaction that is not valid in the block it was offered to. It left no trace there.
///
/// The same transaction may be valid later (nonce too high, fees too low, block full) or never; the variant
/// tells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionRejected {
    /// A condition that it was sent with does not hold (ERC-7796).
    #[error(transparent)]
    Condition(#[from] ConditionFailure),
    /// The sender has already used this nonce. Never valid again.
    #[error("nonce too low: tx={tx} state={state}")]
    NonceTooLow {
        /// Nonce of the transaction.
        tx: u64,
        /// Next nonce of the sender.
        state: u64,
    },
    /// Transactions with lower nonces must come first.
    #[error("nonce too high: tx={tx} state={state}")]
    NonceTooHigh {
        /// Nonce of the transaction.
        tx: u64,
        /// Next nonce of the sender.
        state: u64,
    },
    /// The nonce is the highest there is (EIP-2681). Never valid.
    #[error("nonce has reached its maximum")]
    NonceMax,
    /// The sender cannot pay value plus the highest possible fee.
    #[error("insufficient funds: required={required} balance={balance}")]
    InsufficientFunds {
        /// Wei that the sender must hold.
        required: U256,
        /// Wei that it holds.
        balance: U256,
    },
    /// Value plus fee does not fit 256 bits. Never valid.
    #[error("cost of the transaction overflows")]
    CostOverflow,
    /// The gas limit does not cover what is charged before execution. Never valid.
    #[error("intrinsic gas too low: gas_limit={gas_limit} required={required}")]
    IntrinsicGasTooLow {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas charged before execution.
        required: u64,
    },
    /// The gas limit does not cover the floor of EIP-7623. Never valid.
    #[error("gas limit below calldata floor: gas_limit={gas_limit} required={required}")]
    GasFloorTooLow {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Least gas charged for this input.
        required: u64,
    },
    /// The gas limit exceeds the cap of EIP-7825. Never valid.
    #[error("gas limit above the transaction cap: gas_limit={gas_limit} cap={cap}")]
    GasLimitAboveCap {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Highest gas limit of a transaction.
        cap: u64,
    },
    /// The gas limit exceeds what the block has left. May fit in another block.
    #[error(
        "gas limit exceeds what the block has left: gas_limit={gas_limit} available={available}"
    )]
    BlockGasExhausted {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas that the block has left.
        available: u64,
    },
    /// The blobs exceed what the block has left. May fit in another block.
    #[error("blob gas exceeds what the block has left: blob_gas={blob_gas} available={available}")]
    BlobGasExhausted {
        /// Blob gas of the transaction.
        blob_gas: u64,
        /// Blob gas that the block has left.
        available: u64,
    },
    /// The block would exceed its size limit (EIP-7934). May fit in another block.
    #[error("block size exhausted: size={size} max={max}")]
    BlockSizeExhausted {
        /// Bytes the block would have.
        size: usize,
        /// Bytes it may have.
        max: usize,
    },
    /// The fee cap is below the base fee of the block.
    #[error("max fee per gas below the block's base fee")]
    FeeBelowBaseFee,
    /// The tip exceeds the fee cap. Never valid.
    #[error("max priority fee per gas above max fee per gas")]
    PriorityFeeAboveMaxFee,
    /// The blob fee cap is below the blob base fee of the block.
    #[error("max fee per blob gas below the blob base fee: max_fee={max_fee} base_fee={base_fee}")]
    BlobFeeTooLow {
        /// Wei per blob gas that the transaction pays at most.
        max_fee: u128,
        /// Wei per blob gas in this block.
        base_fee: u128,
    },
    /// The sender has code that is no delegation (EIP-3607). Never valid.
    #[error("sender has code")]
    SenderHasCode,
    /// The creation code is too long (EIP-3860). Never valid.
    #[error("initcode is too long")]
    InitCodeTooLong,
    /// Signed for another chain, or for any chain where this block's rules demand one (EIP-155). Never valid.
    #[error("wrong chain id")]
    WrongChainId,
    /// The block's rules do not know this type of transaction.
    #[error("transaction type is not active: type={ty}")]
    TypeNotActive {
        /// The type byte (EIP-2718).
        ty: u8,
    },
    /// A blob transaction without blobs. Never valid.
    #[error("blob transaction has no blobs")]
    NoBlobs,
    /// A blob transaction with more blobs than a transaction may have.
    #[error("too many blobs: have={have} max={max}")]
    TooManyBlobs {
        /// Blobs of the transaction.
        have: usize,
        /// Blobs a transaction may have.
        max: usize,
    },
    /// A blob hash of another version than 1. Never valid.
    #[error("blob hash has an unknown version")]
    BlobHashVersion,
    /// A blob or set-code transaction without a recipient. Never valid.
    #[error("transaction of this type cannot create a contract")]
    CannotCreate,
    /// A set-code transaction without authorizations (EIP-7702). Never valid.
    #[error("authorization list is empty")]
    NoAuthorizations,
    /// A rule of the EVM that has no name here; the text is the EVM's. Never valid.
    #[error("transaction is invalid: {reason}")]
    Unnamed {
        /// What the EVM says.
        reason: InvalidReason,
    },
}

/// The EVM's own words for a rule that [`TransactionRejected`] does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidReason(InvalidTransaction);

impl core::fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}

impl TransactionRejected {
    /// Whether the transaction may become valid in a later block without being changed.
    pub const fn may_become_valid(&self) -> bool {
        if let Self::Condition(failure) = self {
            return failure.is_early();
        }
        matches!(
            self,
            Self::NonceTooHigh { .. }
                | Self::InsufficientFunds { .. }
                | Self::BlockGasExhausted { .. }
                | Self::BlobGasExhausted { .. }
                | Self::BlockSizeExhausted { .. }
                | Self::FeeBelowBaseFee
                | Self::BlobFeeTooLow { .. }
                | Self::TypeNotActive { .. }
        )
    }

    /// Names what the EVM refused. `ty` is the type byte of the transaction, `limits` its gas limit and the block's.
    pub(crate) fn from_evm(error: InvalidTransaction, ty: u8, limits: (u64, u64)) -> Self {
        use InvalidTransaction as Evm;
        match error {
            Evm::NonceTooLow { tx, state } => Self::NonceTooLow { tx, state },
            Evm::NonceTooHigh { tx, state } => Self::NonceTooHigh { tx, state },
            Evm::NonceOverflowInTransaction => Self::NonceMax,
            Evm::LackOfFundForMaxFee { fee, balance } => {
                Self::InsufficientFunds { required: *fee, balance: *balance }
            }
            Evm::OverflowPaymentInTransaction => Self::CostOverflow,
            Evm::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                Self::IntrinsicGasTooLow { gas_limit, required: initial_gas }
            }
            Evm::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
                Self::GasFloorTooLow { gas_limit, required: gas_floor }
            }
            Evm::TxGasLimitGreaterThanCap { gas_limit, cap } => {
                Self::GasLimitAboveCap { gas_limit, cap }
            }
            Evm::CallerGasLimitMoreThanBlock => {
                Self::BlockGasExhausted { gas_limit: limits.0, available: limits.1 }
            }
            Evm::GasPriceLessThanBasefee => Self::FeeBelowBaseFee,
            Evm::PriorityFeeGreaterThanMaxFee => Self::PriorityFeeAboveMaxFee,
            Evm::BlobGasPriceGreaterThanMax { block_blob_gas_price, tx_max_fee_per_blob_gas } => {
                Self::BlobFeeTooLow {
                    max_fee: tx_max_fee_per_blob_gas,
                    base_fee: block_blob_gas_price,
                }
            }
            Evm::RejectCallerWithCode => Self::SenderHasCode,
            Evm::CreateInitCodeSizeLimit => Self::InitCodeTooLong,
            Evm::InvalidChainId | Evm::MissingChainId => Self::WrongChainId,
            Evm::EmptyBlobs => Self::NoBlobs,
            Evm::TooManyBlobs { max, have } => Self::TooManyBlobs { have, max },
            Evm::BlobVersionNotSupported => Self::BlobHashVersion,
            Evm::BlobCreateTransaction => Self::CannotCreate,
            Evm::EmptyAuthorizationList => Self::NoAuthorizations,
            Evm::Eip2930NotSupported
            | Evm::Eip1559NotSupported
            | Evm::Eip4844NotSupported
            | Evm::Eip7702NotSupported
            | Evm::AccessListNotSupported
            | Evm::MaxFeePerBlobGasNotSupported
            | Evm::BlobVersionedHashesNotSupported
            | Evm::AuthorizationListNotSupported => Self::TypeNotActive { ty },
            other => Self::Unnamed { reason: InvalidReason(other) },
        }
    }
}
