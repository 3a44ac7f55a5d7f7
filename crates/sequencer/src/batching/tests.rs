//! The batcher against a real L1 (anvil), stepped by hand and dropped at every point, and the way back.

use super::{BatchConfig, BatchDriver, BatchError, BatchState, DEFAULT_INBOX};
use crate::{
    derive::{DeriveError, DeriveReport, DeriveRequest, derive},
    dev_spec, genesis_state,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use weir_builder::BlockBuilder;
use weir_derivation::{Admission, ChannelEncoder, EncoderConfig, encode_payloads, limits};
use weir_evm::{BlockAttributes, ChainSpec, SealedHeader, decode_transaction};
use weir_follower::{ChainClient, Fees, L1Transaction};
use weir_keys::{LocalKey, Signer};
use weir_primitives::{Block, BlockRef, RecoveredBlock, StateProvider};
use weir_runtime::{Clock, Shutdown, ShutdownReason, SystemClock};
use weir_storage::{BlockCommit, MemoryStore, Snapshot, Store};
use weir_testkit::{Child, Peers};
use weir_trie::StateTrie;

/// The first key of the test mnemonic: funded on the built-in chain and on anvil.
const KEY: [u8; 32] =
    alloy_primitives::hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const OTHER_KEY: [u8; 32] =
    alloy_primitives::hex!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d");
const GAS_LIMIT: u64 = 30_000_000;

/// A clock that the test turns.
#[derive(Debug, Clone, Default)]
struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    fn advance(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// An L2 chain that grows when told.
struct Chain {
    spec: Arc<ChainSpec>,
    store: Arc<dyn Store>,
    trie: StateTrie,
    key: LocalKey,
    nonce: u64,
    head: watch::Sender<BlockRef>,
}

impl Chain {
    fn new() -> Self {
        let spec = Arc::new(dev_spec(GAS_LIMIT));
        let store: Arc<dyn Store> =
            Arc::new(MemoryStore::new(&genesis_state(&spec).unwrap()).unwrap());
        let snapshot = store.snapshot().unwrap();
        let (_, header) = snapshot.header_by_number(0).unwrap().expect("genesis exists");
        Self {
            spec,
            trie: StateTrie::new(header.state_root),
            key: LocalKey::from_bytes(&KEY).unwrap(),
            nonce: 0,
            head: watch::channel(snapshot.head()).0,
            store,
        }
    }

    fn head(&self) -> BlockRef {
        self.snapshot().head()
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.store.snapshot().unwrap()
    }

    fn block(&self, number: u64) -> Arc<RecoveredBlock> {
        self.snapshot().block_by_number(number).unwrap().expect("it was sealed").block
    }

    /// Seals a block of transactions with these inputs.
    fn seal(&mut self, inputs: &[Bytes]) {
        let snapshot = self.snapshot();
        let number = snapshot.head().number;
        let (hash, header) = snapshot.header_by_number(number).unwrap().expect("the head exists");
        let parent = SealedHeader::new_unchecked(header, hash);
        let attributes = BlockAttributes {
            timestamp: parent.timestamp + 1 + number % 3,
            beneficiary: Address::repeat_byte(0xbe),
            prev_randao: B256::with_last_byte(number as u8),
            gas_limit: GAS_LIMIT,
            extra_data: Bytes::from_static(b"weir"),
            parent_beacon_block_root: Some(B256::ZERO),
            withdrawals: None,
        };
        let state = Arc::clone(&snapshot) as Arc<dyn StateProvider>;
        let spec = Arc::clone(&self.spec);
        let mut builder = BlockBuilder::begin(spec, &parent, attributes, state).unwrap();
        for input in inputs {
            let request = L1Transaction {
                nonce: self.nonce,
                to: Address::repeat_byte(self.nonce as u8),
                value: U256::from(1),
                input: input.clone(),
                gas_limit: 21_000 + 40 * input.len() as u64,
            };
            let gwei = 1_000_000_000;
            let fees = Fees { max_fee_per_gas: 10 * gwei, max_priority_fee_per_gas: gwei };
            let signed = request.sign_with(&self.key, self.spec.chain_id(), fees);
            let transaction = Arc::new(decode_transaction(&signed.raw).unwrap());
            let outcome = builder.append(transaction, self.key.address()).unwrap();
            outcome.expect("the transaction is valid");
            self.nonce += 1;
        }
        let sealed = builder.seal(&mut self.trie, &*snapshot).unwrap();
        let commit = BlockCommit {
            block: &sealed.executed,
            hashed: &sealed.hashed,
            trie: &sealed.updates,
            records: &[],
        };
        self.store.commit(&commit).unwrap();
        self.head.send_replace(sealed.executed.reference());
    }

    /// Seals `blocks` blocks of a few small transactions.
    fn grow(&mut self, blocks: usize) {
        for index in 0..blocks {
            let inputs = vec![Bytes::from(vec![index as u8; 40]); index % 4];
            self.seal(&inputs);
        }
    }
}

/// An L1 that mines when told.
struct L1 {
    _child: Child,
    client: ChainClient,
    rpc: Rpc,
}

/// Anvil's own methods, over a bare socket.
struct Rpc {
    address: String,
}

impl Rpc {
    async fn call(&self, method: &str, params: serde_json::Value) -> serde_json::Value {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let body =
            serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let body = body.to_string();
        let mut socket = tokio::net::TcpStream::connect(&self.address).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: l1\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let answer: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(answer["error"], serde_json::Value::Null, "{method}");
        answer["result"].clone()
    }
}

impl L1 {
    async fn start(arguments: &[&str]) -> Option<Self> {
        let (child, url) = Peers::find()?.anvil(arguments);
        let client = ChainClient::connect(&url).await.unwrap();
        let rpc = Rpc { address: url.trim_start_matches("http://").to_owned() };
        Some(Self { _child: child, client, rpc })
    }

    async fn mine(&self, blocks: u64) {
        self.rpc.call("anvil_mine", serde_json::json!([format!("{blocks:#x}")])).await;
    }

    /// Payloads to the inbox on the canonical chain.
    async fn posted(&self) -> Vec<Bytes> {
        use alloy_consensus::Transaction as _;
        let mut payloads = Vec::new();
        for number in 0..=self.client.head().await.unwrap().number {
            let block = self.client.sealed_block_by_number(number).await.unwrap().unwrap();
            for transaction in &block.body.transactions {
                if transaction.to() == Some(DEFAULT_INBOX) {
                    payloads.push(transaction.input().clone());
                }
            }
        }
        payloads
    }
}

fn config() -> BatchConfig {
    BatchConfig {
        batch_bytes_max: 600,
        batch_age_max: Duration::from_secs(10),
        confirmations: 2,
        resend_after: Duration::ZERO,
        ..BatchConfig::default()
    }
}

fn key() -> LocalKey {
    LocalKey::from_bytes(&KEY).unwrap()
}

/// The second key of the test mnemonic.
fn other_key() -> LocalKey {
    LocalKey::from_bytes(&OTHER_KEY).unwrap()
}

fn signers() -> watch::Receiver<Arc<Signer>> {
    watch::channel(Arc::new(key().into())).1
}

/// A driver as a new process would make it: all it knows is the store.
fn driver(chain: &Chain, l1: &L1, config: BatchConfig) -> BatchDriver<ManualClock> {
    driver_with(chain, l1, config, signers())
}

fn driver_with(
    chain: &Chain,
    l1: &L1,
    config: BatchConfig,
    signers: watch::Receiver<Arc<Signer>>,
) -> BatchDriver<ManualClock> {
    let (store, head) = (Arc::clone(&chain.store), chain.head.subscribe());
    let clock = ManualClock::default();
    BatchDriver::new(config, store, l1.client.clone(), signers, head, clock).unwrap()
}

impl BatchDriver<ManualClock> {
    /// Rounds until all is final; L1 mines after each.
    async fn settle(&mut self, l1: &L1) {
        for _ in 0..100 {
            self.connect().await.unwrap();
            self.collect().await.unwrap();
            self.sign().await.unwrap();
            self.send().await.unwrap();
            self.track().await.unwrap();
            let statuses = self.handle().statuses();
            if statuses.iter().all(|status| status.state == BatchState::Final) {
                return;
            }
            l1.mine(1).await;
            self.clock.advance(11_000);
        }
        panic!("not settled: {:?}", self.handle().statuses());
    }
}

async fn derive_from(l1: &L1, spec: &Arc<ChainSpec>, store: &Arc<dyn Store>) -> DeriveReport {
    let request = DeriveRequest {
        inbox: DEFAULT_INBOX,
        batchers: vec![key().address(), other_key().address()],
        first_l1_block: 0,
        last_l1_block: None,
    };
    derive(&l1.client, &request, Arc::clone(spec), Arc::clone(store)).await.unwrap()
}

fn empty_store(spec: &ChainSpec) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(&genesis_state(spec).unwrap()).unwrap())
}

