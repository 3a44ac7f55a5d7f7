//! The chain, its pool of transactions and its updates.

use super::{
    BackendError, BundleRequest, BundleStatus, PoolContent, PoolStatus, PoolTransaction,
    ReceiptSigner, ReorgOutcome, ReorgRequest, SignedReceipt, SubmitError,
};
use crate::error::RpcError;
use alloy_primitives::{Address, B256, Bytes, U256};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use tokio::sync::broadcast;
use weir_evm::{ChainSpec, ExecutionWitness, SealedHeader};
use weir_primitives::{
    Account, ChainUpdate, Conditions, ExecutedBlock, Heads, OpenUpdate, StateDiff, StateError,
    StateProvider, StatusUpdate, TransactionStatus,
};

/// Chain updates in order. A receiver that falls behind gets `Lagged`; its client is told and disconnected.
pub type UpdateReceiver = broadcast::Receiver<Arc<ChainUpdate>>;

/// Transactions as the pool accepts them. A receiver that falls behind gets `Lagged`.
pub type PendingTransactions = broadcast::Receiver<PoolTransaction>;

/// Changes of transaction statuses in order. A receiver that falls behind gets `Lagged`.
pub type StatusReceiver = broadcast::Receiver<Arc<StatusUpdate>>;

/// Steps of the block that is being built. A receiver that falls behind gets `Lagged`.
pub type StepReceiver = broadcast::Receiver<Arc<OpenUpdate>>;

/// The block being built.
#[derive(Clone)]
pub struct PendingView {
    /// The transactions executed so far; the roots and the hash of its header mean nothing yet.
    pub block: ExecutedBlock,
    /// The state after them.
    pub state: Arc<dyn StateProvider>,
}

impl std::fmt::Debug for PendingView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingView")
            .field("block", &self.block.reference())
            .finish_non_exhaustive()
    }
}

/// What happens to a transaction whose nonce is higher than the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NonceGap {
    /// It waits in the pool.
    Queue,
    /// It is refused with code 6 and the nonce expected as data, and not added (EIP-7966). So is one that cannot pay the
    /// base fee, with code 5 and its hash.
    Refuse,
}

/// Progress towards the network's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncStatus {
    /// Block number at which the synchronisation began.
    pub starting: u64,
    /// Block number reached.
    pub current: u64,
    /// Highest block number known.
    pub highest: u64,
}

/// Whether the node should be sent traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It serves.
    Ready,
    /// It does not serve yet, or not any more.
    NotReady {
        /// Why, for the operator.
        reason: String,
    },
}

/// A value at a place of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogValue {
    /// The contract that emitted it.
    Address(Address),
    /// A topic at a position, 0 to 3.
    Topic {
        /// The position.
        position: u8,
        /// The topic.
        value: B256,
    },
}

/// A slot with its Merkle proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotProof {
    /// The slot number.
    pub slot: U256,
    /// Its value.
    pub value: U256,
    /// Trie nodes from the storage root down, each RLP-encoded.
    pub nodes: Vec<Bytes>,
}

/// An account with its Merkle proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountProof {
    /// The account; `None` if the proof is one of absence.
    pub account: Option<Account>,
    /// Root of its storage trie.
    pub storage_root: B256,
    /// Trie nodes from the state root down, each RLP-encoded.
    pub nodes: Vec<Bytes>,
    /// Proofs of the slots asked for, in order.
    pub slots: Vec<SlotProof>,
}

