//! A node without sockets, stepped by hand, and the check that it is what its blocks say.

use crate::{
    Chain, DropLog, GapPolicy, Ingress, IngressError, NodeBackend, SequencingConfig,
    SequencingDriver, SharedPool, StatusRetention, dev_spec, genesis_state,
    sequencing::{SequencingError, Underway, sealed_header},
};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, U256, bytes, keccak256};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use weir_evm::{ChainSpec, execute_block};
use weir_follower::{Fees, L1Transaction};
use weir_keys::LocalKey;
use weir_primitives::{Conditions, ExecutedBlock, StateProvider, TransactionStatus};
use weir_rpc::{BundleRequest, ChainBackend, ReorgOutcome, ReorgRequest, ReorgTransactions};
use weir_runtime::Clock;
use weir_storage::{
    BlockCommit, Journal, JournalOptions, JournalRecord, MemoryStore, Snapshot, Store, hash_diff,
    state_root_from_leaves,
};
use weir_trie::StateTrie;
use weir_txpool::{PoolConfig, TxPool};

/// Keys of the first three funded accounts.
const KEYS: [[u8; 32]; 3] = [
    alloy_primitives::hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    alloy_primitives::hex!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    alloy_primitives::hex!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
];
/// Writes its second word to the slot that its first word names, logs both, and PREVRANDAO to slot 0xff.
pub(super) const CONTRACT: Address = Address::repeat_byte(0xcc);
const CODE: Bytes = bytes!("6020355f35556020355f525f3560205fa14460ff5500");
/// Slots that calls write to.
pub(super) const SLOTS: u64 = 8;
/// Blocks whose state a node keeps.
pub(super) const HISTORY: usize = 256;

/// A clock that the test turns.
#[derive(Debug, Clone)]
pub(super) struct ManualClock(Arc<AtomicU64>);

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

pub(super) struct Node {
    pub(super) chain: Arc<Chain>,
    pub(super) pool: Arc<SharedPool>,
    pub(super) drops: Arc<DropLog>,
    pub(super) ingress: Arc<Ingress>,
    pub(super) driver: SequencingDriver<ManualClock>,
    clock: ManualClock,
    signers: [LocalKey; 3],
}

pub(super) fn spec() -> Arc<ChainSpec> {
    let mut genesis = dev_spec(30_000_000).genesis().clone();
    let contract = GenesisAccount { code: Some(CODE), ..GenesisAccount::default() };
    genesis.alloc.insert(CONTRACT, contract);
    Arc::new(ChainSpec::from_genesis(genesis).unwrap())
}

pub(super) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(&genesis_state(&spec()).unwrap()).unwrap())
}

/// What outlives a process; a restart makes another on the same disk.
pub(super) struct Disk {
    folder: TempDir,
    store: Arc<dyn Store>,
}

impl Disk {
    pub(super) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), store: memory() }
    }

    pub(super) fn start(&self) -> Node {
        let journal = Journal::open(self.folder.path(), JournalOptions::default()).unwrap();
        Node::open_with(self.store.clone(), HISTORY, Some(journal))
    }

    /// What stands in the journal, while no node runs.
    pub(super) fn records(&self) -> Vec<JournalRecord> {
        Journal::open(self.folder.path(), JournalOptions::default()).unwrap().1
    }

    /// Lets the journal hold these records alone, while no node runs.
    pub(super) fn rewrite(&self, records: Vec<JournalRecord>) {
        let (journal, _) = Journal::open(self.folder.path(), JournalOptions::default()).unwrap();
        journal.rotate(records).unwrap();
    }
}

impl Node {
    /// A node on this store, as a new process would make it.
    pub(super) fn open(store: Arc<dyn Store>, history: usize) -> Self {
        Self::open_with(store, history, None)
    }

    pub(super) fn open_with(
        store: Arc<dyn Store>,
        history: usize,
        journal: Option<(Journal, Vec<JournalRecord>)>,
    ) -> Self {
        Self::open_as(spec(), store, history, journal)
    }

    /// A node that follows these rules, which may be those of another program.
    pub(super) fn open_as(
        spec: Arc<ChainSpec>,
        store: Arc<dyn Store>,
        history: usize,
        journal: Option<(Journal, Vec<JournalRecord>)>,
    ) -> Self {
        Self::assemble(spec, store, history, journal, |ingress| ingress)
    }

    /// A node whose journal may hold so many bytes.
    pub(super) fn open_bounded(journal: (Journal, Vec<JournalRecord>), bytes: u64) -> Self {
        let bounded = |ingress: Ingress| ingress.with_journal_bytes_max(bytes);
        Self::assemble(spec(), memory(), HISTORY, Some(journal), bounded)
    }

