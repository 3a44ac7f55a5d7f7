//! The backend: blocks and states in vectors, changes on broadcast channels.

use alloy_consensus::{
    EthereumTxEnvelope, Header, Sealed, Signed, TxEip1559, TxEip4844, TxEip4844Variant, TxReceipt,
    TxType, transaction::SignerRecoverable,
};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, Signature, TxKind, U256, keccak256};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;
use weir_evm::{ChainSpec, DiffState, SealedHeader, execute_block_with_ancestors, recover_block};
use weir_primitives::{
    Block, BlockPlace, BlockRef, ChainSegment, ChainUpdate, Conditions, EmptyState, ExecutedBlock,
    Heads, OpenUpdate, Receipt, RecoveredBlock, StateDiff, StateError, StateProvider, StatusUpdate,
    Transaction, TransactionStatus,
};
use weir_rpc::{
    AccountProof, BackendError, ChainBackend, NonceGap, PendingTransactions, PendingView,
    PoolContent, PoolStatus, PoolTransaction, Readiness, SlotProof, StatusReceiver, StepReceiver,
    SubmitError, UpdateReceiver,
};
use weir_trie::{
    AccountChange, EMPTY_ROOT_HASH, EmptyNodes, HashedDiff, LeafAccount, Nibbles, NodeSource,
    StateTrie, TrieError, TrieUpdates,
};

pub(crate) const DEV_CHAIN_ID: u64 = 61_972;
pub(crate) const RICH: Address = Address::repeat_byte(0x11);
/// Updates a receiver may fall behind.
pub(crate) const UPDATES: usize = 16;

pub(crate) struct MemoryChain {
    spec: Arc<ChainSpec>,
    canonical: Mutex<Vec<(ExecutedBlock, Arc<dyn StateProvider>)>>,
    side: Mutex<Vec<ExecutedBlock>>,
    pool: Mutex<Vec<PoolTransaction>>,
    /// Lookups of a sealed transaction that are answered as if it were not sealed yet.
    pub(crate) early_lookups: Mutex<u32>,
    /// Whole blocks read by number.
    pub(crate) block_reads: Mutex<u64>,
    pub(crate) open: Mutex<Option<PendingView>>,
    pub(crate) pruned_below: Mutex<u64>,
    pub(crate) ready: Mutex<Readiness>,
    pub(crate) submitted: Mutex<Vec<Bytes>>,
    pub(crate) conditions: Mutex<Vec<Conditions>>,
    updates: broadcast::Sender<Arc<ChainUpdate>>,
    pending: broadcast::Sender<PoolTransaction>,
    pub(crate) statuses: broadcast::Sender<Arc<StatusUpdate>>,
    steps: Option<broadcast::Sender<Arc<OpenUpdate>>>,
}

fn genesis_root(spec: &ChainSpec) -> B256 {
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    trie.apply(&hashed(&spec.genesis_diff()), &EmptyNodes).unwrap();
    trie.root()
}

/// The change by hashed keys, as the trie takes it.
fn hashed(diff: &StateDiff) -> HashedDiff {
    let change = |account: &weir_primitives::AccountDiff| {
        let mut slots: Vec<_> = account
            .slots
            .iter()
            .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), value.after))
            .collect();
        slots.sort();
        let leaf = |after: weir_primitives::Account| LeafAccount {
            nonce: after.nonce,
            balance: after.balance,
            code_hash: after.code_hash,
        };
        AccountChange {
            account: account.after.map(leaf),
            is_storage_wiped: account.is_storage_wiped,
            slots,
        }
    };
    let mut accounts: Vec<_> =
        diff.accounts.iter().map(|(address, one)| (keccak256(address), change(one))).collect();
    accounts.sort_by_key(|(key, _)| *key);
    HashedDiff { accounts }
}

/// Every node of a state.
struct Nodes(TrieUpdates);

impl NodeSource for Nodes {
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        let mut nodes = self.0.account_nodes.iter();
        Ok(nodes.find(|(at, _)| at == path).and_then(|(_, node)| node.clone()))
    }

    fn storage_node(&self, account: &B256, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        let mut nodes = self.0.storage_nodes.iter();
        let found = nodes.find(|(owner, at, _)| owner == account && at == path);
        Ok(found.and_then(|(_, _, node)| node.clone()))
    }
}

