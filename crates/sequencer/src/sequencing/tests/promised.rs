//! What was told of an open block, over a restart.

use super::node::{Disk, Node};
use crate::{GapPolicy, Ingress, IngressError};
use alloy_primitives::{Address, B256, Bytes, keccak256, map::B256Set};
use std::{sync::Arc, thread::JoinHandle};
use tempfile::TempDir;
use weir_primitives::{OpenUpdate, Receipt};
use weir_rpc::ReorgTransactions;
use weir_runtime::{Shutdown, ShutdownReason};
use weir_storage::{Journal, JournalOptions, JournalRecord};

const TO: Address = Address::repeat_byte(0x42);

/// What a node told of its open block, and what it will answer for it.
struct Told {
    hashes: Vec<B256>,
    receipts: Vec<Receipt>,
    timestamp: u64,
}

/// Tells of two steps and dies. The pool then holds more than was told.
fn tell_and_die(mut node: Node) -> Told {
    let mut steps = node.chain.subscribe_open();
    node.store(0, 1, 7);
    node.transfer(1, TO, 5);
    let mut open = node.open_step();
    node.store(0, 1, 9);
    node.add_step(&mut open);
    node.transfer(2, TO, 6);
    let mut hashes = Vec::new();
    while let Ok(update) = steps.try_recv() {
        let OpenUpdate::Appended(step) = &*update else { panic!("nothing is taken back") };
        hashes.extend(step.transactions.iter().map(|transaction| transaction.hash));
    }
    assert_eq!(hashes.len(), 3);
    let open = open.builder.open();
    Told { hashes, receipts: open.receipts().to_vec(), timestamp: open.header().timestamp }
}

/// Opens the next block of a node that was just started, adds what waits and seals it.
fn seal_next(node: &mut Node) {
    let open = node.open_step();
    node.seal_open(open);
}

fn check_kept(node: &Node, told: &Told) {
    let block = node.chain.view().head().clone();
    let hashes = block.block.transactions().iter().map(|one| *one.tx_hash());
    assert_eq!(hashes.take(3).collect::<Vec<_>>(), told.hashes);
    assert_eq!(block.receipts[..3], told.receipts);
    assert_eq!(block.block.header().timestamp, told.timestamp);
}

#[test]
fn a_block_open_at_a_crash_is_sealed_as_it_was_told() {
    let disk = Disk::new();
    let mut node = disk.start();
    node.grow(3);
    let told = tell_and_die(node);
    let mut node = disk.start();
    node.wait(40);
    seal_next(&mut node);
    check_kept(&node, &told);
    assert_eq!(node.chain.view().head().block.transactions().len(), 4, "what waited follows");
    node.check();
    let now = node.driver.attributes(&crate::sequencing::sealed_header(node.chain.view().head()));
    assert!(now.timestamp > told.timestamp + 30, "the next block has the time of day");
    seal_next(&mut node);
    drop(node);
    let mut node = disk.start();
    seal_next(&mut node);
    assert_eq!(node.head(), 6, "a promise is kept once");
    node.check();
}

#[test]
fn a_promise_outlives_crashes_before_it_is_kept_and_rewrites_of_the_journal() {
    let disk = Disk::new();
    let told = tell_and_die(disk.start());
    for _ in 0..3 {
        // Every start rewrites the journal.
        let mut node = disk.start();
        let open = node.open_step();
        assert_eq!(open.builder.open().receipts()[..3], told.receipts);
        node.ingress.compact_journal().unwrap();
    }
    let mut node = disk.start();
    seal_next(&mut node);
    check_kept(&node, &told);
    node.check();
}

#[test]
fn a_full_journal_refuses_until_blocks_have_taken_what_waits() {
    let folder = TempDir::new().unwrap();
    let journal = Journal::open(folder.path(), JournalOptions::default()).unwrap();
    let limit = 4_000;
    let mut node = Node::open_bounded(journal, limit);
    let mut accepted = Vec::new();
    for round in 0..3 {
        let full = loop {
            let nonce = node.next_nonce(0);
            match node.try_accept(node.raw_store(0, nonce, nonce, 7, 150_000)) {
                Ok(hash) => accepted.push(hash),
                Err(full) => break full,
            }
        };
        assert!(matches!(full, IngressError::JournalFull { limit: 4_000, .. }), "{full}");
        assert!(accepted.len() > 10 * (round + 1), "{round}: {}", accepted.len());
        assert!(node.ingress.journal_bytes() < limit + 500);
        node.seal();
        assert!(accepted.iter().all(|hash| node.is_included(hash)));
        assert!(node.ingress.journal_bytes() < limit / 2, "it was rewritten");
    }
}

#[test]
fn what_was_taken_back_is_not_promised() {
    let disk = Disk::new();
    let mut node = disk.start();
    node.grow(2);
    node.transfer(0, TO, 5);
    let open = node.open_step();
    node.pool.lock().release_in_flight();
    open.announcer.retract();
    drop(node);
    let node = disk.start();
    let head = node.chain.view().head().block.hash();
    assert_eq!(node.ingress.promise_on(head), None);
    drop(node);
    let mut node = disk.start();
    node.grow(2);
    node.store(0, 1, 7);
    node.open_step();
    node.reorg(1, Some(1), ReorgTransactions::Replay);
    node.reorg(1, None, ReorgTransactions::Return);
    drop(node);
    let mut node = disk.start();
    seal_next(&mut node);
    node.check();
}