    fn assemble(
        spec: Arc<ChainSpec>,
        store: Arc<dyn Store>,
        history: usize,
        journal: Option<(Journal, Vec<JournalRecord>)>,
        set_up: impl FnOnce(Ingress) -> Ingress,
    ) -> Self {
        let chain = Arc::new(Chain::open(spec, store, history).unwrap());
        let base_fee = chain.spec().next_base_fee(chain.view().head().block.header()).unwrap();
        let pool = Arc::new(SharedPool::new(TxPool::new(PoolConfig::default(), base_fee)));
        let clock = ManualClock(Arc::new(AtomicU64::new(1_000_000)));
        let drops = Arc::new(DropLog::new(StatusRetention::default(), Arc::new(clock.clone())));
        let (journal, records) = journal.unzip();
        let ingress = Ingress::new(chain.clone(), pool.clone(), journal, drops.clone());
        let ingress = set_up(ingress);
        ingress.restore(&records.unwrap_or_default()).unwrap();
        let ingress = Arc::new(ingress);
        let config = SequencingConfig {
            trie_cache_bytes: crate::DEFAULT_TRIE_CACHE_BYTES,
            block_time: Duration::from_secs(1),
            step_time: Duration::from_millis(1),
            beneficiary: Address::repeat_byte(0xbe),
            seed: 0,
            pool_lifetime: crate::DEFAULT_POOL_LIFETIME,
        };
        let driver = SequencingDriver::new(
            chain.clone(),
            pool.clone(),
            ingress.clone(),
            config,
            clock.clone(),
        );
        let (_, inbox) = crate::reorg_channel(pool.clone());
        let driver = driver.with_reorgs(inbox);
        let signers = KEYS.map(|key| LocalKey::from_bytes(&key).unwrap());
        Self { chain, pool, drops, ingress, driver, clock, signers }
    }

    pub(super) fn backend(&self) -> NodeBackend {
        NodeBackend::new(
            self.chain.clone(),
            self.pool.clone(),
            self.ingress.clone(),
            self.drops.clone(),
        )
    }

    pub(super) fn head(&self) -> u64 {
        self.chain.view().heads().unsafe_head().number
    }

    pub(super) fn blocks(&self) -> Vec<ExecutedBlock> {
        let view = self.chain.view();
        (0..=self.head()).map(|number| view.block_by_number(number).unwrap().unwrap()).collect()
    }

    pub(super) fn status(&self, hash: &B256) -> Option<TransactionStatus> {
        self.backend().transaction_status(hash).unwrap()
    }

    pub(super) fn is_included(&self, hash: &B256) -> bool {
        matches!(self.status(hash), Some(TransactionStatus::Included { .. }))
    }

    /// Sends a call that writes a slot.
    pub(super) fn store(&self, account: usize, slot: u64, value: u64) -> B256 {
        let words = [U256::from(slot % SLOTS), U256::from(value)];
        let input = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
        self.send(account, CONTRACT, 0, input)
    }

    pub(super) fn transfer(&self, account: usize, to: Address, wei: u64) -> B256 {
        self.send(account, to, wei, Bytes::new())
    }

    /// [`Self::store`] with another gas limit.
    pub(super) fn store_with_gas(&self, account: usize, slot: u64, value: u64, gas: u64) -> B256 {
        let nonce = self.next_nonce(account);
        self.accept(self.raw_store(account, nonce, slot, value, gas))
    }

    /// The encoding of such a call.
    pub(super) fn raw_store(
        &self,
        account: usize,
        nonce: u64,
        slot: u64,
        value: u64,
        gas_limit: u64,
    ) -> Bytes {
        let words = [U256::from(slot % SLOTS), U256::from(value)];
        let input = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
        self.sign(
            account,
            L1Transaction { nonce, to: CONTRACT, value: U256::ZERO, input, gas_limit },
        )
    }

    /// A transfer with a nonce that is free.
    pub(super) fn transfer_at(&self, account: usize, nonce: u64, wei: u64) -> B256 {
        let (to, value) = (Address::repeat_byte(0x43), U256::from(wei));
        let request = L1Transaction { nonce, to, value, input: Bytes::new(), gas_limit: 150_000 };
        self.accept(self.sign(account, request))
    }

    /// A transfer with this nonce and fee cap, in wei per gas.
    pub(super) fn transfer_with_fee(&self, account: usize, nonce: u64, fee_cap: u128) -> B256 {
        let (to, value) = (Address::repeat_byte(0x43), U256::from(1));
        let request = L1Transaction { nonce, to, value, input: Bytes::new(), gas_limit: 21_000 };
        let tip = fee_cap.min(2_000_000_000);
        let fees = Fees { max_fee_per_gas: fee_cap, max_priority_fee_per_gas: tip };
        self.accept(self.signed(account, fees, &request))
    }

