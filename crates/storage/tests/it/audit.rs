//! The audit finds what does not belong together, and nothing else.

use weir_storage::{
    Audited, BlockCommit, Finding, MdbxStore, MemoryStore, StorageError, Store, StoreOptions,
    audit,
    conformance::{MadeBlock, TestChain},
};

fn findings(store: &dyn Store) -> (Audited, Vec<Finding>) {
    let mut findings = Vec::new();
    let snapshot = store.snapshot().unwrap();
    let audited = audit(&*snapshot, u64::MAX, &mut |finding| findings.push(finding)).unwrap();
    (audited, findings)
}

/// A store of twelve blocks, the last of which is spoilt on its way in.
fn spoilt(spoil: impl Fn(&mut MadeBlock)) -> (Audited, Vec<Finding>) {
    let mut chain = TestChain::new(7);
    let store = MemoryStore::new(chain.genesis()).unwrap();
    for _ in 0..11 {
        store.commit(&chain.next_block().commit()).unwrap();
    }
    let mut last = chain.next_block();
    while last.trie.account_nodes.len() < 3 || last.block.block.transactions().is_empty() {
        store.commit(&last.commit()).unwrap();
        last = chain.next_block();
    }
    spoil(&mut last);
    let MadeBlock { block, hashed, trie } = &last;
    store.commit(&BlockCommit { block, hashed, trie, records: &[] }).unwrap();
    findings(&store)
}

#[test]
fn a_whole_store_has_no_findings() {
    let (audited, findings) = spoilt(|_| ());
    assert!(findings.is_empty(), "{findings:?}");
    assert!(audited.blocks >= 13 && audited.transactions > 0 && audited.state.accounts > 0);
    assert!(audited.state.nodes > 0);
}

#[test]
fn a_lost_node_is_found() {
    let (_, findings) = spoilt(|last| {
        let lost = last.trie.account_nodes.iter().position(|(path, _)| !path.is_empty());
        last.trie.account_nodes.remove(lost.unwrap());
    });
    assert!(matches!(findings[..], [Finding::Trie { .. }]), "{findings:?}");
}

#[test]
fn a_wrong_balance_is_found() {
    let (_, findings) = spoilt(|last| {
        let (_, change) = &mut last.hashed.accounts[0];
        change.account = Some(weir_trie::LeafAccount { nonce: 4_711, ..Default::default() });
        change.slots.clear();
    });
    assert!(matches!(findings[..], [Finding::StateRoot { .. }]), "{findings:?}");
}

#[test]
fn a_wrong_receipt_is_found() {
    let (_, findings) = spoilt(|last| {
        let mut receipts = last.block.receipts.to_vec();
        receipts[0].cumulative_gas_used += 1;
        last.block.receipts = receipts.into();
    });
    let is_it = |finding: &Finding| matches!(finding, Finding::Body { field: "receiptsRoot", .. });
    assert!(findings.iter().all(is_it), "{findings:?}");
    assert_eq!(findings.len(), 1);
}

#[test]
fn what_is_not_there_is_not_made() {
    let dir = tempfile::TempDir::new().unwrap();
    let error = MdbxStore::open_existing(StoreOptions::new(dir.path())).unwrap_err();
    assert!(matches!(error, StorageError::Absent { .. }), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let mut chain = TestChain::new(3);
    let store = MdbxStore::open(StoreOptions::new(dir.path()), chain.genesis()).unwrap();
    store.commit(&chain.next_block().commit()).unwrap();
    drop(store);
    let store = MdbxStore::open_existing(StoreOptions::new(dir.path())).unwrap();
    assert_eq!(store.snapshot().unwrap().head(), chain.head());
}