impl MemoryChain {
    pub(crate) fn new(spec: ChainSpec) -> Self {
        let header = spec.genesis_header(genesis_root(&spec));
        let mut block = Block { header, ..Block::default() };
        block.body.withdrawals = block.header.withdrawals_root.map(|_| Default::default());
        let hash = block.header.hash_slow();
        let genesis = ExecutedBlock {
            block: Arc::new(RecoveredBlock::new(block, hash, Vec::new())),
            receipts: Arc::default(),
            diff: None,
        };
        let diff = Arc::new(spec.genesis_diff());
        let state: Arc<dyn StateProvider> =
            Arc::new(DiffState::sealed(Arc::new(EmptyState), diff, 0, hash));
        Self {
            spec: Arc::new(spec),
            canonical: Mutex::new(vec![(genesis, state)]),
            side: Mutex::default(),
            pool: Mutex::default(),
            early_lookups: Mutex::default(),
            block_reads: Mutex::default(),
            open: Mutex::default(),
            pruned_below: Mutex::new(0),
            ready: Mutex::new(Readiness::Ready),
            submitted: Mutex::default(),
            conditions: Mutex::default(),
            updates: broadcast::Sender::new(UPDATES),
            pending: broadcast::Sender::new(UPDATES),
            statuses: broadcast::Sender::new(UPDATES),
            steps: None,
        }
    }

    /// The same chain, as if it built blocks.
    pub(crate) fn building(mut self) -> Self {
        self.steps = Some(broadcast::Sender::new(UPDATES));
        self
    }

    /// Tells of a step of the open block.
    pub(crate) fn tell_step(&self, step: Arc<OpenUpdate>) {
        // Nobody may be listening.
        let _ = self.steps.as_ref().unwrap().send(step);
    }

    /// The newest rules and one rich account.
    pub(crate) fn dev() -> Self {
        Self::new(ChainSpec::dev(DEV_CHAIN_ID, [(RICH, U256::from(10).pow(U256::from(22)))]))
    }

    /// Executes a real block on the head; everything in its header but the state root is checked.
    pub(crate) fn import(&self, block: Block) {
        let block = recover_block(&self.spec, block).unwrap();
        let mut canonical = self.canonical.lock().unwrap();
        let (parent, state) = canonical.last().cloned().unwrap();
        let sealed =
            SealedHeader::new_unchecked(parent.block.header().clone(), parent.block.hash());
        let ancestors: Vec<Block> =
            canonical.iter().rev().take(7).map(|(one, _)| one.block.block().clone()).collect();
        let ancestors: Vec<&Block> = ancestors.iter().collect();
        let output =
            execute_block_with_ancestors(&self.spec, &sealed, &block, &ancestors, state.clone())
                .unwrap_or_else(|error| panic!("block {}: {error:?}", block.header().number));
        let diff = Arc::new(output.diff);
        let (number, hash) = (block.header().number, block.hash());
        let state = Arc::new(DiffState::sealed(state, diff.clone(), number, hash));
        let executed = ExecutedBlock {
            block: Arc::new(block),
            receipts: Arc::new(output.receipts),
            diff: Some(diff),
        };
        canonical.push((executed, state));
    }

    pub(crate) fn head(&self) -> ExecutedBlock {
        self.canonical.lock().unwrap().last().unwrap().0.clone()
    }