    /// A transfer that is executed only while the conditions hold.
    pub(super) fn transfer_if(
        &self,
        account: usize,
        to: Address,
        wei: u64,
        conditions: Conditions,
    ) -> Result<B256, IngressError> {
        let nonce = self.next_nonce(account);
        self.try_accept_if(self.raw_transfer(account, nonce, to, wei), conditions)
    }

    /// A conditional transfer behind a missing nonce, and the encoding of what closes the gap.
    pub(super) fn gapped_if(&self, account: usize, conditions: Conditions) -> (Bytes, B256) {
        let (to, nonce) = (Address::repeat_byte(0x43), self.next_nonce(account));
        let gap = self.raw_transfer(account, nonce, to, 1);
        let behind = self.raw_transfer(account, nonce + 1, to, 2);
        (gap, self.try_accept_if(behind, conditions).unwrap())
    }

    pub(super) fn raw_transfer(&self, account: usize, nonce: u64, to: Address, wei: u64) -> Bytes {
        let (value, input) = (U256::from(wei), Bytes::new());
        self.sign(account, L1Transaction { nonce, to, value, input, gas_limit: 21_000 })
    }

    /// The encoding of a transfer of so many ether.
    pub(super) fn raw_ether(&self, account: usize, nonce: u64, to: Address, ether: u64) -> Bytes {
        let value = U256::from(ether) * U256::from(10).pow(U256::from(18));
        self.sign(
            account,
            L1Transaction { nonce, to, value, input: Bytes::new(), gas_limit: 21_000 },
        )
    }