/// Derives into an empty store and compares every block with the sequencer's.
async fn assert_derivable(chain: &Chain, l1: &L1) -> DeriveReport {
    let store = empty_store(&chain.spec);
    let report = derive_from(l1, &chain.spec, &store).await;
    assert_eq!(report.head, chain.head());
    assert_eq!(report.blocks, chain.head().number);
    let snapshot = store.snapshot().unwrap();
    for number in 0..=chain.head().number {
        let derived = snapshot.block_by_number(number).unwrap().expect("derived");
        let sealed = chain.snapshot().block_by_number(number).unwrap().expect("sealed");
        assert_eq!(derived.block, sealed.block);
        assert_eq!(derived.receipts, sealed.receipts);
    }
    report
}

#[tokio::test]
async fn posted_blocks_come_back_from_l1_alone() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    let mut driver = driver(&chain, &l1, config());
    chain.grow(10);
    driver.settle(&l1).await;
    chain.grow(15);
    // The last blocks are posted because of their age.
    driver.clock.advance(10_000);
    driver.settle(&l1).await;
    driver.clock.advance(10_000);
    driver.settle(&l1).await;
    let report = assert_derivable(&chain, &l1).await;
    assert_eq!((report.ignored, report.waiting), (0, 0));
    assert!(report.channels > 2, "{report:?}");

    let statuses = driver.handle().statuses();
    assert_eq!(statuses.len() as u64, report.payloads);
    let mut next = 1;
    for (index, status) in statuses.iter().enumerate() {
        assert_eq!((status.index, status.nonce), (index as u64, Some(index as u64)));
        assert_eq!((status.first_block, status.attempts), (next, 1));
        assert!(status.compression_ratio() > 1.0, "{status:?}");
        let hash = status.transaction_hash.expect("it was sent");
        let inclusion = l1.client.inclusion(hash).await.unwrap().expect("the hash is real");
        assert_eq!(Some(inclusion.block_number), status.l1_block);
        assert!(inclusion.is_success);
        next = status.last_block + 1;
    }
}