    /// A made-up child of `parent` with one transaction a list of logs; its state is genesis'.
    pub(crate) fn child(
        &self,
        parent: &ExecutedBlock,
        salt: u64,
        logs: Vec<Vec<Log>>,
    ) -> ExecutedBlock {
        let mut gas = 0;
        let number = parent.reference().number + 1;
        let receipts: Vec<Receipt> = logs
            .into_iter()
            .map(|logs| {
                gas += 21_000;
                Receipt { tx_type: TxType::Eip1559, success: true, cumulative_gas_used: gas, logs }
            })
            .collect();
        let nonces = 0..receipts.len() as u64;
        let transactions = nonces.map(|nonce| transaction(number * 1_000 + nonce, salt)).collect();
        let bloom = receipts.iter().fold(Default::default(), |bloom, one| bloom | one.bloom());
        let header = Header {
            parent_hash: parent.block.hash(),
            number,
            timestamp: parent.reference().timestamp + 1,
            gas_limit: 30_000_000,
            gas_used: gas,
            base_fee_per_gas: Some(1_000),
            logs_bloom: bloom,
            extra_data: salt.to_be_bytes().into(),
            ..Header::default()
        };
        let block = Block {
            header,
            body: alloy_consensus::BlockBody { transactions, ..Default::default() },
        };
        let (hash, senders) = (block.header.hash_slow(), vec![RICH; receipts.len()]);
        ExecutedBlock {
            block: Arc::new(RecoveredBlock::new(block, hash, senders)),
            receipts: Arc::new(receipts),
            diff: None,
        }
    }

    fn canonical_at(&self, number: u64) -> Option<ExecutedBlock> {
        let canonical = self.canonical.lock().unwrap();
        canonical.get(usize::try_from(number).unwrap()).map(|(block, _)| block.clone())
    }

    fn push(&self, block: ExecutedBlock) {
        let mut canonical = self.canonical.lock().unwrap();
        let state = canonical.last().unwrap().1.clone();
        self.pool.lock().unwrap().retain(|pooled| {
            block.block.transactions().iter().all(|one| *one.tx_hash() != pooled.hash)
        });
        canonical.push((block, state));
    }

    fn tell(&self, update: ChainUpdate) {
        // Nobody may be listening.
        let _ = self.updates.send(Arc::new(update));
    }

    /// Appends a made-up block and tells everyone.
    pub(crate) fn commit(&self, salt: u64, logs: Vec<Vec<Log>>) -> ExecutedBlock {
        let block = self.child(&self.head(), salt, logs);
        self.push(block.clone());
        self.tell(ChainUpdate::Committed(ChainSegment::single(block.clone())));
        block
    }

    /// Replaces the head by a made-up sibling and tells everyone.
    pub(crate) fn reorg(&self, salt: u64, logs: Vec<Vec<Log>>) -> (ExecutedBlock, ExecutedBlock) {
        let (old, _) = self.canonical.lock().unwrap().pop().unwrap();
        let new = self.child(&self.head(), salt, logs);
        self.side.lock().unwrap().push(old.clone());
        self.push(new.clone());
        self.tell(ChainUpdate::Reorged {
            old: ChainSegment::single(old.clone()),
            new: ChainSegment::single(new.clone()),
        });
        (old, new)
    }

    /// Seals what the pool holds.
    pub(crate) fn seal_pool(&self) -> ExecutedBlock {
        let pooled = std::mem::take(&mut *self.pool.lock().unwrap());
        let mut block = self.child(&self.head(), 0, vec![Vec::new(); pooled.len()]);
        let recovered = Arc::make_mut(&mut block.block);
        let mut inner = recovered.block().clone();
        inner.body.transactions = pooled.iter().map(|one| (*one.transaction).clone()).collect();
        let senders = pooled.iter().map(|one| one.sender).collect();
        *recovered = RecoveredBlock::new(inner.clone(), inner.header.hash_slow(), senders);
        self.push(block.clone());
        self.tell(ChainUpdate::Committed(ChainSegment::single(block.clone())));
        block
    }
}

/// A transaction that is well-formed but signed by nobody.
pub(crate) fn transaction(nonce: u64, salt: u64) -> Transaction {
    let tx = TxEip1559 {
        chain_id: DEV_CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 2_000,
        max_priority_fee_per_gas: 10 + u128::from(salt),
        to: TxKind::Call(Address::repeat_byte(0x22)),
        value: U256::from(salt),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from(1), U256::from(2), false);
    EthereumTxEnvelope::Eip1559(Signed::new_unhashed(tx, signature))
}

