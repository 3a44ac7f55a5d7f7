//! Why a transaction is refused.

use alloy_primitives::{Address, B256, U256};

/// Why the pool refuses a transaction or an operation on one.
///
/// Wallets match on parts of these messages, so each begins with the words that go-ethereum uses for the same fact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The type is not enabled on this chain; blob transactions (type 3) never are.
    #[error("transaction type not supported: type={ty}")]
    UnsupportedType {
        /// EIP-2718 type.
        ty: u8,
    },
    /// The encoding is longer than the limit.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Encoded length in bytes.
        size: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {have} want {want}")]
    WrongChainId {
        /// Chain id of the transaction.
        have: u64,
        /// Chain id of this chain.
        want: u64,
    },
    /// Signed without a chain id, which the policy does not allow.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// The nonce is 2^64 - 1, which EIP-2681 forbids.
    #[error("nonce has max value: address {address}, nonce: {nonce}", nonce = u64::MAX)]
    NonceMax {
        /// Sender.
        address: Address,
    },
    /// More gas than a block has.
    #[error("exceeds block gas limit: gas {gas_limit}, block gas limit {block_gas_limit}")]
    ExceedsBlockGasLimit {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Gas limit of a block.
        block_gas_limit: u64,
    },
    /// More gas than EIP-7825 allows one transaction.
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")]
    GasLimitTooHigh {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// The cap.
        cap: u64,
    },
    /// The tip cap is above the fee cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: address {address}, maxPriorityFeePerGas: {tip_cap}, maxFeePerGas: {fee_cap}"
    )]
    TipAboveFeeCap {
        /// Sender.
        address: Address,
        /// Tip cap in wei per gas.
        tip_cap: u128,
        /// Fee cap in wei per gas.
        fee_cap: u128,
    },
    /// The tip cap is below the smallest that this node accepts.
    #[error("transaction underpriced: gas tip cap {tip_cap}, minimum needed {minimum}")]
    TipTooLow {
        /// Tip cap in wei per gas.
        tip_cap: u128,
        /// The smallest tip cap accepted, in wei per gas.
        minimum: u128,
    },
    /// The init code of a creation is longer than EIP-3860 allows.
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCodeTooLarge {
        /// Length in bytes.
        size: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// A set-code transaction (type 4) without authorizations.
    #[error("set code tx must have at least one authorization tuple")]
    EmptyAuthorizationList,
    /// Less gas than the transaction costs before any code runs.
    #[error("intrinsic gas too low: gas {gas_limit}, minimum needed {needed}")]
    IntrinsicGas {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Intrinsic gas.
        needed: u64,
    },
    /// Less gas than EIP-7623 charges for the calldata.
    #[error("insufficient gas for floor data gas cost: gas {gas_limit}, minimum needed {needed}")]
    FloorDataGas {
        /// Gas limit of the transaction.
        gas_limit: u64,
        /// Floor gas.
        needed: u64,
    },
    /// Gas limit times fee cap plus value does not fit in 256 bits, so no balance covers it.
    #[error("insufficient funds for gas * price + value: address {address}, tx cost overflows")]
    CostOverflow {
        /// Sender.
        address: Address,
    },
    /// The pool holds this very transaction.
    #[error("already known")]
    AlreadyKnown {
        /// Transaction hash.
        hash: B256,
    },
    /// A sealed block has used this nonce.
    #[error("nonce too low: address {address}, tx: {nonce} state: {state}")]
    NonceTooLow {
        /// Sender.
        address: Address,
        /// Nonce of the transaction.
        nonce: u64,
        /// Next nonce of the sender.
        state: u64,
    },
    /// A transaction of the open block has used this nonce; it can no longer be replaced or removed.
    #[error("nonce too low: address {address}, tx: {nonce} is in the open block as {hash}")]
    InOpenBlock {
        /// Sender.
        address: Address,
        /// Nonce of both transactions.
        nonce: u64,
        /// Hash of the transaction in the open block.
        hash: B256,
    },
    /// The sender is a contract (EIP-3607).
    #[error("sender not an eoa: address {address}")]
    SenderNotEoa {
        /// Sender.
        address: Address,
    },
    /// The balance does not cover this transaction alone.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}",
        .cost.saturating_sub(*.balance)
    )]
    InsufficientFunds {
        /// Balance in wei.
        balance: U256,
        /// Cost of the transaction in wei.
        cost: U256,
    },
    /// The balance covers this transaction, but not together with the sender's others.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx cost {cost}, overshot {}",
        .queued.saturating_add(*.cost).saturating_sub(*.balance)
    )]
    InsufficientFundsQueued {
        /// Balance in wei.
        balance: U256,
        /// Cost of the sender's other transactions in wei.
        queued: U256,
        /// Cost of the transaction in wei.
        cost: U256,
    },
    /// Another transaction has this nonce, and the fees are not enough above its own.
    #[error(
        "replacement transaction underpriced: maxFeePerGas needed {fee_cap_needed}, maxPriorityFeePerGas needed {tip_cap_needed}"
    )]
    ReplacementUnderpriced {
        /// Fee cap that a replacement needs, in wei per gas.
        fee_cap_needed: u128,
        /// Tip cap that a replacement needs, in wei per gas.
        tip_cap_needed: u128,
    },
    /// The sender has as many transactions in the pool as it may.
    #[error("account limit exceeded: address {address}, limit {limit}")]
    AccountLimit {
        /// Sender.
        address: Address,
        /// Limit in transactions.
        limit: usize,
    },
    /// The sender has as many transactions waiting for a missing nonce as it may.
    #[error(
        "account limit exceeded: address {address}, limit of transactions beyond nonce {missing_nonce} is {limit}"
    )]
    QueuedLimit {
        /// Sender.
        address: Address,
        /// Limit in transactions.
        limit: usize,
        /// The nonce they wait for.
        missing_nonce: u64,
    },
    /// The sender has an EIP-7702 delegation and as many transactions in the pool as such an account may.
    #[error(
        "in-flight transaction limit reached for delegated accounts: address {address}, limit {limit}"
    )]
    DelegatedLimit {
        /// Sender.
        address: Address,
        /// Limit in transactions.
        limit: usize,
    },
    /// The pool is full of transactions that pay at least as much; a higher fee cap may enter, or the same later.
    #[error("txpool is full: maxFeePerGas {fee_cap} does not displace another transaction")]
    Full {
        /// Fee cap of the transaction, in wei per gas.
        fee_cap: u128,
    },
    /// The pool does not hold this transaction.
    #[error("unknown transaction: hash={hash}")]
    Unknown {
        /// Transaction hash.
        hash: B256,
    },
}
