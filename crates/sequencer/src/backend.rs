//! The chain as the JSON-RPC server reads it.

mod bundle;
mod status;

use crate::{
    Chain, ChainView, DropLog, GapPolicy, Ingress, IngressError, ReorgHandle, SharedPool,
    batching::BatchHandle,
    past::{PastError, PastTries},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use futures_util::future::BoxFuture;
use std::{future::ready, sync::Arc};
use tokio::sync::broadcast;
use weir_evm::{ChainSpec, ExecutionWitness, SealedHeader};
use weir_primitives::{
    Account, ChainUpdate, Conditions, ExecutedBlock, Heads, StateDiff, StateError, StateProvider,
    TransactionStatus,
};
use weir_rpc::{
    AccountProof, BackendError, BundleRequest, BundleStatus, ChainBackend, LogValue, NonceGap,
    PendingView, PoolContent, PoolStatus, PoolTransaction, Readiness, ReceiptSigner, ReorgOutcome,
    ReorgRequest, RpcError, SignedReceipt, SlotProof, StatusReceiver, StepReceiver, SubmitError,
    error::HALTED,
};
use weir_trie::{EMPTY_ROOT_HASH, prove};
use weir_txpool::{BundleError, PoolError, SenderView};

/// JSON-RPC code of a transaction that is not valid (geth's default code).
const INVALID_TRANSACTION: i32 = -32_000;
/// JSON-RPC code of a limit that is reached.
const LIMIT_REACHED: i32 = -32_005;
/// JSON-RPC code of a method that this node does not offer.
const METHOD_NOT_FOUND: i32 = -32_601;
/// JSON-RPC code of a node that failed.
const INTERNAL: i32 = -32_603;
/// ERC-7796: a condition does not hold.
const CONDITION_FAILED: i32 = -32_003;
/// EIP-7966: the transaction cannot be executed now; the data is its hash.
const NOT_READY: i32 = 5;
/// EIP-7966: the nonce is ahead; the data says which is expected.
const NONCE_GAP: i32 = 6;

/// What the JSON-RPC server asks of the sequencer.
#[derive(Debug, Clone)]
pub struct NodeBackend {
    chain: Arc<Chain>,
    pool: Arc<SharedPool>,
    ingress: Arc<Ingress>,
    drops: Arc<DropLog>,
    past: Arc<PastTries>,
    reorgs: Option<ReorgHandle>,
    batches: Option<BatchHandle>,
}

impl NodeBackend {
    /// A backend on the running parts of a node.
    pub fn new(
        chain: Arc<Chain>,
        pool: Arc<SharedPool>,
        ingress: Arc<Ingress>,
        drops: Arc<DropLog>,
    ) -> Self {
        Self { chain, pool, ingress, drops, past: Arc::default(), reorgs: None, batches: None }
    }

    /// Answers `weir_devReorg`, too. For development chains only: anybody who reaches the server may use it.
    #[must_use]
    pub fn with_reorgs(mut self, reorgs: ReorgHandle) -> Self {
        self.reorgs = Some(reorgs);
        self
    }

    /// Also says of included transactions how far their batches are on L1.
    #[must_use]
    pub fn with_batches(mut self, batches: BatchHandle) -> Self {
        self.batches = Some(batches);
        self
    }

    fn location(&self, view: &ChainView, hash: &B256) -> Result<Option<(u64, u64)>, BackendError> {
        view.snapshot().transaction_location(hash).map_err(BackendError::store)
    }

    fn number_of(&self, view: &ChainView, hash: &B256) -> Result<Option<u64>, BackendError> {
        view.snapshot().number_of(hash).map_err(BackendError::store)
    }
}

impl ChainBackend for NodeBackend {
    fn spec(&self) -> &Arc<ChainSpec> {
        self.chain.spec()
    }

    fn heads(&self) -> Heads {
        self.chain.view().heads()
    }

    fn block_by_number(&self, number: u64) -> Result<Option<ExecutedBlock>, BackendError> {
        self.chain.view().block_by_number(number).map_err(BackendError::store)
    }

    fn block_by_hash(&self, hash: &B256) -> Result<Option<ExecutedBlock>, BackendError> {
        let view = self.chain.view();
        match self.number_of(&view, hash)? {
            Some(number) => view.block_by_number(number).map_err(BackendError::store),
            None => Ok(view.orphan(hash).cloned()),
        }
    }

    fn header_by_number(&self, number: u64) -> Result<Option<SealedHeader>, BackendError> {
        self.chain.view().header_by_number(number).map_err(BackendError::store)
    }

    fn header_by_hash(&self, hash: &B256) -> Result<Option<SealedHeader>, BackendError> {
        let view = self.chain.view();
        match self.number_of(&view, hash)? {
            Some(number) => view.header_by_number(number).map_err(BackendError::store),
            None => Ok(view.orphan(hash).map(|block| {
                let header = block.block.header().clone();
                SealedHeader::new_unchecked(header, block.block.hash())
            })),
        }
    }

    fn log_blocks(
        &self,
        value: &LogValue,
        first: u64,
        last: u64,
    ) -> Result<Option<Vec<u64>>, BackendError> {
        let value = match *value {
            LogValue::Address(address) => weir_storage::LogValue::Address(address),
            LogValue::Topic { position, value } => {
                weir_storage::LogValue::Topic { position, value }
            }
        };
        let view = self.chain.view();
        view.snapshot().log_blocks(&value, first, last).map(Some).map_err(BackendError::store)
    }

    fn transaction(&self, hash: &B256) -> Result<Option<(ExecutedBlock, usize)>, BackendError> {
        let view = self.chain.view();
        let Some((number, index)) = self.location(&view, hash)? else { return Ok(None) };
        let block = view.block_by_number(number).map_err(BackendError::store)?;
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        Ok(block.map(|block| (block, index)))
    }

    fn state_at(&self, number: u64) -> Result<Arc<dyn StateProvider>, StateError> {
        self.chain.view().state_at(number)
    }

    fn pending(&self) -> Option<PendingView> {
        None
    }

    fn proof(
        &self,
        number: u64,
        address: Address,
        slots: &[U256],
    ) -> Result<AccountProof, BackendError> {
        let keys: Vec<B256> = slots.iter().map(|slot| keccak256(B256::from(*slot))).collect();
        let nodes = self.past.nodes(&self.chain.view(), number)?;
        let proof = prove(nodes.root, keccak256(address), &keys, &nodes);
        let proof = proof.map_err(BackendError::store)?;
        let account = proof.leaf.map(|leaf| Account {
            nonce: leaf.account.nonce,
            balance: leaf.account.balance,
            code_hash: leaf.account.code_hash,
        });
        let slots = slots.iter().zip(proof.slots).map(|(slot, proof)| SlotProof {
            slot: *slot,
            value: proof.value,
            nodes: proof.nodes,
        });
        Ok(AccountProof {
            account,
            storage_root: proof.leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root),
            nodes: proof.nodes,
            slots: slots.collect(),
        })
    }

    fn root_after(&self, number: u64, diff: &StateDiff) -> Result<B256, BackendError> {
        let nodes = self.past.nodes(&self.chain.view(), number)?;
        nodes.root_after(diff).map_err(BackendError::store)
    }

    fn history_oldest(&self) -> Result<u64, BackendError> {
        self.chain.view().snapshot().history_oldest().map_err(BackendError::store)
    }

    fn witness(&self, number: u64, hash: &B256) -> Result<Arc<ExecutionWitness>, BackendError> {
        Ok(self.chain.witnesses().get(number, hash)?)
    }

    fn transaction_witness(&self, raw: &Bytes) -> Result<ExecutionWitness, BackendError> {
        crate::self_check::transaction_witness(self.chain.spec(), &self.chain.view(), raw)
    }

    fn readiness(&self) -> Readiness {
        self.ingress.readiness()
    }

    fn submit(&self, raw: Bytes, gap: NonceGap) -> BoxFuture<'static, Result<B256, SubmitError>> {
        let ingress = Arc::clone(&self.ingress);
        let gap = match gap {
            NonceGap::Queue => GapPolicy::Queue,
            NonceGap::Refuse => GapPolicy::Refuse,
        };
        Box::pin(async move { ingress.submit(raw, gap).await.map_err(submit_error) })
    }

    fn submit_if(
        &self,
        raw: Bytes,
        conditions: Conditions,
    ) -> BoxFuture<'static, Result<B256, SubmitError>> {
        let ingress = Arc::clone(&self.ingress);
        Box::pin(async move { ingress.submit_if(raw, conditions).await.map_err(submit_error) })
    }

    fn submit_signed(&self, raw: Bytes) -> BoxFuture<'static, Result<SignedReceipt, SubmitError>> {
        let ingress = Arc::clone(&self.ingress);
        Box::pin(async move { ingress.submit_signed(raw).await.map_err(submit_error) })
    }

    fn submit_bundle(
        &self,
        bundle: BundleRequest,
    ) -> BoxFuture<'static, Result<B256, SubmitError>> {
        let ingress = Arc::clone(&self.ingress);
        Box::pin(async move { ingress.submit_bundle(bundle).await.map_err(submit_error) })
    }

    fn cancel_bundle(&self, name: String) -> BoxFuture<'static, Result<bool, SubmitError>> {
        let ingress = Arc::clone(&self.ingress);
        Box::pin(async move { ingress.cancel_bundle(&name).await.map_err(submit_error) })
    }

    fn bundle_status(&self, hash: &B256) -> Result<Option<BundleStatus>, BackendError> {
        self.bundle(hash)
    }

    fn receipt_signers(&self) -> Result<Vec<ReceiptSigner>, BackendError> {
        let keys = self.ingress.receipt_keys().ok_or(BackendError::Unsupported)?;
        Ok(keys.signers())
    }

    fn dev_reorg(
        &self,
        request: ReorgRequest,
    ) -> BoxFuture<'static, Result<ReorgOutcome, RpcError>> {
        let Some(reorgs) = self.reorgs.clone() else {
            return Box::pin(ready(Err(RpcError::method_not_found("weir_devReorg"))));
        };
        Box::pin(async move { Ok(reorgs.reorg(request).await?) })
    }

    fn pool_transaction(&self, hash: &B256) -> Option<PoolTransaction> {
        self.pool.lock().get(hash).map(|transaction| shared(transaction))
    }

    fn pool_content(&self) -> PoolContent {
        let pool = self.pool.lock();
        let mut senders: Vec<_> = pool.senders().collect();
        senders.sort_unstable_by_key(|sender| sender.address);
        let mut content = PoolContent::default();
        for sender in senders {
            add_sender(&mut content, &sender);
        }
        content
    }

    fn pool_content_from(&self, sender: &Address) -> PoolContent {
        let mut content = PoolContent::default();
        if let Some(sender) = self.pool.lock().sender(sender) {
            add_sender(&mut content, &sender);
        }
        content
    }

    fn pool_status(&self) -> PoolStatus {
        let status = self.pool.lock().status();
        PoolStatus { pending: status.pending as u64, queued: status.queued as u64 }
    }

    fn pending_nonce(&self, address: &Address) -> Result<u64, BackendError> {
        let account = self.chain.view().snapshot().account(address)?;
        let nonce = account.unwrap_or_default().nonce;
        Ok(self.pool.lock().pending_nonce(address, nonce))
    }

    fn tip_floor(&self) -> u128 {
        0
    }

    fn transaction_status(&self, hash: &B256) -> Result<Option<TransactionStatus>, BackendError> {
        self.status(hash)
    }

    fn subscribe_statuses(&self) -> StatusReceiver {
        self.chain.statuses().subscribe()
    }

    fn subscribe_updates(&self) -> broadcast::Receiver<Arc<ChainUpdate>> {
        self.chain.subscribe()
    }

    fn subscribe_pending(&self) -> broadcast::Receiver<PoolTransaction> {
        self.ingress.subscribe()
    }

    fn subscribe_steps(&self) -> Option<StepReceiver> {
        Some(self.chain.subscribe_open())
    }
}

