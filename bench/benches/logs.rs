//! The index of addresses and topics in logs: wide queries by it and by the blooms of headers, and what it costs a commit.
//!
//! ```sh
//! cargo bench --manifest-path bench/Cargo.toml --bench logs -- --quick
//! ```
//!
//! Both sides of a query run on the same store and find the same logs, which is checked first.

use alloy_consensus::{BlockBody, TxType};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Bytes, Log, keccak256, logs_bloom};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use weir_bench as _;
use weir_primitives::{Block, BlockRef, ExecutedBlock, Header, Receipt, RecoveredBlock, StateDiff};
use weir_storage::{BlockCommit, GenesisState, LogValue, MdbxStore, Snapshot, Store, StoreOptions};
use weir_trie::{EMPTY_ROOT_HASH, HashedDiff, TrieUpdates};

/// Blocks that a query spans.
const BLOCKS: u64 = 2_000;
/// Logs of a block, each with three topics.
const LOGS: u64 = 100;
/// Every so many blocks have a log with the topic that is looked for.
const RARE: u64 = 100;

/// The values of the logs of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Values {
    /// All different: what an index has most to do with.
    Different,
    /// The same in every log: what it has least to do with. The logs take as many bytes.
    Same,
}

fn topic(name: &str, number: u64) -> B256 {
    keccak256([name.as_bytes(), &number.to_be_bytes()].concat())
}

/// The topic that every hundredth block has.
fn rare() -> B256 {
    topic("rare", 0)
}

fn log(block: u64, index: u64, values: Values) -> Log {
    let number = match values {
        Values::Different => block * LOGS + index,
        Values::Same => 0,
    };
    let last = if block % RARE == 0 && index == 0 { rare() } else { topic("last", number) };
    let address = Address::from_word(topic("address", number));
    let topics = vec![topic("first", number), topic("second", number), last];
    Log::new_unchecked(address, topics, Bytes::from_static(&[7; 32]))
}

fn block(parent: BlockRef, values: Values) -> ExecutedBlock {
    let number = parent.number + 1;
    let logs: Vec<Log> = (0..LOGS).map(|index| log(number, index, values)).collect();
    let header = Header {
        parent_hash: parent.hash,
        number,
        timestamp: number,
        state_root: EMPTY_ROOT_HASH,
        logs_bloom: logs_bloom(&logs),
        ..Header::default()
    };
    let hash = header.hash_slow();
    let receipt = Receipt { tx_type: TxType::Legacy, success: true, cumulative_gas_used: 1, logs };
    let block = Block { header, body: BlockBody::default() };
    ExecutedBlock {
        block: Arc::new(RecoveredBlock::new(block, hash, Vec::new())),
        receipts: Arc::new(vec![receipt]),
        diff: Some(Arc::new(StateDiff::default())),
    }
}

fn open(folder: &tempfile::TempDir) -> (MdbxStore, BlockRef) {
    let header = Header { state_root: EMPTY_ROOT_HASH, ..Header::default() };
    let hash = header.hash_slow();
    let genesis = Block { header, body: BlockBody::default() };
    let block = ExecutedBlock {
        block: Arc::new(RecoveredBlock::new(genesis, hash, Vec::new())),
        receipts: Arc::default(),
        diff: Some(Arc::new(StateDiff::default())),
    };
    let head = block.reference();
    let (hashed, trie) = (HashedDiff::default(), TrieUpdates::default());
    let genesis = GenesisState { block, hashed, trie, chain_id: 1 };
    (MdbxStore::open(StoreOptions::new(folder.path()), &genesis).unwrap(), head)
}

fn commit(store: &MdbxStore, block: &ExecutedBlock) -> BlockRef {
    let (hashed, trie) = (HashedDiff::default(), TrieUpdates::default());
    store.commit(&BlockCommit { block, hashed: &hashed, trie: &trie, records: &[] }).unwrap();
    block.reference()
}

fn matching(snapshot: &dyn Snapshot, number: u64, value: &B256) -> usize {
    let block = snapshot.block_by_number(number).unwrap().unwrap();
    let logs = block.receipts.iter().flat_map(|receipt| &receipt.logs);
    logs.filter(|log| log.data.topics().get(2) == Some(value)).count()
}

fn by_index(snapshot: &dyn Snapshot, value: &B256) -> usize {
    let place = LogValue::Topic { position: 2, value: *value };
    let blocks = snapshot.log_blocks(&place, 1, BLOCKS).unwrap();
    blocks.into_iter().map(|number| matching(snapshot, number, value)).sum()
}

fn by_blooms(snapshot: &dyn Snapshot, value: &B256) -> usize {
    let has = |bloom: &Bloom| bloom.contains_input(BloomInput::Raw(value.as_slice()));
    let header = |number: &u64| snapshot.header_by_number(*number).unwrap().unwrap().1;
    let blocks = (1..=BLOCKS).filter(|number| has(&header(number).logs_bloom));
    blocks.map(|number| matching(snapshot, number, value)).sum()
}

fn queries(criterion: &mut Criterion) {
    // How long does a query over 2,000 blocks take that finds a log in twenty of them, or in none?
    let folder = tempfile::tempdir().unwrap();
    let (store, mut head) = open(&folder);
    for _ in 0..BLOCKS {
        head = commit(&store, &block(head, Values::Different));
    }
    let snapshot = store.snapshot().unwrap();
    for table in store.stats().unwrap().tables {
        println!("table={} entries={} bytes={}", table.name, table.entries, table.bytes);
    }
    for (found, value) in [(BLOCKS / RARE, rare()), (0, topic("absent", 0))] {
        assert_eq!(by_index(&*snapshot, &value) as u64, found);
        assert_eq!(by_blooms(&*snapshot, &value) as u64, found);
        let name = format!("logs::query/blocks={BLOCKS} found={found}");
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("by=index", |bencher| {
            bencher.iter(|| black_box(by_index(&*snapshot, &value)));
        });
        group.bench_function("by=blooms", |bencher| {
            bencher.iter(|| black_box(by_blooms(&*snapshot, &value)));
        });
        group.finish();
    }
}

fn commits(criterion: &mut Criterion) {
    // What does the index cost a commit: 400 keys a block, against four?
    let mut group = criterion.benchmark_group(format!("logs::commit/logs={LOGS}"));
    group.sample_size(50);
    for values in [Values::Different, Values::Same] {
        let folder = tempfile::tempdir().unwrap();
        let (store, head) = open(&folder);
        let mut head = head;
        group.bench_function(format!("values={values:?}"), |bencher| {
            let next = std::cell::Cell::new(head);
            bencher.iter_batched(
                || block(next.get(), values),
                |block| next.set(commit(&store, &block)),
                BatchSize::PerIteration,
            );
            head = next.get();
        });
    }
    group.finish();
}

criterion_group!(benches, queries, commits);
criterion_main!(benches);