    /// Runs a future to its end; the test may be within a runtime.
    pub(super) fn wait_for<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        let run =
            || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future);
        std::thread::scope(|scope| scope.spawn(run).join().unwrap())
    }

    pub(super) fn try_bundle(&self, bundle: BundleRequest) -> Result<B256, IngressError> {
        self.wait_for(self.ingress.submit_bundle(bundle))
    }

    pub(super) fn address(&self, account: usize) -> Address {
        self.signers[account].address()
    }

    fn try_accept_if(&self, raw: Bytes, conditions: Conditions) -> Result<B256, IngressError> {
        self.wait_for(self.ingress.submit_if(raw, conditions))
    }

    pub(super) fn now_ms(&self) -> u64 {
        crate::sequencing::unix_millis(&self.clock)
    }

    /// Lets time pass without a block.
    pub(super) fn wait(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn next_nonce(&self, account: usize) -> u64 {
        self.backend().pending_nonce(&self.signers[account].address()).unwrap()
    }

    fn send(&self, account: usize, to: Address, wei: u64, input: Bytes) -> B256 {
        let (nonce, value) = (self.next_nonce(account), U256::from(wei));
        let request = L1Transaction { nonce, to, value, input, gas_limit: 150_000 };
        self.accept(self.sign(account, request))
    }

    fn sign(&self, account: usize, request: L1Transaction) -> Bytes {
        let gwei = 1_000_000_000;
        let fees = Fees { max_fee_per_gas: 50 * gwei, max_priority_fee_per_gas: gwei };
        self.signed(account, fees, &request)
    }

    fn signed(&self, account: usize, fees: Fees, request: &L1Transaction) -> Bytes {
        request.sign_with(&self.signers[account], self.chain.spec().chain_id(), fees).raw
    }

    pub(super) fn accept(&self, raw: Bytes) -> B256 {
        self.try_accept(raw).unwrap()
    }

    pub(super) fn try_accept(&self, raw: Bytes) -> Result<B256, IngressError> {
        self.wait_for(self.ingress.submit(raw, GapPolicy::Queue))
    }

    /// Opens a block as the loop does, and tells of one step of what the pool holds.
    pub(super) fn open_step(&mut self) -> Underway {
        let mut open = self.driver.begin(&self.chain.view()).unwrap();
        self.add_step(&mut open);
        open
    }

    /// Appends one more step, and tells of it once the journal has it.
    pub(super) fn add_step(&mut self, open: &mut Underway) {
        let Underway { builder, announcer, ahead } = open;
        self.driver.step(builder, Duration::MAX).unwrap();
        announcer.promise(builder);
        while announcer.is_behind() {
            announcer.tell(builder.open());
            std::thread::yield_now();
        }
        ahead.advance(builder);
    }

    /// Seals a block that was opened.
    pub(super) fn seal_open(&mut self, open: Underway) {
        let Underway { mut builder, ahead, .. } = open;
        self.driver.trie = ahead.finish(&mut builder).unwrap();
        self.driver.seal(builder, &self.chain.view()).unwrap();
    }

    /// Seals a block of what the pool holds.
    pub(super) fn seal(&mut self) -> ExecutedBlock {
        self.clock.0.fetch_add(1, Ordering::SeqCst);
        let view = self.chain.view();
        let parent = sealed_header(view.head());
        let attributes = self.driver.attributes(&parent);
        let mut builder = self.driver.open(&view, attributes).unwrap();
        self.driver.begin_bundles(&builder);
        self.driver.step(&mut builder, Duration::MAX).unwrap();
        self.driver.seal(builder, &view).unwrap();
        self.chain.view().head().clone()
    }

    /// Seals blocks with transfers and calls that differ from block to block; every fourth is empty.
    pub(super) fn grow(&mut self, blocks: u64) {
        for _ in 0..blocks {
            let number = self.head() + 1;
            for index in 0..number % 4 {
                let account = (number + index) as usize % 3;
                self.store(account, number + index, number % 5 * 1_000 + index);
                let fresh = Address::left_padding_from(&(0xf000 + number).to_be_bytes());
                self.transfer(account, fresh, 1 + index);
            }
            self.seal();
        }
    }

    pub(super) fn try_reorg(
        &mut self,
        request: ReorgRequest,
    ) -> Result<Result<ReorgOutcome, crate::ReorgError>, SequencingError> {
        self.driver.reorg(&request)
    }

    pub(super) fn reorg(
        &mut self,
        depth: u64,
        new_blocks: Option<u64>,
        transactions: ReorgTransactions,
    ) -> ReorgOutcome {
        self.try_reorg(ReorgRequest { depth, new_blocks, transactions }).unwrap().unwrap()
    }

    /// Executes the whole chain anew, and compares blocks, receipts, indices, state, history, leaves and proofs.
    pub(super) fn check(&self) {
        let rebuilt = self.rebuild();
        let view = self.chain.view();
        let snapshot = self.chain.store().snapshot().unwrap();
        assert_eq!(snapshot.head(), view.head().reference(), "store and view agree");
        let head = self.head();
        let root = view.head().block.header().state_root;
        assert_eq!(state_root_from_leaves(&*snapshot).unwrap(), root);
        assert!(snapshot.block_by_number(head + 1).unwrap().is_none());
        for block in self.blocks() {
            let number = block.reference().number;
            assert_eq!(snapshot.number_of(&block.block.hash()).unwrap(), Some(number));
            for (index, transaction) in block.block.transactions().iter().enumerate() {
                let location = snapshot.transaction_location(transaction.tx_hash()).unwrap();
                assert_eq!(location, Some((number, index as u64)));
            }
        }
        for number in 0..=head {
            let state = view.state_at(number).unwrap();
            check_state(&*state, &*rebuilt[number as usize], &self.signers);
        }
        let slots: Vec<U256> = (0..SLOTS).chain([0xff]).map(U256::from).collect();
        let proof = self.backend().proof(head, CONTRACT, &slots).unwrap();
        assert_eq!(keccak256(&proof.nodes[0]), root, "the proof begins at the root");
        for slot in proof.slots {
            assert_eq!(slot.value, snapshot.storage(&CONTRACT, &slot.slot).unwrap());
        }
    }

    /// The state after each block, by checking every block on the one before.
    fn rebuild(&self) -> Vec<Arc<dyn Snapshot>> {
        let store = memory();
        let mut states = vec![store.snapshot().unwrap()];
        let blocks = self.blocks();
        let mut trie = StateTrie::new(blocks[0].block.header().state_root);
        for pair in blocks.windows(2) {
            let parent = sealed_header(&pair[0]);
            let state = store.snapshot().unwrap();
            let provider = Arc::clone(&state) as Arc<dyn StateProvider>;
            let output = execute_block(&spec(), &parent, &pair[1].block, provider).unwrap();
            assert_eq!(output.receipts, *pair[1].receipts);
            let hashed = hash_diff(&output.diff);
            trie.apply(&hashed, &*state).unwrap();
            output.check_state_root(pair[1].block.header(), trie.root()).unwrap();
            let block = ExecutedBlock { diff: Some(Arc::new(output.diff)), ..pair[1].clone() };
            let updates = trie.take_updates();
            let commit =
                BlockCommit { block: &block, hashed: &hashed, trie: &updates, records: &[] };
            store.commit(&commit).unwrap();
            states.push(store.snapshot().unwrap());
        }
        states
    }
}

fn check_state(found: &dyn StateProvider, expected: &dyn Snapshot, signers: &[LocalKey]) {
    let number = expected.head().number;
    for slot in (0..SLOTS).chain([0xff]).map(U256::from) {
        let value = found.storage(&CONTRACT, &slot).unwrap();
        assert_eq!(value, expected.storage(&CONTRACT, &slot).unwrap(), "{number} {slot}");
    }
    let fresh = (0xf000 + number).to_be_bytes();
    let fixed = [CONTRACT, Address::repeat_byte(0xbe), Address::left_padding_from(&fresh)];
    for address in signers.iter().map(LocalKey::address).chain(fixed) {
        let account = found.account(&address).unwrap();
        assert_eq!(account, expected.account(&address).unwrap(), "{number} {address}");
    }
}
