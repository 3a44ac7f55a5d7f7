//! Transactions that are executed only while their conditions hold (ERC-7796).

use super::node::{CONTRACT, HISTORY, Node, SLOTS, memory};
use crate::{IngressError, sequencing::sealed_header};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use weir_evm::{decode_transaction, recover_sender};
use weir_primitives::{
    ConditionFailure, Conditions, DropCode, KnownAccount, KnownParts, StateProvider,
    TransactionStatus,
};
use weir_rpc::{ChainBackend, ReorgTransactions};
use weir_storage::{Journal, JournalOptions, Store};
use weir_trie::storage_root_from_scratch;

const TO: Address = Address::repeat_byte(0x42);
/// What a transfer of the test node pays the beneficiary: one gwei a gas.
const TRANSFER_PAYS: u64 = 21_000 * 1_000_000_000;

fn known(address: Address, parts: KnownParts) -> Conditions {
    let known_accounts = vec![(address, KnownAccount::Parts(parts))];
    Conditions { known_accounts, ..Conditions::default() }
}

/// The slot of the contract has this value.
fn slot(slot: u64, value: u64) -> Conditions {
    let slots = vec![(U256::from(slot % SLOTS), U256::from(value))];
    known(CONTRACT, KnownParts { slots, ..KnownParts::default() })
}

fn root(root: B256) -> Conditions {
    let known_accounts = vec![(CONTRACT, KnownAccount::StorageRoot(root))];
    Conditions { known_accounts, ..Conditions::default() }
}

fn storage_root(node: &Node) -> B256 {
    node.backend().proof(node.head(), CONTRACT, &[]).unwrap().storage_root
}