/// Where a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    AfterIntent,
    BeforeSend,
    AfterSend,
    AfterInclusionBeforeRecord,
    AfterRecord,
}

#[tokio::test]
async fn dying_at_any_point_skips_nothing_and_posts_nothing_twice() {
    let points = [
        Death::AfterIntent,
        Death::BeforeSend,
        Death::AfterSend,
        Death::AfterInclusionBeforeRecord,
        Death::AfterRecord,
    ];
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    for point in points {
        chain.grow(7);
        let mut first = driver(&chain, &l1, config());
        first.connect().await.unwrap();
        first.collect().await.unwrap();
        if point != Death::AfterIntent {
            first.sign().await.unwrap();
        }
        let is_sent = !matches!(point, Death::AfterIntent | Death::BeforeSend);
        if is_sent {
            first.send().await.unwrap();
        }
        if matches!(point, Death::AfterInclusionBeforeRecord | Death::AfterRecord) {
            l1.mine(1).await;
        }
        if point == Death::AfterRecord {
            first.track().await.unwrap();
        }
        let before = first.handle().statuses();
        assert!(before.iter().any(|status| status.state != BatchState::Final), "{point:?}");
        drop(first);

        let mut second = driver(&chain, &l1, config());
        assert_eq!(second.handle().statuses(), before, "{point:?}: the store knows it all");
        second.clock.advance(1_000_000);
        second.settle(&l1).await;
        let after = second.handle().statuses();
        for (before, after) in before.iter().zip(after.iter()) {
            if before.state == BatchState::Sent {
                let same = (before.transaction_hash, before.nonce);
                assert_eq!((after.transaction_hash, after.nonce), same, "{point:?}: same bytes");
            }
        }
    }
    // The age closes what is left.
    let mut last = driver(&chain, &l1, BatchConfig { batch_age_max: Duration::ZERO, ..config() });
    last.settle(&l1).await;
    let posted = l1.posted().await;
    assert_eq!(posted.len(), last.handle().statuses().len(), "one transaction a payload");
    let distinct: std::collections::BTreeSet<_> = posted.iter().collect();
    assert_eq!(distinct.len(), posted.len(), "no payload twice");
    let report = assert_derivable(&chain, &l1).await;
    assert_eq!((report.ignored, report.waiting), (0, 0));
}

