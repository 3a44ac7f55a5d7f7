//! Building, sealing, witnessing and checking blocks against bare revm.
//!
//! ```sh
//! cargo bench --manifest-path bench/Cargo.toml --bench seal
//! ```
//!
//! Elements per second are gas per second. Each group runs both sides on the same input, so read the ratio and not the
//! times.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{
    Address, B256, Bytes, Keccak256, Sealable, Signature, TxKind, U256, address, bytes, keccak256,
};
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, CfgEnv, TxEnv},
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::{AccountInfo, Bytecode},
};
use std::{
    collections::BTreeMap,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use weir_bench as _;
use weir_builder::{BlockBuilder, SealedOutput, TrieAhead};
use weir_evm::{
    BlockAttributes, ChainSpec, DiffState, ExecutionWitness, SealedHeader, verify_stateless,
};
use weir_primitives::{EmptyState, StateProvider, Transaction};
use weir_storage::hash_diff;
use weir_trie::{EMPTY_ROOT_HASH, EmptyNodes, HashedDiff, StateTrie};

const CHAIN_ID: u64 = 61_972;
const GWEI: u128 = 1_000_000_000;
/// Accounts of the state on which blocks are built.
const ACCOUNTS: u64 = 10_000;
/// Transactions of a step, as the sequencer takes them at most.
const STEP_TRANSACTIONS: usize = 256;
/// Time between steps of a block that fills while it waits for its second to pass.
const STEP_PACE: Duration = Duration::from_millis(10);
const BENEFICIARY: Address = address!("0x000000000000000000000000000000000000be0e");

/// The token: balances in a mapping at slot 0, `transfer(address,uint256)` with its event, and nothing else.
const TOKEN: Address = address!("0x000000000000000000000000000000000070ce40");
/// Slot of the caller's balance; the amount; revert if it is more; debit; credit; `Transfer`; return true.
const TOKEN_CODE: Bytes = bytes!(
    "335f5260405f208054602435808210605a5780910390915560043\
     55f5260405f208054820190555f5260043533\
     7fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef\
     60205fa360015f5260205ff35b5f5ffd"
);
/// First four bytes of the hash of `transfer(address,uint256)`.
const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];

fn account(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

/// Spreads recipients over all accounts, each once while fewer than [`ACCOUNTS`] are asked for.
const fn recipient(index: u64) -> u64 {
    (index * 7_919 + 13) % ACCOUNTS
}

fn balance_slot(holder: Address) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update(holder.into_word());
    hasher.update(B256::ZERO);
    hasher.finalize()
}

/// One transaction of each of `count` senders.
///
/// The signature is made up: recovering senders belongs to admission, and the builder is given them.
fn transactions(count: u64, draft: impl Fn(u64) -> TxEip1559) -> Vec<(Arc<Transaction>, Address)> {
    let signed = (0..count).map(|index| {
        let tx: Transaction = draft(index).into_signed(Signature::test_signature()).into();
        // Admission has hashed it too.
        tx.tx_hash();
        (Arc::new(tx), account(index))
    });
    signed.collect()
}

fn transfer(index: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: 100 * GWEI,
        max_priority_fee_per_gas: GWEI,
        to: TxKind::Call(account(recipient(index))),
        value: U256::from(1),
        ..TxEip1559::default()
    }
}

fn token_transfer(index: u64) -> TxEip1559 {
    let recipient = account(recipient(index)).into_word();
    let input = [&TRANSFER[..], &recipient.0, &U256::from(5).to_be_bytes::<32>()].concat();
    TxEip1559 {
        to: TxKind::Call(TOKEN),
        gas_limit: 100_000,
        value: U256::ZERO,
        input: input.into(),
        ..transfer(index)
    }
}

/// A block to build: everything that both sides need, made once.
struct Workload {
    spec: Arc<ChainSpec>,
    parent: SealedHeader,
    state: Arc<dyn StateProvider>,
    genesis: HashedDiff,
    transactions: Vec<(Arc<Transaction>, Address)>,
    bare_state: CacheDB<EmptyDB>,
    bare_transactions: Vec<TxEnv>,
    base_fee: u64,
}

