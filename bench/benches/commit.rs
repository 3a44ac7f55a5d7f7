//! From changed leaves to a block that is durable on disk: state root, and the store's synced commit of block, state, history and
//! trie nodes. `who=weir` commits one block after the other, so that the thread behind the log has no rest; `part=commit` is the
//! store's part of it. `pace=1s` is a chain of a block a second.
//!
//! ```sh
//! cargo bench --manifest-path bench/Cargo.toml --bench commit
//! ```
//!
//! The bound is writing the same bytes of nodes and leaves to a file and syncing it. `COMMIT_ACCOUNTS` takes a state of another size.

use alloy_primitives::{Address, U256, keccak256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::{
    cell::Cell,
    fs::File,
    io::{Seek, SeekFrom, Write},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use weir_bench as _;
use weir_primitives::{
    Account, AccountDiff, Block, ExecutedBlock, Header, RecoveredBlock, StateDiff,
};
use weir_storage::{BlockCommit, GenesisState, MdbxStore, Store, StoreOptions, hash_diff};
use weir_trie::{EMPTY_ROOT_HASH, EmptyNodes, HashedDiff, StateTrie, TrieUpdates};

/// Accounts of the state, unless `COMMIT_ACCOUNTS` says otherwise.
const ACCOUNTS: u64 = 1_000_000;
/// Accounts that one block of the chain's beginning makes: bounds the memory of the bench.
const MADE_AT_ONCE: u64 = 250_000;
/// Leaves that one block changes.
const CHANGED: [u64; 4] = [100, 1_000, 5_000, 20_000];
/// Different sets of leaves, so that the caches do not hold the paths of the last round.
const SETS: u64 = 16;
/// Between two blocks of a chain that is not in a hurry.
const PACE: Duration = Duration::from_secs(1);
/// Blocks of such a chain: several times as many as one write of the tables takes.
const PACED_BLOCKS: usize = 33;
const GWEI: u64 = 1_000_000_000;
/// Bytes of a leaf in the store, about: its key and an account.
const LEAF_BYTES: usize = 32 + 12;

fn account(index: u64, round: u64) -> Account {
    Account {
        nonce: 1,
        balance: U256::from(GWEI) * U256::from(round + index),
        ..Account::default()
    }
}

/// Changes of `count` accounts `stride` apart, from `first` on.
fn changes(first: u64, count: u64, stride: u64, round: u64) -> StateDiff {
    let mut diff = StateDiff::default();
    for index in (0..count).map(|index| first + index * stride) {
        let address = Address::from_word(keccak256(index.to_be_bytes()));
        let before = round.checked_sub(SETS).map(|before| account(index, before));
        let change =
            AccountDiff { before, after: Some(account(index, round)), ..AccountDiff::default() };
        diff.accounts.insert(address, change);
    }
    diff
}

/// A chain on disk, of blocks without transactions that change accounts all the same.
struct Chain {
    store: MdbxStore,
    trie: StateTrie,
    head: Header,
    _folder: TempDir,
}

/// A block to be.
struct Change {
    diff: Arc<StateDiff>,
    hashed: HashedDiff,
}

impl Change {
    fn new(diff: StateDiff) -> Self {
        let hashed = hash_diff(&diff);
        Self { diff: Arc::new(diff), hashed }
    }
}

impl Chain {
    fn new(accounts: u64) -> Self {
        let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
        let first = accounts.min(MADE_AT_ONCE);
        let Change { diff, hashed } = Change::new(changes(0, first, 1, 0));
        trie.apply(&hashed, &EmptyNodes).unwrap();
        let head = Header { state_root: trie.root(), ..Header::default() };
        let block = executed(&head, diff);
        let genesis = GenesisState { block, hashed, trie: trie.take_updates(), chain_id: 1 };
        let folder = TempDir::new().unwrap();
        let store = MdbxStore::open(StoreOptions::new(folder.path()), &genesis).unwrap();
        let mut chain = Self { store, trie, head, _folder: folder };
        for made in (first..accounts).step_by(MADE_AT_ONCE as usize) {
            let count = MADE_AT_ONCE.min(accounts - made);
            chain.extend(&Change::new(changes(made, count, 1, 0)));
        }
        chain
    }

    /// Adds a block; answers what the trie changed, and how long the store took.
    fn extend(&mut self, change: &Change) -> (TrieUpdates, Duration) {
        self.trie.apply(&change.hashed, &EmptyNodes).unwrap();
        let header = Header {
            parent_hash: self.head.hash_slow(),
            number: self.head.number + 1,
            timestamp: self.head.timestamp + 1,
            state_root: self.trie.root(),
            ..Header::default()
        };
        let trie = self.trie.take_updates();
        let block = executed(&header, Arc::clone(&change.diff));
        let commit =
            BlockCommit { block: &block, hashed: &change.hashed, trie: &trie, records: &[] };
        let started = Instant::now();
        self.store.commit(&commit).unwrap();
        let took = started.elapsed();
        self.head = header;
        (trie, took)
    }
}

fn executed(header: &Header, diff: Arc<StateDiff>) -> ExecutedBlock {
    let block = Block { header: header.clone(), body: Default::default() };
    let block = RecoveredBlock::new(block, header.hash_slow(), Vec::new());
    ExecutedBlock { block: Arc::new(block), receipts: Arc::default(), diff: Some(diff) }
}

fn commits(criterion: &mut Criterion) {
    let accounts = std::env::var("COMMIT_ACCOUNTS").ok();
    let accounts = accounts.map_or(ACCOUNTS, |text| text.parse().unwrap());
    let mut chain = Chain::new(accounts);
    for changed in CHANGED {
        let mut group =
            criterion.benchmark_group(format!("commit/accounts={accounts} changed={changed}"));
        group.throughput(Throughput::Elements(changed));
        let round = Cell::new(0);
        let next = || {
            round.set(round.get() + 1);
            Change::new(changes(round.get() % SETS, changed, accounts / changed, round.get()))
        };
        let (updates, _) = chain.extend(&next());
        let nodes = updates.account_nodes.iter().filter_map(|(_, node)| node.as_ref());
        let bytes = nodes.map(|node| node.len()).sum::<usize>() + LEAF_BYTES * changed as usize;
        println!("nodes={} bytes={bytes}", updates.account_nodes.len());
        let (folder, bytes) = (TempDir::new().unwrap(), vec![7; bytes]);
        let mut file = File::create(folder.path().join("bytes")).unwrap();
        group.bench_function("who=write-and-sync", |bencher| {
            bencher.iter(|| {
                file.seek(SeekFrom::Start(0)).unwrap();
                file.write_all(&bytes).unwrap();
                file.sync_data().unwrap();
            });
        });
        group.bench_function("who=weir", |bencher| {
            bencher.iter_batched(next, |change| chain.extend(&change), BatchSize::PerIteration);
        });
        group.bench_function("who=weir part=commit", |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| chain.extend(&next()).1).sum());
        });
        group.finish();
        println!("who=weir pace=1s {}", paced(&mut chain, &next));
    }
}

/// The median and the longest time of blocks that come at a pace.
fn paced(chain: &mut Chain, next: &dyn Fn() -> Change) -> String {
    let mut times: Vec<Duration> = (0..PACED_BLOCKS)
        .map(|_| {
            let (change, started) = (next(), Instant::now());
            chain.extend(&change);
            let took = started.elapsed();
            thread::sleep(PACE.saturating_sub(took));
            took
        })
        .collect();
    times.sort_unstable();
    format!("median={:?} longest={:?}", times[PACED_BLOCKS / 2], times[PACED_BLOCKS - 1])
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(4));
    targets = commits
}
criterion_main!(benches);