#[tokio::test]
async fn a_channel_of_several_transactions_comes_back_whole() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    // Noise does not compress: three blocks of 120 kB are four L1 transactions.
    let mut noise = alloy_primitives::keccak256(b"noise");
    for _ in 0..3 {
        let mut input = Vec::new();
        while input.len() < 120_000 {
            noise = alloy_primitives::keccak256(noise);
            input.extend(noise);
        }
        chain.seal(&[input.into()]);
    }
    let config =
        BatchConfig { batch_bytes_max: 1_000_000, batch_age_max: Duration::ZERO, ..config() };
    let mut driver = driver(&chain, &l1, config);
    driver.settle(&l1).await;
    let statuses = driver.handle().statuses();
    assert_eq!(statuses.len(), 4);
    assert!(statuses.iter().all(|status| status.frames == 4 && status.last_block == 3));
    let report = assert_derivable(&chain, &l1).await;
    assert_eq!((report.payloads, report.channels), (4, 1));
}

#[tokio::test]
async fn a_reorg_of_l1_makes_the_batch_sent_again() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    chain.grow(6);
    let config = BatchConfig { batch_age_max: Duration::ZERO, confirmations: 3, ..config() };
    let mut driver = driver(&chain, &l1, config);
    driver.connect().await.unwrap();
    driver.collect().await.unwrap();
    driver.sign().await.unwrap();
    driver.send().await.unwrap();
    l1.mine(1).await;
    driver.track().await.unwrap();
    let included = driver.handle().statuses();
    assert!(included.iter().any(|status| status.state == BatchState::Included), "{included:?}");
    l1.rpc.call("anvil_rollback", serde_json::json!([1])).await;
    assert_eq!(l1.posted().await.len(), 0, "L1 has forgotten it");
    driver.settle(&l1).await;
    assert_derivable(&chain, &l1).await;
}

#[tokio::test]
async fn a_nonce_used_by_another_transaction_is_given_up_for_a_new_one() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    chain.grow(6);
    let mut driver = driver(&chain, &l1, BatchConfig { batch_age_max: Duration::ZERO, ..config() });
    driver.connect().await.unwrap();
    driver.collect().await.unwrap();
    driver.sign().await.unwrap();
    // Somebody uses the key for something else in the meantime.
    let stranger = L1Transaction {
        nonce: 0,
        to: Address::repeat_byte(7),
        value: U256::from(1),
        input: Bytes::new(),
        gas_limit: 21_000,
    };
    let signed = stranger.sign_with(&key(), 31_337, l1.client.fees().await.unwrap());
    l1.client.send_raw(&signed.raw).await.unwrap();
    l1.mine(1).await;
    driver.settle(&l1).await;
    let statuses = driver.handle().statuses();
    assert!(statuses.iter().all(|status| status.nonce != Some(0)), "{statuses:?}");
    assert_derivable(&chain, &l1).await;
}