impl Workload {
    fn new(transactions: Vec<(Arc<Transaction>, Address)>) -> Self {
        let ether = U256::from(10).pow(U256::from(18));
        let funded = (0..ACCOUNTS).map(|index| (account(index), ether));
        let mut genesis = ChainSpec::dev(CHAIN_ID, funded).genesis().clone();
        // Every second account already holds tokens, the senders among them.
        let holders = (0..ACCOUNTS).filter(|index| index % 2 == 0 || *index < ACCOUNTS / 2);
        let slots: BTreeMap<B256, B256> = holders
            .map(|index| (balance_slot(account(index)), B256::with_last_byte(100)))
            .collect();
        let token = GenesisAccount {
            code: Some(TOKEN_CODE),
            storage: Some(slots),
            ..GenesisAccount::default()
        };
        genesis.alloc.insert(TOKEN, token);
        let bare_state = bare_state(&genesis.alloc);
        let spec = Arc::new(ChainSpec::from_genesis(genesis).unwrap());
        let diff = Arc::new(spec.genesis_diff());
        let genesis = hash_diff(&diff);
        let parent = spec.genesis_header(genesis_trie(&genesis).root()).seal_slow();
        let state = DiffState::sealed(Arc::new(EmptyState), diff, 0, parent.hash());
        let base_fee = spec.next_base_fee(&parent).unwrap();
        let bare_transactions = transactions.iter().map(|(tx, sender)| bare(tx, *sender)).collect();
        Self {
            spec,
            parent,
            state: Arc::new(state),
            genesis,
            transactions,
            bare_state,
            bare_transactions,
            base_fee,
        }
    }

    fn attributes(&self) -> BlockAttributes {
        BlockAttributes {
            timestamp: self.parent.timestamp + 1,
            beneficiary: BENEFICIARY,
            prev_randao: B256::repeat_byte(7),
            gas_limit: self.parent.gas_limit,
            extra_data: Bytes::new(),
            parent_beacon_block_root: None,
            withdrawals: None,
        }
    }

    /// Opens a block and appends every transaction.
    fn append(&self) -> BlockBuilder {
        let (spec, state) = (Arc::clone(&self.spec), Arc::clone(&self.state));
        let mut block = BlockBuilder::begin(spec, &self.parent, self.attributes(), state).unwrap();
        for (tx, sender) in &self.transactions {
            let outcome = block.append(Arc::clone(tx), *sender).unwrap().unwrap();
            assert!(outcome.is_success());
        }
        block
    }

    fn seal(&self, trie: &mut StateTrie) -> SealedOutput {
        self.append().seal(trie, &EmptyNodes).unwrap()
    }

    /// Executes step after step, with a trie that is changed on a thread of its own; `pace` passes after each but the last.
    fn append_ahead(&self, trie: StateTrie, pace: Duration) -> (BlockBuilder, TrieAhead) {
        let (spec, state) = (Arc::clone(&self.spec), Arc::clone(&self.state));
        let mut block = BlockBuilder::begin(spec, &self.parent, self.attributes(), state).unwrap();
        let ahead = TrieAhead::begin(&mut block, trie, Arc::new(EmptyNodes)).unwrap();
        let mut steps = self.transactions.chunks(STEP_TRANSACTIONS).peekable();
        while let Some(step) = steps.next() {
            for (tx, sender) in step {
                block.append(Arc::clone(tx), *sender).unwrap().unwrap();
            }
            ahead.advance(&mut block);
            if steps.peek().is_some() && !pace.is_zero() {
                std::thread::sleep(pace);
            }
        }
        (block, ahead)
    }

    /// As [`Self::seal`], with a trie that is changed step by step on a thread of its own.
    fn seal_ahead(&self, trie: StateTrie) -> (SealedOutput, StateTrie) {
        finish(self.append_ahead(trie, Duration::ZERO))
    }

    /// The time from the last transaction of a block to its hash, summed over `rounds`.
    fn latency(&self, rounds: u64, pace: Option<Duration>) -> Duration {
        let mut sum = Duration::ZERO;
        for _ in 0..rounds {
            let mut trie = genesis_trie(&self.genesis);
            if let Some(pace) = pace {
                let open = self.append_ahead(trie, pace);
                let began = Instant::now();
                black_box(finish(open));
                sum += began.elapsed();
            } else {
                let block = self.append();
                let began = Instant::now();
                black_box(block.seal(&mut trie, &EmptyNodes).unwrap());
                sum += began.elapsed();
            }
        }
        sum
    }

    /// As [`Self::seal_ahead`], and takes down the block's witness meanwhile: what a node does.
    fn witness(&self, trie: StateTrie) -> (SealedOutput, ExecutionWitness, StateTrie) {
        let (mut sealed, trie) = self.seal_witnessed(trie);
        let witness = self.take_witness(&mut sealed);
        (sealed, witness, trie)
    }