fn decode(raw: &[u8]) -> Option<(Transaction, Address)> {
    let tx = EthereumTxEnvelope::<TxEip4844Variant>::decode_2718(&mut &raw[..]);
    let tx = match tx {
        Ok(tx) => tx,
        // With the sidecar of a blob transaction.
        Err(_) => alloy_consensus::EthereumTxEnvelope::<
            alloy_consensus::TxEip4844WithSidecar<
                alloy_eips::eip7594::BlobTransactionSidecarVariant,
            >,
        >::decode_2718(&mut &raw[..])
        .ok()?
        .map_eip4844(TxEip4844Variant::from),
    };
    let tx: Transaction = tx.map_eip4844(TxEip4844::from);
    let sender = tx.recover_signer().ok()?;
    Some((tx, sender))
}

fn refused(code: i32, message: &str) -> SubmitError {
    SubmitError { code, message: message.to_owned(), data: None }
}

impl ChainBackend for MemoryChain {
    fn history_oldest(&self) -> Result<u64, BackendError> {
        Ok(0)
    }

    fn spec(&self) -> &Arc<ChainSpec> {
        &self.spec
    }

    fn heads(&self) -> Heads {
        let canonical = self.canonical.lock().unwrap();
        let at = |depth: usize| -> BlockRef {
            canonical[canonical.len().saturating_sub(1 + depth)].0.reference()
        };
        Heads::new(at(0), at(1), at(2)).unwrap()
    }

    fn block_by_number(&self, number: u64) -> Result<Option<ExecutedBlock>, BackendError> {
        *self.block_reads.lock().unwrap() += 1;
        Ok(self.canonical_at(number))
    }

    fn block_by_hash(&self, hash: &B256) -> Result<Option<ExecutedBlock>, BackendError> {
        let canonical = self.canonical.lock().unwrap();
        let side = self.side.lock().unwrap();
        let mut blocks = canonical.iter().map(|(block, _)| block).chain(side.iter());
        Ok(blocks.find(|block| block.block.hash() == *hash).cloned())
    }

    fn header_by_number(&self, number: u64) -> Result<Option<SealedHeader>, BackendError> {
        Ok(self.canonical_at(number).map(sealed))
    }

    fn header_by_hash(&self, hash: &B256) -> Result<Option<SealedHeader>, BackendError> {
        Ok(self.block_by_hash(hash)?.map(sealed))
    }

    fn transaction(&self, hash: &B256) -> Result<Option<(ExecutedBlock, usize)>, BackendError> {
        let mut early = self.early_lookups.lock().unwrap();
        if *early > 0 {
            *early -= 1;
            return Ok(None);
        }
        let canonical = self.canonical.lock().unwrap();
        Ok(canonical.iter().find_map(|(block, _)| {
            let mut transactions = block.block.transactions().iter();
            let index = transactions.position(|one| one.tx_hash() == hash)?;
            Some((block.clone(), index))
        }))
    }

    fn state_at(&self, number: u64) -> Result<Arc<dyn StateProvider>, StateError> {
        let oldest = *self.pruned_below.lock().unwrap();
        if number < oldest {
            return Err(StateError::Pruned { block: number, oldest });
        }
        Ok(self.canonical.lock().unwrap()[usize::try_from(number).unwrap()].1.clone())
    }

    fn pending(&self) -> Option<PendingView> {
        self.open.lock().unwrap().clone()
    }

    fn proof(
        &self,
        number: u64,
        address: Address,
        slots: &[U256],
    ) -> Result<AccountProof, BackendError> {
        // From genesis on: slow, and right by construction.
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        trie.apply(&hashed(&self.spec.genesis_diff()), &EmptyNodes).unwrap();
        let canonical = self.canonical.lock().unwrap();
        for (block, _) in canonical.iter().take(usize::try_from(number).unwrap() + 1) {
            let diff = block.diff.clone().unwrap_or_default();
            trie.apply(&hashed(&diff), &EmptyNodes).unwrap();
        }
        let root = trie.root();
        let nodes = Nodes(trie.take_updates());
        let keys: Vec<B256> =
            slots.iter().map(|slot| keccak256(slot.to_be_bytes::<32>())).collect();
        let proof = weir_trie::prove(root, keccak256(address), &keys, &nodes).unwrap();
        let shown = slots.iter().zip(proof.slots);
        Ok(AccountProof {
            account: proof.leaf.map(|leaf| weir_primitives::Account {
                nonce: leaf.account.nonce,
                balance: leaf.account.balance,
                code_hash: leaf.account.code_hash,
            }),
            storage_root: proof.leaf.map_or(EMPTY_ROOT_HASH, |leaf| leaf.storage_root),
            nodes: proof.nodes,
            slots: shown
                .map(|(slot, one)| SlotProof { slot: *slot, value: one.value, nodes: one.nodes })
                .collect(),
        })
    }