#[test]
fn a_promise_that_cannot_be_kept_is_kept_as_far_as_it_goes() {
    let disk = Disk::new();
    let told = tell_and_die(disk.start());
    let node = disk.start();
    node.pool.lock().remove(told.hashes[2]).unwrap();
    node.ingress.compact_journal().unwrap();
    drop(node);
    let mut node = disk.start();
    let open = node.open_step();
    assert!(!open.announcer.is_behind());
    let hashes = open.builder.open().transactions().iter().map(|one| *one.tx_hash());
    assert_eq!(hashes.take(2).collect::<Vec<_>>(), told.hashes[..2]);
    node.seal_open(open);
    node.check();
}

/// Kinds of records, and where in those the interesting part begins; see `ingress/record.rs`.
const STEP: u8 = 6;
const STEP_HASHES_AT: usize = 96;
const ACCEPTED: u8 = 8;
const ACCEPTED_ENCODING_AT: usize = 24;

/// Sends transactions from a thread of its own.
fn send_all(ingress: Arc<Ingress>, raw: Vec<Bytes>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for raw in raw {
            runtime.block_on(ingress.submit(raw, GapPolicy::Queue)).unwrap();
        }
    })
}

/// The hashes that steps name. What they name stands before them.
fn check_order(records: &[JournalRecord]) -> Vec<B256> {
    let (mut accepted, mut named) = (B256Set::default(), Vec::new());
    for record in records {
        match record.kind {
            ACCEPTED => {
                // Without conditions.
                accepted.insert(keccak256(&record.payload[ACCEPTED_ENCODING_AT..]));
            }
            STEP => {
                let (hashes, _) = record.payload[STEP_HASHES_AT..].as_chunks::<32>();
                named.extend(hashes.iter().map(|hash| B256::from(*hash)));
                assert!(named.iter().all(|hash| accepted.contains(hash)), "a step comes too early");
            }
            _ => {}
        }
    }
    named
}

#[test]
fn no_step_stands_in_the_journal_before_what_it_names() {
    const EACH: u64 = 200;
    let disk = Disk::new();
    let mut node = disk.start();
    let raw = |account| (0..EACH).map(|nonce| node.raw_transfer(account, nonce, TO, 1)).collect();
    let raw: [Vec<Bytes>; 3] = std::array::from_fn(raw);
    let senders = raw.map(|raw| send_all(node.ingress.clone(), raw));
    let mut open = node.open_step();
    while open.builder.open().transactions().len() < 3 * EACH as usize {
        node.add_step(&mut open);
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    drop((open, node));
    let named = check_order(&disk.records());
    assert_eq!(named.len(), 3 * EACH as usize);
}

#[test]
fn a_step_brings_along_what_the_journal_had_refused() {
    let disk = Disk::new();
    let mut node = disk.start();
    let lost = node.store(0, 1, 7);
    let kept = node.transfer(1, TO, 5);
    node.ingress.lose_record(lost);
    let open = node.open_step();
    drop((open, node));
    let records = disk.records();
    let kinds: Vec<u8> = records.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [ACCEPTED, ACCEPTED, ACCEPTED, STEP]);
    // Without what was refused.
    assert_eq!(check_order(&records[1..]), [lost, kept]);
    disk.rewrite(records[1..].to_vec());
    let mut node = disk.start();
    seal_next(&mut node);
    assert!(node.is_included(&lost) && node.is_included(&kept));
    node.check();
}

#[test]
fn what_comes_while_a_step_is_written_is_one_step() {
    const LATER: u64 = 20;
    let disk = Disk::new();
    let node = disk.start();
    let first = vec![node.raw_transfer(0, 0, TO, 1)];
    let later = (0..LATER).map(|nonce| vec![node.raw_transfer(1, nonce, TO, 1)]);
    let later: Vec<Vec<Bytes>> = later.collect();
    let Node { driver, ingress, pool, chain, .. } = node;
    let mut steps = chain.subscribe_open();
    let shutdown = Shutdown::new();
    let signal = shutdown.clone();
    let driver = std::thread::spawn(move || driver.run(&signal));
    let hold = ingress.hold_journal();
    let wait_until = |is_so: &dyn Fn() -> bool| {
        while !is_so() {
            std::thread::yield_now();
        }
    };
    // The journal is about to answer the one that is held.
    wait_until(&|| ingress.journal_waiting() == 0);
    let mut senders = vec![send_all(ingress.clone(), first)];
    // The transaction, and the step with it.
    wait_until(&|| ingress.journal_waiting() == 2);
    for (index, raw) in (2..).zip(later) {
        senders.push(send_all(ingress.clone(), raw));
        wait_until(&|| {
            let status = pool.lock().status();
            status.pending + status.queued == index
        });
    }
    assert_eq!(ingress.journal_waiting(), 2 + LATER, "no other step was made");
    drop(hold);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let mut lengths = Vec::new();
    while lengths.iter().sum::<usize>() < 1 + LATER as usize {
        let OpenUpdate::Appended(step) = &*steps.blocking_recv().unwrap() else { panic!() };
        lengths.push(step.transactions.len());
    }
    assert_eq!(lengths, [1, LATER as usize]);
    shutdown.trigger(ShutdownReason::Done);
    driver.join().unwrap().unwrap();
}
