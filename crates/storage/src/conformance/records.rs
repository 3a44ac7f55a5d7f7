//! Records and sizes.

use super::{Open, TestChain};
use crate::{BlockCommit, RecordNamespace, RecordWrite, StorageError};

pub(super) fn records_are_kept_apart(open: Open<'_>) {
    let mut chain = TestChain::new(20);
    let store = open(chain.genesis());
    let put = |namespace, key: &[u8], value: &[u8]| RecordWrite::put(namespace, key, value);
    let writes = [
        put(RecordNamespace::Batcher, b"b", b"2"),
        put(RecordNamespace::Batcher, b"a", b"1"),
        put(RecordNamespace::Batcher, b"", b"empty key"),
        put(RecordNamespace::Batcher, b"long", &[9; 5_000]),
        put(RecordNamespace::Meta, b"a", b"other"),
        put(RecordNamespace::Derivation, b"a", b""),
    ];
    store.write_records(&writes).expect("write");
    let old = store.snapshot().expect("snapshot");
    let with_block = [put(RecordNamespace::Witness, b"w", b"1")];
    let block = chain.next_block();
    let commit = BlockCommit { records: &with_block, ..block.commit() };
    store.commit(&commit).expect("a block leaves other records alone");
    let refused = store.commit(&commit).expect_err("it is there");
    assert!(matches!(refused, StorageError::NotChildOfHead { .. }));
    let delete = RecordWrite::delete(RecordNamespace::Batcher, "a");
    let absent = RecordWrite::delete(RecordNamespace::Batcher, "never");
    let replace = put(RecordNamespace::Batcher, b"b", b"3");
    store.write_records(&[delete, absent, replace]).expect("write");
    let new = store.snapshot().expect("snapshot");
    let batcher = |value: &[u8]| {
        vec![
            (Vec::new(), b"empty key".to_vec()),
            (b"b".to_vec(), value.to_vec()),
            (b"long".to_vec(), vec![9; 5_000]),
        ]
    };
    assert_eq!(new.records(RecordNamespace::Batcher).expect("read"), batcher(b"3"));
    let mut before = batcher(b"2");
    before.insert(1, (b"a".to_vec(), b"1".to_vec()));
    assert_eq!(old.records(RecordNamespace::Batcher).expect("read"), before);
    let read = |namespace| new.record(namespace, b"a").expect("read");
    let witness = new.record(RecordNamespace::Witness, b"w").expect("read");
    assert_eq!(witness, Some(b"1".to_vec()), "a record comes with its block");
    assert_eq!(old.record(RecordNamespace::Witness, b"w").expect("read"), None);
    assert_eq!(read(RecordNamespace::Batcher), None);
    assert_eq!(read(RecordNamespace::Meta), Some(b"other".to_vec()));
    assert_eq!(read(RecordNamespace::Derivation), Some(Vec::new()));
    assert_eq!(read(RecordNamespace::Liquidity), None);
}

pub(super) fn record_writes_are_atomic(open: Open<'_>) {
    let chain = TestChain::new(21);
    let store = open(chain.genesis());
    let good = RecordWrite::put(RecordNamespace::Meta, "good", "1");
    let too_long = vec![0; RecordWrite::KEY_BYTES_MAX + 1];
    let bad = RecordWrite::put(RecordNamespace::Meta, too_long, "2");
    let error = store.write_records(&[good.clone(), bad]).expect_err("the key is too long");
    assert!(matches!(error, StorageError::RecordKeyTooLong { .. }), "{error}");
    let longest = vec![0; RecordWrite::KEY_BYTES_MAX];
    store.write_records(&[RecordWrite::put(RecordNamespace::Meta, longest, "")]).expect("write");
    let record = store.snapshot().expect("snapshot").record(RecordNamespace::Meta, b"good");
    assert_eq!(record.expect("read"), None, "nothing of the refused write is there");
    store.write_records(&[good]).expect("write");
}

pub(super) fn sizes_are_reported(open: Open<'_>) {
    let mut chain = TestChain::new(22);
    let store = open(chain.genesis());
    for _ in 0..10 {
        store.commit(&chain.next_block().commit()).expect("commit");
    }
    let stats = store.stats().expect("stats");
    let entries = |name| {
        let table = stats.tables.iter().find(|table| table.name == name);
        table.expect("the table is listed").entries
    };
    assert!((1..=11).contains(&entries("headers")));
    assert!(entries("accounts") > 0);
    assert!(stats.bytes > 0);
}