    fn submit(&self, raw: Bytes, gap: NonceGap) -> BoxFuture<'static, Result<B256, SubmitError>> {
        self.submitted.lock().unwrap().push(raw.clone());
        let outcome = match decode(&raw) {
            None => Err(refused(-32000, "transaction cannot be decoded")),
            Some((tx, _))
                if gap == NonceGap::Refuse
                    && alloy_consensus::Transaction::nonce(&tx) > 1_000_000 =>
            {
                Err(SubmitError { data: Some("0x0".to_owned()), ..refused(6, "nonce gap") })
            }
            Some((tx, sender)) => {
                let hash = *tx.tx_hash();
                let pooled = PoolTransaction { hash, transaction: Arc::new(tx), sender };
                self.pool.lock().unwrap().push(pooled.clone());
                let _ = self.pending.send(pooled);
                Ok(hash)
            }
        };
        std::future::ready(outcome).boxed()
    }

    fn submit_if(
        &self,
        raw: Bytes,
        conditions: Conditions,
    ) -> BoxFuture<'static, Result<B256, SubmitError>> {
        self.conditions.lock().unwrap().push(conditions);
        self.submit(raw, NonceGap::Queue)
    }

    fn pool_transaction(&self, hash: &B256) -> Option<PoolTransaction> {
        self.pool.lock().unwrap().iter().find(|pooled| pooled.hash == *hash).cloned()
    }

    fn pool_content(&self) -> PoolContent {
        PoolContent { pending: self.pool.lock().unwrap().clone(), queued: Vec::new() }
    }

    fn pool_content_from(&self, sender: &Address) -> PoolContent {
        let mut content = self.pool_content();
        content.pending.retain(|pooled| pooled.sender == *sender);
        content
    }

    fn pool_status(&self) -> PoolStatus {
        PoolStatus { pending: self.pool.lock().unwrap().len() as u64, queued: 0 }
    }

    fn pending_nonce(&self, address: &Address) -> Result<u64, BackendError> {
        let state = self.state_at(self.head().reference().number)?;
        let pooled = self.pool_content_from(address).pending.len() as u64;
        Ok(state.account(address)?.unwrap_or_default().nonce + pooled)
    }

    fn tip_floor(&self) -> u128 {
        1
    }

    fn transaction_status(&self, hash: &B256) -> Result<Option<TransactionStatus>, BackendError> {
        if let Some((block, index)) = self.transaction(hash)? {
            let (block, hash) = (block.reference().number, block.block.hash());
            let index = index as u64;
            let place = BlockPlace { block, hash, index };
            return Ok(Some(TransactionStatus::Included(place)));
        }
        Ok(self.pool_transaction(hash).map(|_| TransactionStatus::Pending))
    }

    fn readiness(&self) -> Readiness {
        self.ready.lock().unwrap().clone()
    }

    fn subscribe_updates(&self) -> UpdateReceiver {
        self.updates.subscribe()
    }

    fn subscribe_pending(&self) -> PendingTransactions {
        self.pending.subscribe()
    }

    fn subscribe_statuses(&self) -> StatusReceiver {
        self.statuses.subscribe()
    }

    fn subscribe_steps(&self) -> Option<StepReceiver> {
        self.steps.as_ref().map(broadcast::Sender::subscribe)
    }
}

fn sealed(block: ExecutedBlock) -> SealedHeader {
    Sealed::new_unchecked(block.block.header().clone(), block.block.hash())
}
