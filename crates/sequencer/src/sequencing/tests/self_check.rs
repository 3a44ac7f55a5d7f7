//! Blocks that do not pass their check are never published, and the chain goes on without what spoils them.

use super::{
    node::{CONTRACT, HISTORY, Node, memory, spec},
    statuses::names,
};
use crate::{IngressError, SelfCheckOptions};
use alloy_primitives::Address;
use std::{fs, path::Path, sync::Arc};
use tempfile::TempDir;
use weir_evm::{ExecutionWitness, StatelessError, decode_block, recover_block, verify_stateless};
use weir_primitives::{ExecutedBlock, OpenUpdate, StateError, TransactionStatus};
use weir_rpc::{ChainBackend, ReorgTransactions};

/// Gas with which a call of the contract fails after its first write.
const TOO_LITTLE_GAS: u64 = 50_000;

fn options(folder: &Path) -> SelfCheckOptions {
    SelfCheckOptions { evidence: Some(folder.to_owned()), ..SelfCheckOptions::default() }
}

/// A node with the bug of base/base#3806: what a failed transaction touched is warm for the next.
fn dirty(folder: &Path, is_on: bool) -> Node {
    let spec = Arc::into_inner(spec()).unwrap().with_dirty_journal();
    let mut node = Node::open_as(Arc::new(spec), memory(), HISTORY, None);
    node.driver = node.driver.with_self_check(SelfCheckOptions { is_on, ..options(folder) });
    node
}

fn hashes(block: &ExecutedBlock) -> Vec<alloy_primitives::B256> {
    block.block.transactions().iter().map(|tx| *tx.tx_hash()).collect()
}

#[test]
fn the_transaction_that_spoils_a_block_is_quarantined() {
    let folder = TempDir::new().unwrap();
    let mut node = dirty(folder.path(), true);
    let mut updates = node.chain.subscribe();
    let cause = node.store_with_gas(0, 1, 5, TOO_LITTLE_GAS);
    let victim = node.store(1, 1, 6);
    let bystander = node.transfer(2, Address::repeat_byte(0x42), 1);
    let behind = node.transfer(0, Address::repeat_byte(0x42), 1);
    let block = node.seal();
    assert_eq!(hashes(&block), [victim, bystander]);
    let published = updates.try_recv().unwrap();
    assert_eq!(published.new().unwrap().tip().block.hash(), block.block.hash());
    assert!(updates.try_recv().is_err(), "one block is published, the good one");
    node.check();
    let Some(TransactionStatus::Dropped { reason, .. }) = node.status(&cause) else { panic!() };
    assert!(reason.contains("quarantined"), "{reason}");
    assert_eq!(
        node.status(&behind),
        Some(TransactionStatus::Queued { missing_nonce: 0 }),
        "what cannot stand without it waits"
    );
    let again = node.try_accept(node.raw_store(0, 0, 1, 5, TOO_LITTLE_GAS)).unwrap_err();
    assert!(matches!(again, IngressError::Quarantined { hash } if hash == cause), "{again}");
    let other = node.transfer_at(0, 0, 7);
    let next = node.seal();
    assert_eq!(hashes(&next), [other, behind], "its nonce is free for another");
    node.check();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the next block has passed");
}

#[test]
fn what_was_told_of_a_block_that_is_built_again_is_taken_back() {
    let folder = TempDir::new().unwrap();
    let mut node = dirty(folder.path(), true);
    let to = Address::repeat_byte(0x42);
    let before = node.transfer(2, to, 1);
    let cause = node.store_with_gas(0, 1, 5, TOO_LITTLE_GAS);
    let victim = node.store(1, 1, 6);
    let bystander = node.transfer(2, to, 1);
    let told = |node: &Node, hash| (node.chain.statuses().subscribe(), hash);
    let mut told = [before, cause, victim, bystander].map(|hash| told(&node, hash));
    let mut steps = node.chain.subscribe_open();
    let open = node.open_step();
    node.seal_open(open);
    assert_eq!(hashes(node.chain.view().head()), [before, victim, bystander]);
    let told = told.each_mut().map(|(updates, hash)| names(updates, hash));
    assert_eq!(told[0], ["preconfirmed", "included"], "as it was told");
    assert_eq!(told[1], ["preconfirmed", "open block dropped", "dropped"]);
    assert_eq!(told[2], ["preconfirmed", "open block dropped", "included"], "another result");
    assert_eq!(told[3], ["preconfirmed", "open block dropped", "included"], "another place");
    assert!(matches!(*steps.try_recv().unwrap(), OpenUpdate::Appended(_)));
    assert!(matches!(*steps.try_recv().unwrap(), OpenUpdate::Retracted { .. }));
    assert!(steps.try_recv().is_err());
    node.check();
}