#[tokio::test]
async fn fees_are_raised_for_a_batch_that_is_stuck_and_it_is_included_once() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    chain.grow(2);
    let config = BatchConfig {
        batch_age_max: Duration::ZERO,
        inclusion_deadline: Duration::from_secs(60),
        ..config()
    };
    let mut driver = driver(&chain, &l1, config);
    driver.connect().await.unwrap();
    driver.collect().await.unwrap();
    driver.sign().await.unwrap();
    driver.send().await.unwrap();
    let first = driver.handle().statuses()[0].clone();
    driver.track().await.unwrap();
    let fee = l1.client.fees().await.unwrap().max_fee_per_gas * 2;
    let fee = serde_json::json!([format!("{fee:#x}")]);
    l1.rpc.call("anvil_setNextBlockBaseFeePerGas", fee).await;
    l1.mine(1).await;
    driver.clock.advance(61_000);
    driver.track().await.unwrap();
    let raised = driver.handle().statuses()[0].clone();
    assert_eq!((raised.attempts, raised.nonce), (2, first.nonce));
    assert_ne!(raised.transaction_hash, first.transaction_hash);
    driver.settle(&l1).await;
    assert_eq!(l1.posted().await.len(), driver.handle().statuses().len());
    assert_derivable(&chain, &l1).await;
}

#[tokio::test]
async fn another_key_goes_on_where_the_key_before_stopped() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    let (keys, signers) = watch::channel(Arc::new(Signer::from(key())));
    let config = BatchConfig { batch_age_max: Duration::ZERO, ..config() };
    let mut driver = driver_with(&chain, &l1, config, signers);
    chain.grow(7);
    driver.settle(&l1).await;
    chain.grow(7);
    driver.connect().await.unwrap();
    driver.collect().await.unwrap();
    driver.sign().await.unwrap();
    driver.send().await.unwrap();
    let by_first = driver.handle().statuses().len();
    // What the first key has sent is in flight.
    keys.send_replace(Arc::new(other_key().into()));
    chain.grow(7);
    driver.settle(&l1).await;
    let nonce = async |key: LocalKey| {
        l1.client.nonce(key.address(), alloy_eips::BlockNumberOrTag::Latest).await.unwrap()
    };
    let total = driver.handle().statuses().len();
    assert_eq!(nonce(key()).await as usize, by_first, "the first key signs nothing more");
    assert_eq!(nonce(other_key()).await as usize, total - by_first);
    assert!(by_first < total);
    // A restart with the first key again: it goes on with its own nonces.
    chain.grow(7);
    let mut driver = driver_with(&chain, &l1, config, self::signers());
    driver.settle(&l1).await;
    assert_eq!(l1.posted().await.len(), driver.handle().statuses().len(), "nothing twice");
    assert!(nonce(key()).await as usize > by_first);
    assert_eq!(assert_derivable(&chain, &l1).await.ignored, 0);
}

