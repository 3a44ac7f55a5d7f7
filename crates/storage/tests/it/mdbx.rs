//! What only a store on disk can do: come back, and refuse what is not its own.

use std::fs;
use tempfile::TempDir;
use weir_primitives::StateProvider;
use weir_storage::{
    MdbxStore, RecordNamespace, RecordWrite, StorageError, Store, StoreHeader, StoreOptions,
    conformance::TestChain, state_root_from_leaves,
};

#[test]
fn reopened_store_is_where_it_was() {
    let folder = TempDir::new().unwrap();
    let mut chain = TestChain::new(40);
    for _ in 0..6 {
        let store = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
        assert_eq!(store.snapshot().unwrap().head(), chain.head());
        for _ in 0..5 {
            store.commit(&chain.next_block().commit()).unwrap();
        }
    }
    let store = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.head(), chain.head());
    for number in 0..=chain.head().number {
        let block = snapshot.block_by_number(number).unwrap().unwrap();
        assert_eq!(block.block.hash(), snapshot.block_hash(number).unwrap().unwrap());
    }
    let (_, header) = snapshot.header_by_number(chain.head().number).unwrap().unwrap();
    assert_eq!(state_root_from_leaves(&*snapshot).unwrap(), header.state_root);
}

#[test]
fn sizes_are_exact_once_the_log_is_in_the_tables() {
    let folder = TempDir::new().unwrap();
    let mut chain = TestChain::new(48);
    let open = |chain: &TestChain| {
        MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap()
    };
    let store = open(&chain);
    let mut transactions = 0;
    for _ in 0..10 {
        let made = chain.next_block();
        transactions += made.block.receipts.len() as u64;
        store.commit(&made.commit()).unwrap();
    }
    drop(store);
    let tables = open(&chain).stats().unwrap().tables;
    let entries = |name| tables.iter().find(|table| table.name == name).unwrap().entries;
    let state = chain.state(10);
    let slots: usize = state.values().map(|(_, slots)| slots.len()).sum();
    assert_eq!(entries("headers"), 11);
    assert_eq!(entries("transactions"), transactions);
    assert_eq!(entries("accounts"), state.len() as u64);
    assert_eq!(entries("storage"), slots as u64);
}

/// Many commits, so that readers of all ages see tables that were brought up to the log in between.
#[test]
fn snapshots_stay_as_they_are_while_the_log_goes_into_the_tables() {
    let folder = TempDir::new().unwrap();
    let mut chain = TestChain::new(49);
    let store = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
    let mut held = Vec::new();
    for _ in 0..120 {
        held.push(store.snapshot().unwrap());
        store.commit(&chain.next_block().commit()).unwrap();
    }
    for (number, snapshot) in (0..).zip(&held) {
        assert_eq!(snapshot.head().number, number);
        let (_, header) = snapshot.header_by_number(number).unwrap().unwrap();
        assert_eq!(state_root_from_leaves(&**snapshot).unwrap(), header.state_root);
        assert_eq!(snapshot.block_by_number(number + 1).unwrap(), None);
    }
    drop((held, store));
    let store = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
    assert_eq!(store.snapshot().unwrap().head(), chain.head());
    let tables = store.stats().unwrap().tables;
    assert_eq!(tables.iter().find(|table| table.name == "headers").unwrap().entries, 121);
}