#[test]
fn the_evidence_shows_the_fault() {
    let folder = TempDir::new().unwrap();
    let mut node = dirty(folder.path(), true);
    let cause = node.store_with_gas(0, 1, 5, TOO_LITTLE_GAS);
    node.store(1, 1, 6);
    let published = node.seal();
    let bundle = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let read = |name: &str| fs::read(bundle.join(name)).unwrap();
    let block = recover_block(&spec(), decode_block(&read("block.rlp")).unwrap()).unwrap();
    assert_ne!(block.hash(), published.block.hash());
    assert_eq!(block.header().number, published.reference().number);
    let witness = String::from_utf8(read("witness.json")).unwrap();
    let witness = ExecutionWitness::from_json(&witness).unwrap();
    let error = verify_stateless(&spec(), &witness, &block).unwrap_err();
    assert!(matches!(error, StatelessError::Block(_)), "{error:?}");
    let text = String::from_utf8(read("error.txt")).unwrap();
    assert!(text.contains(&error.to_string()) && text.contains(&cause.to_string()), "{text}");
}

#[test]
fn without_the_check_the_fault_is_published() {
    let folder = TempDir::new().unwrap();
    let mut node = dirty(folder.path(), false);
    node.store_with_gas(0, 1, 5, TOO_LITTLE_GAS);
    node.store(1, 1, 6);
    let block = node.seal();
    assert_eq!(block.receipts.len(), 2);
    let witness = node.chain.witnesses().get(1, &block.block.hash()).unwrap();
    assert!(verify_stateless(&spec(), &witness, &block.block).is_err(), "the bug is there");
}

#[test]
fn a_reorg_goes_on_without_what_spoils_its_blocks() {
    let folder = TempDir::new().unwrap();
    let mut node = dirty(folder.path(), false);
    let cause = node.store_with_gas(0, 1, 5, TOO_LITTLE_GAS);
    let victim = node.store(1, 1, 6);
    node.seal();
    assert!(node.is_included(&cause));
    node.driver = node.driver.with_self_check(options(folder.path()));
    let outcome = node.reorg(1, Some(1), ReorgTransactions::Replay);
    assert_eq!((outcome.replayed, outcome.returned), (1, 0));
    assert!(node.is_included(&victim) && !node.is_included(&cause));
    assert!(node.pool.lock().is_empty());
    node.check();
}

#[test]
fn witnesses_are_kept_for_a_window_and_over_a_restart() {
    let store = memory();
    let mut node = Node::open(Arc::clone(&store), HISTORY);
    let three = || SelfCheckOptions { witness_blocks: 3, ..SelfCheckOptions::default() };
    node.driver = node.driver.with_self_check(three());
    node.grow(12);
    drop(node);
    let mut node = Node::open(store, HISTORY);
    node.driver = node.driver.with_self_check(three());
    let blocks = node.blocks();
    let get = |number: u64| node.backend().witness(number, &blocks[number as usize].block.hash());
    for number in 10..=12 {
        let witness = get(number).unwrap();
        verify_stateless(&spec(), &witness, &blocks[number as usize].block).unwrap();
    }
    let weir_rpc::BackendError::State(error) = get(9).unwrap_err() else { panic!() };
    assert!(matches!(error, StateError::Pruned { block: 9, oldest: 10 }), "{error}");
    let other = blocks[11].block.hash();
    assert!(node.backend().witness(12, &other).is_err(), "the witness is of another block");
}

#[test]
fn a_witness_on_request_changes_nothing() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(3);
    let raw = node.raw_store(0, node.next_nonce(0), 3, 9, 150_000);
    let head = node.chain.view().head().reference();
    let witness = node.backend().transaction_witness(&raw).unwrap();
    assert_eq!(node.chain.view().head().reference(), head);
    assert!(node.pool.lock().is_empty());
    assert!(witness.codes.len() > 4, "the contract's code, beside the system contracts'");
    assert!(witness.keys.contains(&alloy_primitives::Bytes::copy_from_slice(CONTRACT.as_slice())));
    let nonsense = node.backend().transaction_witness(&alloy_primitives::bytes!("c0"));
    assert!(matches!(nonsense, Err(weir_rpc::BackendError::Refused { .. })));
    node.seal();
    node.check();
}