    /// As [`Self::seal_ahead`], by a trie that notes what the block needs of the state before it.
    fn seal_witnessed(&self, mut trie: StateTrie) -> (SealedOutput, StateTrie) {
        trie.begin_witness();
        self.seal_ahead(trie)
    }

    /// What is left to do for a witness once the block is sealed.
    fn take_witness(&self, sealed: &mut SealedOutput) -> ExecutionWitness {
        let nodes = sealed.witness.take().unwrap();
        let mut headers = |_: u64| Ok(None);
        let (accesses, state) = (&sealed.accesses, &*self.state);
        ExecutionWitness::of_nodes(&self.parent, accesses, nodes, state, &mut headers).unwrap()
    }

    /// Executes every transaction with revm alone; returns the gas used and the state, so that it is not dropped here.
    fn execute_bare(
        &self,
        state: CacheDB<EmptyDB>,
        transactions: Vec<TxEnv>,
    ) -> (u64, CacheDB<EmptyDB>) {
        let mut config = CfgEnv::new_with_spec(SpecId::OSAKA);
        config.chain_id = CHAIN_ID;
        let block = BlockEnv {
            number: U256::from(1),
            beneficiary: BENEFICIARY,
            timestamp: U256::from(self.parent.timestamp + 1),
            gas_limit: self.parent.gas_limit,
            basefee: self.base_fee,
            prevrandao: Some(B256::repeat_byte(7)),
            ..BlockEnv::default()
        };
        let context = Context::mainnet().with_db(state).with_cfg(config).with_block(block);
        let mut evm = context.build_mainnet();
        let mut gas = 0;
        for tx in transactions {
            let result = evm.transact_commit(tx).unwrap();
            assert!(result.is_success());
            gas += result.gas().tx_gas_used();
        }
        (gas, evm.ctx.journaled_state.database)
    }