pub(crate) fn shared(transaction: &weir_txpool::PoolTransaction) -> PoolTransaction {
    PoolTransaction {
        hash: transaction.hash,
        transaction: Arc::clone(&transaction.tx),
        sender: transaction.sender,
    }
}

fn add_sender(content: &mut PoolContent, sender: &SenderView<'_>) {
    content.pending.extend(sender.pending().map(|transaction| shared(transaction)));
    content.queued.extend(sender.queued().map(|transaction| shared(transaction)));
}

impl From<PastError> for BackendError {
    fn from(error: PastError) -> Self {
        match error {
            PastError::State(error) => error.into(),
            PastError::TooFar { .. } => Self::Limited { limit: error.to_string() },
            error => Self::store(error),
        }
    }
}

fn submit_error(error: IngressError) -> SubmitError {
    let (code, data) = match &error {
        IngressError::NonceGap { expected } => (NONCE_GAP, Some(format!("{expected:#x}"))),
        IngressError::NotReady { hash, .. } => (NOT_READY, Some(hash.to_string())),
        IngressError::Condition(_) => (CONDITION_FAILED, None),
        IngressError::Pool(PoolError::Full { .. })
        | IngressError::Bundle(BundleError::Full { .. })
        | IngressError::ConditionsTooLarge { .. }
        | IngressError::JournalFull { .. } => (LIMIT_REACHED, None),
        IngressError::Decode(_)
        | IngressError::Signature(_)
        | IngressError::Pool(_)
        | IngressError::Bundle(_)
        | IngressError::ConditionsUnreadable { .. }
        | IngressError::Quarantined { .. } => (INVALID_TRANSACTION, None),
        IngressError::Halted { .. } => (HALTED, None),
        IngressError::ReceiptsOff => (METHOD_NOT_FOUND, None),
        IngressError::Signing { hash, .. } => {
            tracing::error!(%error, "receipt could not be signed");
            (INTERNAL, Some(hash.to_string()))
        }
        IngressError::State(_) | IngressError::Journal(_) | IngressError::Stopping => {
            tracing::error!(%error, "transaction could not be accepted");
            (INTERNAL, None)
        }
    };
    SubmitError { code, message: error.to_string(), data }
}
