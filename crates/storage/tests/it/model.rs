//! Random use of both backends against a model.

use proptest::{collection::vec, prelude::*};
use std::{collections::BTreeMap, sync::Arc};
use tempfile::TempDir;
use weir_primitives::{BlockRef, StateProvider};
use weir_storage::{
    MdbxStore, MemoryStore, RecordNamespace, RecordWrite, Snapshot, Store, StoreOptions,
    conformance::{PlainState, TestChain, revert},
    state_root_from_leaves,
};

/// What a user does with a store.
#[derive(Debug, Clone)]
enum Step {
    Commit,
    /// Offers the block before the head again.
    CommitStale,
    /// Takes this many blocks off, or all there are.
    Revert(u64),
    WriteRecords(Vec<(u8, Option<u8>)>),
    /// Takes a snapshot and keeps it.
    Hold,
    /// Lets the oldest snapshot go.
    Release,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Commit),
        1 => Just(Step::CommitStale),
        2 => (1u64..8).prop_map(Step::Revert),
        2 => vec((0u8..6, proptest::option::of(any::<u8>())), 0..4).prop_map(Step::WriteRecords),
        2 => Just(Step::Hold),
        1 => Just(Step::Release),
        1 => Just(Step::Reopen),
    ]
}

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// A snapshot with what it must show for ever.
struct Held {
    snapshot: Arc<dyn Snapshot>,
    head: BlockRef,
    state: PlainState,
    records: Records,
}

fn hold(store: &dyn Store, chain: &TestChain, records: &Records) -> Held {
    let head = chain.head();
    let (state, records) = (chain.state(head.number).clone(), records.clone());
    Held { snapshot: store.snapshot().unwrap(), head, state, records }
}

fn check(held: &Held) {
    let Held { snapshot, head, state, records } = held;
    assert_eq!(snapshot.head(), *head);
    for (address, (account, slots)) in state {
        assert_eq!(snapshot.account(address).unwrap(), Some(*account));
        for (slot, value) in slots {
            assert_eq!(snapshot.storage(address, slot).unwrap(), *value);
        }
    }
    let (_, header) = snapshot.header_by_number(head.number).unwrap().unwrap();
    assert_eq!(state_root_from_leaves(&**snapshot).unwrap(), header.state_root);
    let found: Records = snapshot.records(RecordNamespace::Batcher).unwrap().into_iter().collect();
    assert_eq!(found, *records);
}

fn run(seed: u64, steps: &[Step], open: &dyn Fn(&TestChain) -> Box<dyn Store>, reopens: bool) {
    let mut chain = TestChain::new(seed);
    let mut store = open(&chain);
    let mut records = Records::new();
    let mut held: Vec<Held> = Vec::new();
    let mut last = None;
    for step in steps {
        match step {
            Step::Commit => {
                let made = chain.next_block();
                store.commit(&made.commit()).unwrap();
                last = Some(made);
            }
            Step::CommitStale => {
                if let Some(last) = &last {
                    store.commit(&last.commit()).unwrap_err();
                }
            }
            Step::Revert(depth) => {
                let head = chain.head().number;
                if head > 0 {
                    revert(&*store, &mut chain, head.saturating_sub(*depth));
                    // Its place may be free again.
                    last = None;
                }
            }
            Step::WriteRecords(writes) => {
                let writes: Vec<RecordWrite> = writes
                    .iter()
                    .map(|(key, value)| RecordWrite {
                        namespace: RecordNamespace::Batcher,
                        key: vec![*key],
                        value: value.map(|value| vec![value]),
                    })
                    .collect();
                store.write_records(&writes).unwrap();
                for write in writes {
                    match write.value {
                        Some(value) => drop(records.insert(write.key, value)),
                        None => drop(records.remove(&write.key)),
                    }
                }
            }
            Step::Hold => held.push(hold(&*store, &chain, &records)),
            Step::Release => drop((!held.is_empty()).then(|| held.remove(0))),
            Step::Reopen if reopens => {
                held.clear();
                drop(store);
                store = open(&chain);
            }
            Step::Reopen => {}
        }
        check(&hold(&*store, &chain, &records));
        held.iter().for_each(check);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn memory_store_equals_the_model(seed: u64, steps in vec(step(), 1..24)) {
        run(seed, &steps, &|chain| Box::new(MemoryStore::new(chain.genesis()).unwrap()), false);
    }

    #[test]
    fn mdbx_store_equals_the_model(seed: u64, steps in vec(step(), 1..24)) {
        let folder = TempDir::new().unwrap();
        let open = |chain: &TestChain| -> Box<dyn Store> {
            let options = StoreOptions::new(folder.path());
            Box::new(MdbxStore::open(options, chain.genesis()).unwrap())
        };
        run(seed, &steps, &open, true);
    }
}

/// Versions that nobody sees any more are dropped: a long run does not grow.
#[test]
fn memory_of_old_versions_is_given_back() {
    let mut chain = TestChain::new(50);
    let store = MemoryStore::new(chain.genesis()).unwrap();
    let state_bytes = |store: &MemoryStore| -> u64 {
        let tables = store.stats().unwrap().tables;
        let state = ["accounts", "storage", "account_nodes", "storage_nodes", "meta"];
        tables.iter().filter(|table| state.contains(&table.name)).map(|table| table.bytes).sum()
    };
    let old = store.snapshot().unwrap();
    for _ in 0..300 {
        store.commit(&chain.next_block().commit()).unwrap();
    }
    let held = state_bytes(&store);
    drop(old);
    for _ in 0..2 {
        store.commit(&chain.next_block().commit()).unwrap();
    }
    let released = state_bytes(&store);
    assert!(released * 10 < held, "held={held} released={released}");
}
