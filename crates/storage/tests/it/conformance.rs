//! Both backends hold to the contract.

use std::cell::RefCell;
use tempfile::TempDir;
use weir_storage::{MdbxStore, MemoryStore, StoreOptions, conformance};

#[test]
fn memory_store_conforms() {
    conformance::run(&|genesis| Box::new(MemoryStore::new(genesis).unwrap()));
}

#[test]
fn mdbx_store_conforms() {
    let folders = RefCell::new(Vec::new());
    conformance::run(&|genesis| {
        let folder = TempDir::new().unwrap();
        let options = StoreOptions::new(folder.path().join("db"));
        folders.borrow_mut().push(folder);
        Box::new(MdbxStore::open(options, genesis).unwrap())
    });
}