#[tokio::test]
async fn what_the_key_before_cannot_get_through_is_signed_again() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    chain.grow(2);
    let config = BatchConfig {
        batch_age_max: Duration::ZERO,
        inclusion_deadline: Duration::from_secs(60),
        ..config()
    };
    let (keys, signers) = watch::channel(Arc::new(Signer::from(key())));
    let mut driver = driver_with(&chain, &l1, config, signers);
    driver.connect().await.unwrap();
    driver.collect().await.unwrap();
    driver.sign().await.unwrap();
    driver.send().await.unwrap();
    driver.track().await.unwrap();
    // The base fee leaves its offer behind, and it cannot raise it any more.
    let fee = l1.client.fees().await.unwrap().max_fee_per_gas * 2;
    let fee = serde_json::json!([format!("{fee:#x}")]);
    l1.rpc.call("anvil_setNextBlockBaseFeePerGas", fee).await;
    l1.mine(1).await;
    keys.send_replace(Arc::new(other_key().into()));
    driver.clock.advance(61_000);
    driver.connect().await.unwrap();
    driver.track().await.unwrap();
    driver.settle(&l1).await;
    let latest = alloy_eips::BlockNumberOrTag::Latest;
    assert!(l1.client.nonce(other_key().address(), latest).await.unwrap() > 0);
    assert_derivable(&chain, &l1).await;
}

#[tokio::test]
async fn another_l1_is_noticed() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    chain.grow(4);
    let config = BatchConfig { batch_age_max: Duration::ZERO, ..config() };
    driver(&chain, &l1, config).settle(&l1).await;
    let other = L1::start(&["--no-mining", "--chain-id", "5"]).await.expect("anvil is there");
    let error = driver(&chain, &other, config).connect().await.unwrap_err();
    assert!(matches!(error, BatchError::ForeignL1 { expected_chain: 31_337, found_chain: 5, .. }));

    let config = BatchConfig { is_reposted_on_new_l1: true, ..config };
    driver(&chain, &other, config).settle(&other).await;
    assert_derivable(&chain, &other).await;
}

#[tokio::test]
async fn the_running_driver_posts_what_is_sealed_and_survives_an_l1_that_is_away() {
    let Some(peers) = Peers::find() else { return };
    // A port that nobody listens on, until anvil is started there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let client = ChainClient::connect_with(
        &url,
        weir_follower::ClientConfig { read_attempts_max: 1, ..Default::default() },
    );
    let client = client.await.unwrap();
    let mut chain = Chain::new();
    chain.grow(3);
    let config = BatchConfig {
        batch_age_max: Duration::ZERO,
        confirmations: 1,
        poll_interval: Duration::from_millis(20),
        ..config()
    };
    let (store, head) = (Arc::clone(&chain.store), chain.head.subscribe());
    let driver =
        BatchDriver::new(config, store, client.clone(), signers(), head, SystemClock).unwrap();
    let mut handle = driver.handle();
    let shutdown = Shutdown::new();
    let running = tokio::spawn(driver.run(shutdown.clone()));
    let port = port.to_string();
    // The native binary: killing npm's wrapper script would leave it running.
    let platform = if cfg!(target_arch = "aarch64") { "linux-arm64" } else { "linux-amd64" };
    let binary = format!("node_modules/@foundry-rs/anvil-{platform}/bin/anvil");
    let mut anvil = std::process::Command::new(peers.root().join(binary));
    let child = Child::start(anvil.args(["--port", &port]));
    child.line_with("Listening on", Duration::from_secs(30));
    let all_final = |last: u64| {
        move |statuses: &[super::BatchStatus]| {
            statuses.last().is_some_and(|status| status.last_block == last)
                && statuses.iter().all(|status| status.state == BatchState::Final)
        }
    };
    let within = Duration::from_secs(60);
    tokio::time::timeout(within, handle.wait_for(all_final(3))).await.unwrap().unwrap();
    chain.grow(5);
    tokio::time::timeout(within, handle.wait_for(all_final(8))).await.unwrap().unwrap();
    shutdown.trigger(ShutdownReason::Done);
    running.await.unwrap().unwrap();
    let rpc = Rpc { address: url.trim_start_matches("http://").to_owned() };
    let l1 = L1 { _child: child, client, rpc };
    assert_derivable(&chain, &l1).await;
}