/// The log is what makes a commit durable: the tables alone are behind.
#[test]
fn what_is_in_the_log_alone_is_found_and_what_is_torn_is_not() {
    let folder = TempDir::new().unwrap();
    let (live, copy) = (folder.path().join("live"), folder.path().join("copy"));
    let mut chain = TestChain::new(50);
    let store = MdbxStore::open(StoreOptions::new(&live), chain.genesis()).unwrap();
    let mut lengths = Vec::new();
    for _ in 0..5 {
        store.commit(&chain.next_block().commit()).unwrap();
        lengths.push(fs::metadata(live.join("redo.0")).unwrap().len());
    }
    // What a crash leaves: the files as they are, the last record cut.
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&live).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let log = fs::OpenOptions::new().write(true).open(copy.join("redo.0")).unwrap();
    log.set_len(lengths[4] - 1).unwrap();
    assert_eq!(StoreHeader::read(&StoreOptions::new(&copy)).unwrap().head.number, 4);
    let reopened = MdbxStore::open(StoreOptions::new(&copy), chain.genesis()).unwrap();
    let snapshot = reopened.snapshot().unwrap();
    assert_eq!(snapshot.head().number, 4);
    let (_, header) = snapshot.header_by_number(4).unwrap().unwrap();
    assert_eq!(state_root_from_leaves(&*snapshot).unwrap(), header.state_root);
    drop((snapshot, reopened));
    // A record that is missing before others is no torn tail.
    fs::copy(live.join("mdbx.dat"), copy.join("mdbx.dat")).unwrap();
    let log = fs::read(live.join("redo.0")).unwrap();
    let without_first = [&log[..8], &log[lengths[0] as usize..]].concat();
    fs::write(copy.join("redo.0"), without_first).unwrap();
    let error = MdbxStore::open(StoreOptions::new(&copy), chain.genesis()).unwrap_err();
    assert!(matches!(error, StorageError::Malformed { table: "redo log" }), "{error}");
}

#[test]
fn foreign_chains_are_refused() {
    let folder = TempDir::new().unwrap();
    let options = StoreOptions::new(folder.path());
    let ours = TestChain::new(41);
    drop(MdbxStore::open(options.clone(), ours.genesis()).unwrap());
    let mut other_id = ours.genesis().clone();
    other_id.chain_id += 1;
    for genesis in [&other_id, TestChain::new(42).genesis()] {
        let error = MdbxStore::open(options.clone(), genesis).unwrap_err();
        let StorageError::ForeignChain { expected, found } = error else { panic!("{error}") };
        assert_eq!(expected.chain_id, genesis.chain_id);
        assert_eq!(found.genesis_hash, ours.genesis().block.block.hash());
    }
    MdbxStore::open(options, ours.genesis()).unwrap();
}

#[test]
fn newer_schemas_are_refused() {
    let folder = TempDir::new().unwrap();
    let chain = TestChain::new(43);
    drop(MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap());
    {
        let environment =
            signet_libmdbx::Environment::builder().set_max_dbs(18).open(folder.path()).unwrap();
        let transaction = environment.begin_rw_unsync().unwrap();
        let meta = transaction.open_db(Some("meta")).unwrap();
        let newer = 5u32.to_be_bytes();
        transaction.put(meta, b"schema", newer, signet_libmdbx::WriteFlags::UPSERT).unwrap();
        transaction.commit().unwrap();
    }
    let options = StoreOptions::new(folder.path());
    let error = StoreHeader::read(&options).unwrap_err();
    assert!(matches!(error, StorageError::SchemaTooNew { found: 5, supported: 4 }), "{error}");
    let error = MdbxStore::open(options, chain.genesis()).unwrap_err();
    assert!(matches!(error, StorageError::SchemaTooNew { found: 5, supported: 4 }), "{error}");
}