/// Reads of the chain, and the two writes.
///
/// Reads are synchronous and quick (a lookup); whatever executes code or walks many blocks is run by this crate on
/// blocking threads behind a bounded semaphore, so that reads never starve writes.
pub trait ChainBackend: Send + Sync + 'static {
    /// The rules of the chain.
    fn spec(&self) -> &Arc<ChainSpec>;

    /// The unsafe, safe and finalized heads.
    fn heads(&self) -> Heads;

    /// The canonical block with this number.
    fn block_by_number(&self, number: u64) -> Result<Option<ExecutedBlock>, BackendError>;

    /// The block with this hash, canonical or not.
    fn block_by_hash(&self, hash: &B256) -> Result<Option<ExecutedBlock>, BackendError>;

    /// The canonical header with this number.
    fn header_by_number(&self, number: u64) -> Result<Option<SealedHeader>, BackendError>;

    /// The header with this hash, canonical or not.
    fn header_by_hash(&self, hash: &B256) -> Result<Option<SealedHeader>, BackendError>;

    /// The canonical blocks from `first` to `last` that may hold a log with `value`, ascending, by an index that misses
    /// none; `None` unless overridden: there is no index, and every block is looked through.
    fn log_blocks(
        &self,
        _value: &LogValue,
        _first: u64,
        _last: u64,
    ) -> Result<Option<Vec<u64>>, BackendError> {
        Ok(None)
    }

    /// A transaction of the canonical chain: its block and its index in it.
    fn transaction(&self, hash: &B256) -> Result<Option<(ExecutedBlock, usize)>, BackendError>;

    /// The state after the canonical block with this number.
    ///
    /// # Errors
    /// [`StateError::Pruned`] if it is no longer kept.
    fn state_at(&self, number: u64) -> Result<Arc<dyn StateProvider>, StateError>;

    /// The open block, where the node has one.
    fn pending(&self) -> Option<PendingView>;

    /// An account and slots with their proofs after the canonical block with this number.
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] unless overridden.
    fn proof(
        &self,
        _number: u64,
        _address: Address,
        _slots: &[U256],
    ) -> Result<AccountProof, BackendError> {
        Err(BackendError::Unsupported)
    }

    /// The root of the state after block `number` when `diff`, a change of that state, is applied to it.
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] unless overridden.
    fn root_after(&self, _number: u64, _diff: &StateDiff) -> Result<B256, BackendError> {
        Err(BackendError::Unsupported)
    }

    /// The oldest block whose state can be read.
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] unless overridden.
    fn history_oldest(&self) -> Result<u64, BackendError> {
        Err(BackendError::Unsupported)
    }

    /// The witness of a sealed canonical block.
    ///
    /// # Errors
    /// [`StateError::Pruned`] if it is not kept, [`BackendError::Unsupported`] unless overridden.
    fn witness(&self, _number: u64, _hash: &B256) -> Result<Arc<ExecutionWitness>, BackendError> {
        Err(BackendError::Unsupported)
    }

    /// The witness of an encoded transaction as if it were alone in the next block. Leaves no trace.
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] unless overridden.
    fn transaction_witness(&self, _raw: &Bytes) -> Result<ExecutionWitness, BackendError> {
        Err(BackendError::Unsupported)
    }

    /// Decodes, checks and accepts an encoded transaction (a blob transaction with its sidecar).
    ///
    /// Resolves once the transaction is durable. Futures first polled in order are accepted in order. A client may
    /// hang up: dropping the future must not leave a transaction half accepted, and need not withdraw it.
    fn submit(&self, raw: Bytes, gap: NonceGap) -> BoxFuture<'static, Result<B256, SubmitError>>;

    /// As [`Self::submit`], to be executed only while the conditions hold (ERC-7796).
    ///
    /// # Errors
    /// -32601 unless overridden.
    fn submit_if(
        &self,
        _raw: Bytes,
        _conditions: Conditions,
    ) -> BoxFuture<'static, Result<B256, SubmitError>> {
        Box::pin(std::future::ready(Err(SubmitError::unsupported())))
    }

    /// As [`Self::submit`], and answers what the node has signed.
    ///
    /// # Errors
    /// -32601 unless overridden.
    fn submit_signed(&self, _raw: Bytes) -> BoxFuture<'static, Result<SignedReceipt, SubmitError>> {
        Box::pin(std::future::ready(Err(SubmitError::unsupported())))
    }

    /// Accepts transactions that are executed one directly after the other, or not at all. Resolves to the bundle's hash once
    /// it is durable.
    ///
    /// # Errors
    /// -32601 unless overridden.
    fn submit_bundle(
        &self,
        _bundle: BundleRequest,
    ) -> BoxFuture<'static, Result<B256, SubmitError>> {
        Box::pin(std::future::ready(Err(SubmitError::unsupported())))
    }

    /// Takes back the bundle that its sender calls so. Resolves to `false` if there is none, or if it is in the open block.
    ///
    /// # Errors
    /// -32601 unless overridden.
    fn cancel_bundle(&self, _name: String) -> BoxFuture<'static, Result<bool, SubmitError>> {
        Box::pin(std::future::ready(Err(SubmitError::unsupported())))
    }

    /// What became of a bundle; `None` if it was never seen, or so long ago that it is forgotten.
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] unless overridden.
    fn bundle_status(&self, _hash: &B256) -> Result<Option<BundleStatus>, BackendError> {
        Err(BackendError::Unsupported)
    }

    /// The key that signs receipts, and the earlier ones that are still believed, newest first.
    ///
    /// # Errors
    /// [`BackendError::Unsupported`] unless overridden.
    fn receipt_signers(&self) -> Result<Vec<ReceiptSigner>, BackendError> {
        Err(BackendError::Unsupported)
    }

    /// Replaces the newest blocks of the chain by others, for tests of what follows it. Resolves once the other blocks
    /// are stored; a client that hangs up does not stop it.
    ///
    /// # Errors
    /// -32601 unless overridden: only a development chain may do this.
    fn dev_reorg(
        &self,
        _request: ReorgRequest,
    ) -> BoxFuture<'static, Result<ReorgOutcome, RpcError>> {
        Box::pin(std::future::ready(Err(RpcError::method_not_found("weir_devReorg"))))
    }

    /// A transaction that is accepted and in no sealed block.
    fn pool_transaction(&self, hash: &B256) -> Option<PoolTransaction>;

    /// Everything in the pool, by sender and nonce.
    fn pool_content(&self) -> PoolContent;

    /// What the pool holds of one sender, by nonce.
    fn pool_content_from(&self, sender: &Address) -> PoolContent;

    /// How many transactions the pool holds.
    fn pool_status(&self) -> PoolStatus;

    /// The next nonce of an account: behind the open block and the pool's contiguous transactions.
    fn pending_nonce(&self, address: &Address) -> Result<u64, BackendError>;

    /// The lowest priority fee per gas the pool accepts, in wei.
    fn tip_floor(&self) -> u128;

    /// The state of synchronisation; `None` if the node is at the head.
    fn sync_status(&self) -> Option<SyncStatus> {
        None
    }

    /// What became of a transaction; `None` if it was never seen.
    fn transaction_status(&self, hash: &B256) -> Result<Option<TransactionStatus>, BackendError>;

    /// Whether `GET /health/ready` says yes.
    fn readiness(&self) -> Readiness {
        Readiness::Ready
    }

    /// Chain updates from now on.
    fn subscribe_updates(&self) -> UpdateReceiver;

    /// Newly accepted transactions from now on.
    fn subscribe_pending(&self) -> PendingTransactions;

    /// Changes of transaction statuses from now on. A change is told once [`Self::transaction_status`] shows it, a
    /// retraction before.
    fn subscribe_statuses(&self) -> StatusReceiver;

    /// What happens to the block that is being built, from now on; `None` unless overridden: the node builds none.
    fn subscribe_steps(&self) -> Option<StepReceiver> {
        None
    }
}