/// Sends payloads of these blocks as the batcher would, outside any outbox.
async fn post_by_hand(l1: &L1, blocks: &[Arc<RecoveredBlock>], nonce: u64) {
    let config = EncoderConfig {
        channel_bytes_max: limits::CHANNEL_BYTES_MAX,
        channel_age_ms_max: u64::MAX,
        level: 3,
    };
    let mut encoder = ChannelEncoder::new(config).unwrap();
    for block in blocks {
        assert_eq!(encoder.add_block(block, 0).unwrap(), Admission::Added);
    }
    let channel = encoder.close().unwrap().expect("there are blocks");
    for (payload, nonce) in
        encode_payloads(&channel, limits::PAYLOAD_BYTES_MAX).unwrap().into_iter().zip(nonce..)
    {
        send_by_hand(l1, payload.into(), nonce).await;
    }
}

async fn send_by_hand(l1: &L1, input: Bytes, nonce: u64) {
    let request =
        L1Transaction { nonce, to: DEFAULT_INBOX, value: U256::ZERO, gas_limit: 1_000_000, input };
    let signed = request.sign_with(&key(), 31_337, l1.client.fees().await.unwrap());
    l1.client.send_raw(&signed.raw).await.unwrap();
    l1.mine(1).await;
}

#[tokio::test]
async fn channels_out_of_order_repeated_and_garbage_give_the_same_chain() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    chain.grow(9);
    let blocks: Vec<_> = (1..=9).map(|number| chain.block(number)).collect();
    send_by_hand(&l1, Bytes::from_static(b"\x01garbage"), 0).await;
    post_by_hand(&l1, &blocks[6..9], 1).await;
    post_by_hand(&l1, &blocks[0..3], 2).await;
    post_by_hand(&l1, &blocks[0..3], 3).await;
    post_by_hand(&l1, &blocks[2..6], 4).await;
    post_by_hand(&l1, &blocks[3..6], 5).await;
    let report = assert_derivable(&chain, &l1).await;
    assert_eq!((report.channels, report.ignored), (3, 3), "garbage, a repetition, an overlap");

    // Deriving into a store that has the first blocks goes on from there.
    let store = empty_store(&chain.spec);
    let request = DeriveRequest {
        inbox: DEFAULT_INBOX,
        batchers: vec![key().address()],
        first_l1_block: 0,
        last_l1_block: Some(3),
    };
    let spec = || Arc::clone(&chain.spec);
    let part = derive(&l1.client, &request, spec(), Arc::clone(&store)).await.unwrap();
    assert_eq!((part.blocks, part.waiting), (3, 1));
    assert_eq!(derive_from(&l1, &chain.spec, &store).await.head, chain.head());

    // Nobody else's payloads count.
    let request =
        DeriveRequest { batchers: vec![Address::repeat_byte(1)], last_l1_block: None, ..request };
    let none = derive(&l1.client, &request, spec(), empty_store(&chain.spec)).await.unwrap();
    assert_eq!((none.blocks, none.payloads), (0, 0));
}

#[tokio::test]
async fn a_channel_that_lies_about_its_hash_stops_derivation() {
    let Some(l1) = L1::start(&["--no-mining"]).await else { return };
    let mut chain = Chain::new();
    chain.grow(2);
    let honest = chain.block(2);
    let mut header = honest.header().clone();
    header.state_root = B256::repeat_byte(6);
    let body = honest.block().body.clone();
    let lie = Arc::new(RecoveredBlock::recover(Block { header, body }).unwrap());
    post_by_hand(&l1, &[chain.block(1), Arc::clone(&lie)], 0).await;
    let store = empty_store(&chain.spec);
    let request = DeriveRequest {
        inbox: DEFAULT_INBOX,
        batchers: Vec::new(),
        first_l1_block: 0,
        last_l1_block: None,
    };
    let derived = derive(&l1.client, &request, Arc::clone(&chain.spec), Arc::clone(&store)).await;
    assert!(
        matches!(derived, Err(DeriveError::Diverged { number: 2, expected, computed })
            if expected == lie.hash() && computed == honest.hash()),
        "{derived:?}"
    );
    assert_eq!(store.snapshot().unwrap().head().number, 1, "the block at fault is not stored");
}