#[test]
fn an_earlier_schema_is_taken_over_and_its_blocks_are_still_found() {
    let folder = TempDir::new().unwrap();
    let mut chain = TestChain::new(45);
    let options = StoreOptions::new(folder.path());
    {
        let store = MdbxStore::open(options.clone(), chain.genesis()).unwrap();
        for _ in 0..3 {
            store.commit(&chain.next_block().commit()).unwrap();
        }
    }
    {
        // As schema 2 left it: without the index.
        let environment =
            signet_libmdbx::Environment::builder().set_max_dbs(18).open(folder.path()).unwrap();
        let transaction = environment.begin_rw_unsync().unwrap();
        let meta = transaction.open_db(Some("meta")).unwrap();
        let flags = signet_libmdbx::WriteFlags::UPSERT;
        transaction.put(meta, b"schema", 2u32.to_be_bytes(), flags).unwrap();
        transaction.del(meta, b"log_index", None).unwrap();
        let index = transaction.open_db(Some("log_index")).unwrap();
        transaction.clear_db(index).unwrap();
        transaction.commit().unwrap();
    }
    let before = StoreHeader::read(&options).unwrap();
    assert_eq!((before.schema, before.head.number), (2, 3));
    assert_eq!(before.migrations().count(), 2);
    assert_eq!(StoreHeader::read(&options).unwrap(), before, "reading changes nothing");
    let store = MdbxStore::open(options.clone(), chain.genesis()).unwrap();
    let busy = StoreHeader::read(&options).unwrap_err();
    assert!(matches!(busy, StorageError::InUse { .. }), "{busy}");
    let mut head = 3;
    let log = loop {
        let made = chain.next_block();
        store.commit(&made.commit()).unwrap();
        head += 1;
        let mut receipts = made.block.receipts.iter();
        if let Some(log) = receipts.find_map(|receipt| receipt.logs.first()) {
            break log.clone();
        }
    };
    let found = |store: &MdbxStore| {
        let value = weir_storage::LogValue::Address(log.address);
        store.snapshot().unwrap().log_blocks(&value, 0, u64::MAX).unwrap()
    };
    assert_eq!(found(&store), [0, 1, 2, 3, head]);
    weir_storage::conformance::revert(&store, &mut chain, 1);
    assert_eq!(found(&store), [0, 1]);
    store.commit(&chain.next_block().commit()).unwrap();
    assert!(found(&store).starts_with(&[0, 1]), "those that were never indexed are looked through");
}

#[test]
fn a_second_opener_is_told_that_the_store_is_in_use() {
    let folder = TempDir::new().unwrap();
    let chain = TestChain::new(44);
    let store = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
    let error = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    drop(store);
    MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
}

#[test]
fn a_path_that_is_a_file_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"not a directory").unwrap();
    let chain = TestChain::new(45);
    let error = MdbxStore::open(StoreOptions::new(&path), chain.genesis()).unwrap_err();
    let StorageError::Io { path: found, .. } = error else { panic!("{error}") };
    assert_eq!(found, path);
}

#[test]
fn a_full_database_is_a_typed_error_and_keeps_its_head() {
    let folder = TempDir::new().unwrap();
    let mut chain = TestChain::new(46);
    let options = StoreOptions {
        map_bytes_max: 2 << 20,
        growth_bytes: 1 << 20,
        ..StoreOptions::new(folder.path())
    };
    let store = MdbxStore::open(options, chain.genesis()).unwrap();
    let mut head = chain.head();
    let fill = |index: u64| {
        let key = index.to_be_bytes();
        RecordWrite::put(RecordNamespace::Meta, key, vec![0; 64 << 10])
    };
    let error = loop {
        let made = chain.next_block();
        let committed = store.commit(&made.commit());
        if let Err(error) = committed {
            break error;
        }
        head = made.block.reference();
        if let Err(error) = store.write_records(&[fill(head.number)]) {
            break error;
        }
    };
    assert!(matches!(error, StorageError::Full), "{error}");
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.head(), head);
    let (_, header) = snapshot.header_by_number(head.number).unwrap().unwrap();
    assert_eq!(state_root_from_leaves(&*snapshot).unwrap(), header.state_root);
}

/// Many readers at once: as many as an RPC server under load.
#[test]
fn a_thousand_snapshots_at_a_time() {
    let folder = TempDir::new().unwrap();
    let mut chain = TestChain::new(47);
    let store = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
    let snapshots: Vec<_> = (0..1_000).map(|_| store.snapshot().unwrap()).collect();
    store.commit(&chain.next_block().commit()).unwrap();
    for snapshot in snapshots {
        assert_eq!(snapshot.head().number, 0);
    }
}