/// Why a transaction was dropped for its conditions.
fn failure(node: &Node, hash: &B256) -> String {
    match node.status(hash) {
        Some(TransactionStatus::Dropped { code: DropCode::ConditionFailed, reason }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn conditions_are_checked_on_arrival_and_just_before_execution() {
    let mut node = Node::open(memory(), HISTORY);
    node.store(0, 1, 5);
    node.seal();
    let holds = node.transfer_if(1, TO, 7, slot(1, 5)).unwrap();
    node.seal();
    assert!(node.is_included(&holds));
    // It holds on the head, and no more when its turn comes.
    let first = node.store(0, 1, 6);
    let late = node.transfer_if(1, TO, 7, slot(1, 5)).unwrap();
    let nonce = node.next_nonce(1) - 1;
    let block = node.seal();
    assert_eq!(block.receipts.len(), 1, "failing costs nothing on the chain");
    assert!(node.is_included(&first));
    assert!(failure(&node, &late).contains("slot differs"), "{}", failure(&node, &late));
    assert_eq!(node.next_nonce(1), nonce, "its nonce is free");
    let refused = node.transfer_if(1, TO, 7, slot(1, 5)).unwrap_err();
    let is_named = matches!(
        refused,
        IngressError::Condition(ConditionFailure::Slot { value, .. }) if value == U256::from(6)
    );
    assert!(is_named, "{refused}");
    node.check();
}

#[test]
fn a_change_within_the_block_is_seen_and_may_make_a_condition_hold() {
    let mut node = Node::open(memory(), HISTORY);
    let poor = known(TO, KnownParts { balance: Some(U256::ZERO), ..KnownParts::default() });
    let before = node.transfer_if(1, TO, 3, poor.clone()).unwrap();
    let after = node.transfer_if(2, TO, 4, poor).unwrap();
    node.seal();
    assert!(node.is_included(&before));
    assert!(failure(&node, &after).contains("balance differs"));
    node.check();
}

#[test]
fn nonces_and_codes_are_conditions() {
    let mut node = Node::open(memory(), HISTORY);
    let code = node.chain.spec().genesis().alloc[&CONTRACT].code.clone().unwrap();
    let parts = KnownParts { code: Some(code), nonce: Some(0), ..KnownParts::default() };
    let holds = node.transfer_if(1, TO, 7, known(CONTRACT, parts)).unwrap();
    node.seal();
    assert!(node.is_included(&holds));
    let no_code = KnownParts { code: Some(Bytes::new()), ..KnownParts::default() };
    let refused = node.transfer_if(1, TO, 7, known(CONTRACT, no_code.clone())).unwrap_err();
    assert!(matches!(refused, IngressError::Condition(ConditionFailure::Code { .. })), "{refused}");
    let plain = node.transfer_if(1, TO, 7, known(TO, no_code)).unwrap();
    let nonce = KnownParts { nonce: Some(9), ..KnownParts::default() };
    let refused = node.transfer_if(1, TO, 7, known(TO, nonce)).unwrap_err();
    let is_named = matches!(refused, IngressError::Condition(ConditionFailure::Nonce { .. }));
    assert!(is_named, "{refused}");
    node.seal();
    assert!(node.is_included(&plain));
    node.check();
}

#[test]
fn a_storage_root_is_that_of_the_open_block() {
    let mut node = Node::open(memory(), HISTORY);
    node.store(0, 1, 5);
    node.seal();
    let now = storage_root(&node);
    let holds = node.transfer_if(1, TO, 7, root(now)).unwrap();
    node.store(0, 2, 6);
    let late = node.transfer_if(2, TO, 7, root(now)).unwrap();
    node.seal();
    assert!(node.is_included(&holds));
    let after = storage_root(&node);
    let why = failure(&node, &late);
    assert!(
        why.contains(&format!("storage root differs: address={CONTRACT} root={after}")),
        "{why}"
    );
    let refused = node.transfer_if(1, TO, 7, root(now)).unwrap_err();
    let is_named = matches!(refused, IngressError::Condition(ConditionFailure::StorageRoot { .. }));
    assert!(is_named, "{refused}");
    assert!(node.transfer_if(1, TO, 7, root(after)).is_ok());
    node.check();
}

#[test]
fn a_storage_root_that_the_block_brings_about_holds_within_it() {
    let mut node = Node::open(memory(), HISTORY);
    node.store(0, 1, 5);
    let view = node.chain.view();
    let attributes = node.driver.attributes(&sealed_header(view.head()));
    let randao = U256::from_be_bytes(attributes.prev_randao.0);
    let mut builder = node.driver.open(&view, attributes).unwrap();
    node.driver.step(&mut builder, Duration::MAX).unwrap();
    let slots = [(U256::from(1), U256::from(5)), (U256::from(0xff), randao)];
    let hashed = slots.map(|(slot, value)| (keccak256(B256::from(slot)), value));
    let then = storage_root_from_scratch(hashed);
    let transaction = Arc::new(decode_transaction(&node.raw_transfer(1, 0, TO, 7)).unwrap());
    let sender = recover_sender(&transaction).unwrap();
    let mut append = |known| {
        let conditions = Some(Arc::new(root(known)));
        builder.append_if(transaction.clone(), sender, conditions).unwrap()
    };
    let before = storage_root(&node);
    let differs = ConditionFailure::StorageRoot { address: CONTRACT, root: then };
    assert_eq!(append(before), Err(differs.into()));
    assert!(append(then).is_ok());
}

#[test]
fn bounds_of_blocks_hold_at_inclusion() {
    let mut node = Node::open(memory(), HISTORY);
    node.grow(5);
    let min = Conditions { block_number_min: Some(7), ..Conditions::default() };
    let refused = node.transfer_if(1, TO, 7, min).unwrap_err();
    assert!(refused.to_string().contains("block number too low: number=6 min=7"), "{refused}");
    let min = Conditions { block_number_min: Some(6), ..Conditions::default() };
    let early = node.transfer_if(1, TO, 7, min).unwrap();
    let max = Conditions { block_number_max: Some(6), ..Conditions::default() };
    let (gap, conditional) = node.gapped_if(0, max);
    node.reorg(2, None, ReorgTransactions::Drop);
    for _ in 4..6 {
        node.seal();
        assert!(!node.is_included(&early), "it waits for its block");
    }
    node.seal();
    assert!(node.is_included(&early));
    node.accept(gap);
    node.seal();
    let why = failure(&node, &conditional);
    assert!(why.contains("block number too high: number=7 max=6"), "{why}");
    node.check();
}

#[test]
fn deadlines_are_in_milliseconds() {
    let mut node = Node::open(memory(), HISTORY);
    let deadline = |ms| Conditions { deadline_ms: Some(ms), ..Conditions::default() };
    let now = node.now_ms();
    let refused = node.transfer_if(1, TO, 7, deadline(now - 1)).unwrap_err();
    assert!(refused.to_string().contains("deadline has passed"), "{refused}");
    // The next block is tried a second later.
    let in_time = node.transfer_if(1, TO, 7, deadline(now + 1_000)).unwrap();
    let late = node.transfer_if(2, TO, 7, deadline(now + 999)).unwrap();
    node.seal();
    assert!(node.is_included(&in_time));
    assert!(failure(&node, &late).contains("deadline has passed"));
}

#[test]
fn what_pays_too_little_leaves_no_trace() {
    let mut node = Node::open(memory(), HISTORY);
    let pays = |wei| Conditions { pays_coinbase: Some(U256::from(wei)), ..Conditions::default() };
    let enough = node.transfer_if(1, TO, 7, pays(TRANSFER_PAYS)).unwrap();
    let little = node.transfer_if(2, TO, 7, pays(TRANSFER_PAYS + 1)).unwrap();
    let block = node.seal();
    assert_eq!(block.receipts.len(), 1);
    assert!(node.is_included(&enough));
    let why = failure(&node, &little);
    assert!(why.contains(&format!("paid={TRANSFER_PAYS}")), "{why}");
    node.check();
}

#[test]
fn conditions_survive_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = memory();
    let open = |store: &Arc<dyn Store>| {
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        Node::open_with(store.clone(), HISTORY, Some(journal))
    };
    let node = open(&store);
    let (gap, late) = node.gapped_if(1, slot(1, 0));
    drop(node);
    // The second restart reads what the first one has rewritten.
    drop(open(&store));
    let mut node = open(&store);
    assert_eq!(node.status(&late), Some(TransactionStatus::Queued { missing_nonce: 0 }));
    node.store(0, 1, 5);
    node.accept(gap);
    node.seal();
    assert!(failure(&node, &late).contains("slot differs"));
    node.check();
}

/// A transfer that is only for the state which the contract's last call left: a block in its place has another PREVRANDAO.
fn on_this_branch(node: &Node) -> Conditions {
    let slot = U256::from(0xff);
    let value = node.chain.view().snapshot().storage(&CONTRACT, &slot).unwrap();
    known(CONTRACT, KnownParts { slots: vec![(slot, value)], ..KnownParts::default() })
}

#[test]
fn conditions_come_back_with_a_transaction_whose_block_is_taken_off() {
    for transactions in [ReorgTransactions::Replay, ReorgTransactions::Return] {
        let mut node = Node::open(memory(), HISTORY);
        node.store(0, 1, 5);
        node.seal();
        let conditional = node.transfer_if(1, TO, 7, on_this_branch(&node)).unwrap();
        let lasting = node.transfer_if(2, TO, 7, slot(1, 5)).unwrap();
        node.seal();
        assert!(node.is_included(&conditional) && node.is_included(&lasting));
        node.reorg(1, Some(1), transactions);
        if transactions == ReorgTransactions::Return {
            node.seal();
        }
        assert!(node.is_included(&conditional) && node.is_included(&lasting), "both still hold");
        // Now the block that they rest on is another one.
        node.reorg(node.head() - 1, None, ReorgTransactions::Return);
        node.seal();
        node.reorg(node.head(), Some(1), ReorgTransactions::Replay);
        node.seal();
        let why = failure(&node, &conditional);
        assert!(why.contains("slot differs"), "{why}");
        assert!(node.is_included(&lasting), "{:?}", node.status(&lasting));
        node.check();
    }
}

#[test]
fn conditions_come_back_after_a_reorg_and_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = memory();
    let open = |store: &Arc<dyn Store>| {
        let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        Node::open_with(store.clone(), HISTORY, Some(journal))
    };
    let mut node = open(&store);
    let only_now = Conditions { block_number_max: Some(1), ..Conditions::default() };
    let conditional = node.transfer_if(1, TO, 7, only_now).unwrap();
    node.seal();
    assert!(node.is_included(&conditional));
    node.reorg(1, Some(1), ReorgTransactions::Return);
    drop(node);
    let mut node = open(&store);
    assert_eq!(node.status(&conditional), Some(TransactionStatus::Pending));
    node.seal();
    let why = failure(&node, &conditional);
    assert!(why.contains("block number too high: number=2 max=1"), "{why}");
}

#[test]
fn conditions_are_bounded() {
    let node = Node::open(memory(), HISTORY);
    let slots = (0..1_001).map(|slot| (U256::from(slot), U256::ZERO)).collect();
    let many = known(TO, KnownParts { slots, ..KnownParts::default() });
    let refused = node.transfer_if(1, TO, 7, many).unwrap_err();
    let is_named =
        matches!(refused, IngressError::ConditionsTooLarge { cost: 1_001, limit: 1_000 });
    assert!(is_named, "{refused}");
}