    fn bench(&self, mut group: BenchmarkGroup<'_, WallTime>) {
        let (gas, _) = self.execute_bare(self.bare_state.clone(), self.bare_transactions.clone());
        let sealed = self.seal(&mut genesis_trie(&self.genesis));
        assert_eq!(sealed.executed.block.header().gas_used, gas, "both sides do the same work");
        group.throughput(Throughput::Elements(gas));
        let input = || (self.bare_state.clone(), self.bare_transactions.clone());
        group.bench_function("who=revm", |bencher| {
            bencher.iter_batched(
                input,
                |(state, transactions)| self.execute_bare(state, transactions),
                BatchSize::PerIteration,
            );
        });
        // What executing on two cores could give at best: halves that share nothing, and no check for conflicts.
        let halves = || {
            let (left, right) = self.bare_transactions.split_at(self.bare_transactions.len() / 2);
            [left, right].map(|half| (self.bare_state.clone(), half.to_vec()))
        };
        group.bench_function("who=revm threads=2", |bencher| {
            bencher.iter_batched(
                halves,
                |halves| {
                    std::thread::scope(|scope| {
                        let run = |(state, half)| scope.spawn(|| self.execute_bare(state, half));
                        halves.map(run).map(|half| half.join().unwrap())
                    })
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function("who=weir part=append", |bencher| {
            bencher.iter_batched(|| (), |()| self.append(), BatchSize::PerIteration);
        });
        group.bench_function("who=weir", |bencher| {
            bencher.iter_batched(
                || genesis_trie(&self.genesis),
                |mut trie| (self.seal(&mut trie), trie),
                BatchSize::PerIteration,
            );
        });
        // The same with the trie at work beside the execution, a step of 256 transactions after the other.
        group.bench_function("who=weir with=ahead", |bencher| {
            bencher.iter_batched(
                || genesis_trie(&self.genesis),
                |trie| self.seal_ahead(trie),
                BatchSize::PerIteration,
            );
        });
        // What of it a node waits for once it has decided that the block is full: steps at once, and ten milliseconds apart.
        let latencies = [
            ("part=seal", None),
            ("part=seal with=ahead", Some(Duration::ZERO)),
            ("part=seal with=ahead pace=10ms", Some(STEP_PACE)),
        ];
        for (name, pace) in latencies {
            group.bench_function(format!("who=weir {name}"), |bencher| {
                bencher.iter_custom(|rounds| self.latency(rounds, pace));
            });
        }
        self.bench_witnessed(&mut group, &sealed);
        group.finish();
    }

    /// The same with a witness (at most a tenth more), and checked by it before anybody would hear of it.
    fn bench_witnessed(&self, group: &mut BenchmarkGroup<'_, WallTime>, sealed: &SealedOutput) {
        let (ahead, witness, _) = self.witness(genesis_trie(&self.genesis));
        let hash = |sealed: &SealedOutput| sealed.executed.block.hash();
        assert_eq!(hash(&ahead), hash(sealed), "the same block");
        let bytes = witness.size_bytes();
        println!("witness_bytes={bytes} transactions={}", self.transactions.len());
        group.bench_function("who=weir with=witness", |bencher| {
            bencher.iter_batched(
                || genesis_trie(&self.genesis),
                |trie| self.witness(trie),
                BatchSize::PerIteration,
            );
        });
        group.bench_function("who=weir part=witness", |bencher| {
            bencher.iter_batched(
                || self.seal_witnessed(genesis_trie(&self.genesis)),
                |(mut sealed, trie)| (self.take_witness(&mut sealed), sealed, trie),
                BatchSize::PerIteration,
            );
        });
        group.bench_function("who=weir with=self-check", |bencher| {
            bencher.iter_batched(
                || genesis_trie(&self.genesis),
                |trie| {
                    let (sealed, witness, trie) = self.witness(trie);
                    verify_stateless(&self.spec, &witness, &sealed.executed.block).unwrap();
                    (sealed, witness, trie)
                },
                BatchSize::PerIteration,
            );
        });
        group.bench_function("who=weir part=check", |bencher| {
            bencher.iter_batched(
                || (),
                |()| verify_stateless(&self.spec, &witness, &sealed.executed.block).unwrap(),
                BatchSize::PerIteration,
            );
        });
    }
}

/// Seals a block whose trie is at work on another thread.
fn finish((mut block, ahead): (BlockBuilder, TrieAhead)) -> (SealedOutput, StateTrie) {
    let mut trie = ahead.finish(&mut block).unwrap();
    (block.seal(&mut trie, &EmptyNodes).unwrap(), trie)
}

/// The trie of the genesis state, in memory and hashed, as it is between blocks.
fn genesis_trie(genesis: &HashedDiff) -> StateTrie {
    let mut trie = StateTrie::new(EMPTY_ROOT_HASH);
    trie.apply(genesis, &EmptyNodes).unwrap();
    trie.take_updates();
    trie
}

/// The genesis state as revm's own in-memory database holds it.
fn bare_state(alloc: &BTreeMap<Address, GenesisAccount>) -> CacheDB<EmptyDB> {
    let mut state = CacheDB::new(EmptyDB::default());
    for (address, entry) in alloc {
        let code = entry.code.clone().map(Bytecode::new_raw);
        let mut info = AccountInfo::from_balance(entry.balance);
        info.nonce = entry.nonce.unwrap_or_default();
        if let Some(code) = code {
            info = info.with_code(code);
        }
        state.insert_account_info(*address, info);
        for (slot, value) in entry.storage.iter().flatten() {
            state.insert_account_storage(*address, (*slot).into(), (*value).into()).unwrap();
        }
    }
    state
}

fn bare(tx: &Transaction, sender: Address) -> TxEnv {
    use alloy_consensus::Transaction as _;
    TxEnv::builder()
        .tx_type(Some(2))
        .caller(sender)
        .chain_id(tx.chain_id())
        .nonce(tx.nonce())
        .gas_limit(tx.gas_limit())
        .gas_price(tx.max_fee_per_gas())
        .gas_priority_fee(tx.max_priority_fee_per_gas())
        .kind(tx.kind())
        .value(tx.value())
        .data(tx.input().clone())
        .build()
        .unwrap()
}

fn transfers(criterion: &mut Criterion) {
    // What share of bare revm's gas per second is left when 5,000 transfers, each from another sender and to another
    // recipient, become a sealed block with every root, its receipts, its diff and the trie nodes to store?
    let workload = Workload::new(transactions(5_000, transfer));
    workload.bench(criterion.benchmark_group("seal::transfers"));
}

fn tokens(criterion: &mut Criterion) {
    // The same question for 1,000 token transfers: a contract, two slots and an event each.
    let workload = Workload::new(transactions(1_000, token_transfer));
    workload.bench(criterion.benchmark_group("seal::token_transfers"));
}

fn config() -> Criterion {
    Criterion::default().sample_size(30).measurement_time(Duration::from_secs(4))
}

criterion_group! {
    name = benches;
    config = config();
    targets = transfers, tokens
}
criterion_main!(benches);
