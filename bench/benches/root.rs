//! The state root against hashing its dirty nodes, which cannot be saved, and against building it from all leaves.
//!
//! ```sh
//! cargo bench --manifest-path bench/Cargo.toml --bench root
//! ```
//!
//! Elements per second are changed leaves per second. Each group runs all sides on the same input, so read the ratio and
//! not the times. `ROOT_ACCOUNTS=10000000` takes another state (3 GB of memory).

use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::{
    cell::Cell,
    time::{Duration, Instant},
};
use weir_bench as _;
use weir_trie::{
    AccountChange, EMPTY_ROOT_HASH, EmptyNodes, HashedDiff, LeafAccount, StateTrie, TrieLeaf,
    TrieUpdates, keccak256_each,
};

/// Accounts of the state, unless `ROOT_ACCOUNTS` says otherwise.
const ACCOUNTS: u64 = 1_000_000;
/// Leaves that one state root changes.
const CHANGED: [u64; 4] = [100, 1_000, 5_000, 20_000];
/// Different sets of leaves, so that the caches do not hold the paths of the last round.
const SETS: u64 = 16;
const GWEI: u64 = 1_000_000_000;

/// Balances of `count` accounts `stride` apart, from `first` on.
fn leaves(first: u64, count: u64, stride: u64, balance: u64) -> HashedDiff {
    let change = |index: u64| {
        let balance = U256::from(GWEI) * U256::from(balance + index);
        let account = LeafAccount { nonce: 1, balance, ..LeafAccount::default() };
        let change = AccountChange { account: Some(account), ..AccountChange::default() };
        (keccak256(index.to_be_bytes()), change)
    };
    let mut accounts: Vec<_> = (0..count).map(|index| change(first + index * stride)).collect();
    accounts.sort_unstable_by_key(|(key, _)| *key);
    HashedDiff { accounts }
}

fn state_root(trie: &mut StateTrie, diff: &HashedDiff) -> (B256, TrieUpdates) {
    trie.apply(diff, &EmptyNodes).unwrap();
    (trie.root(), trie.take_updates())
}

/// The root of all leaves, by the builder of reth's crates.
fn from_leaves(diff: &HashedDiff) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, change) in &diff.accounts {
        let leaf = TrieLeaf { account: change.account.unwrap(), storage_root: EMPTY_ROOT_HASH };
        builder.add_leaf(Nibbles::unpack(key), &leaf.encode());
    }
    builder.root()
}

fn state_roots(criterion: &mut Criterion) {
    // How far is the state root, from changed leaves to the nodes to store, from what cannot be saved: hashing the
    // bytes of the nodes that changed, on one thread, one after the other and several at a time?
    let accounts = std::env::var("ROOT_ACCOUNTS").ok();
    let accounts = accounts.map_or(ACCOUNTS, |text| text.parse().unwrap());
    let all = leaves(0, accounts, 1, 0);
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    let (root, _) = state_root(&mut trie, &all);
    println!("accounts={accounts} nodes={} bytes={}", trie.node_count(), trie.memory_bytes());
    let mut group = criterion.benchmark_group(format!("trie::rebuild/accounts={accounts}"));
    group.sample_size(10);
    group.bench_function("who=alloy-trie", |bencher| {
        bencher.iter(|| assert_eq!(from_leaves(&all), root));
    });
    group.finish();
    drop(all);
    for changed in CHANGED {
        let name = format!("trie::root/accounts={accounts} changed={changed}");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(changed));
        let round = Cell::new(0);
        let diff = || {
            round.set(round.get() + 1);
            leaves(round.get() % SETS, changed, accounts / changed, 1 + round.get())
        };
        let (_, updates) = state_root(&mut trie, &diff());
        let nodes: Vec<Bytes> =
            updates.account_nodes.into_iter().filter_map(|node| node.1).collect();
        let bytes: usize = nodes.iter().map(|node| node.len()).sum();
        println!("dirty_nodes={} bytes={bytes}", nodes.len());
        let nodes: Vec<&[u8]> = nodes.iter().map(|node| &node[..]).collect();
        group.bench_function("who=hashing lanes=1", |bencher| {
            bencher.iter(|| nodes.iter().map(keccak256).collect::<Vec<_>>());
        });
        group.bench_function("who=hashing lanes=all", |bencher| {
            bencher.iter(|| keccak256_each(&nodes));
        });
        group.bench_function("who=weir", |bencher| {
            bencher.iter_batched(
                diff,
                |diff| state_root(&mut trie, &diff),
                BatchSize::PerIteration,
            );
        });
        for part in [Part::Apply, Part::Hash, Part::Take] {
            group.bench_function(format!("who=weir part={part:?}"), |bencher| {
                bencher
                    .iter_custom(|rounds| (0..rounds).map(|_| part.time(&mut trie, &diff())).sum());
            });
        }
        group.finish();
    }
}

/// A part of [`state_root`].
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    /// Changing the leaves.
    Apply,
    /// Encoding and hashing.
    Hash,
    /// Handing over what the store must write.
    Take,
}

impl Part {
    /// Does all of it, and times this part.
    fn time(self, trie: &mut StateTrie, diff: &HashedDiff) -> Duration {
        let started = Instant::now();
        trie.apply(diff, &EmptyNodes).unwrap();
        let applied = started.elapsed();
        trie.root();
        let hashed = started.elapsed() - applied;
        trie.take_updates();
        let taken = started.elapsed() - applied - hashed;
        match self {
            Self::Apply => applied,
            Self::Hash => hashed,
            Self::Take => taken,
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30).measurement_time(Duration::from_secs(4));
    targets = state_roots
}
criterion_main!(benches);
