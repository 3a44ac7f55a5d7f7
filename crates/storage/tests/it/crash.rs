//! `kill -9` while blocks are committed or records appended: whatever was acknowledged is there, and it is whole.

use rand::Rng;
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;
use weir_storage::{
    Journal, JournalError, JournalOptions, JournalRecord, MdbxStore, Store, StoreOptions,
    conformance::{TestChain, revert},
    state_root_from_leaves,
};
use weir_trie::StateTrie;

/// Set for the child, to the directory of its store.
const CHILD_DIR: &str = "WEIR_STORAGE_CRASH_CHILD_DIR";

/// Seed of the chain: the child after a crash makes the same blocks as the one before.
const SEED: u64 = 60;

/// Kills of one run; every child goes on where the one before was killed.
const KILLS: usize = 12;

/// A chain that has reached the head of the store, found by making its blocks again.
fn catch_up(store: &MdbxStore) -> TestChain {
    let mut chain = TestChain::new(SEED);
    let head = store.snapshot().unwrap().head();
    while chain.head().number < head.number {
        chain.next_block();
    }
    assert_eq!(chain.head(), head, "the head is the block that was made");
    chain
}

/// Commits blocks for ever, and says so after each.
fn child(dir: &Path) -> ! {
    let chain = TestChain::new(SEED);
    let store = MdbxStore::open(StoreOptions::new(dir), chain.genesis()).unwrap();
    let mut chain = catch_up(&store);
    let mut out = std::io::stdout().lock();
    loop {
        store.commit(&chain.next_block().commit()).unwrap();
        writeln!(out, "committed {}", chain.head().number).unwrap();
        out.flush().unwrap();
    }
}

/// Set for the child that reverts, to the number of steps that its store has seen.
const CHILD_STEPS: &str = "WEIR_STORAGE_CRASH_CHILD_STEPS";

/// The step with this number: four blocks on, three back, so that the head moves both ways.
fn step(chain: &mut TestChain, number: u64, store: Option<&MdbxStore>) {
    if number % 5 == 4 {
        let to = chain.head().number - 3;
        match store {
            Some(store) => revert(store, chain, to),
            None => drop(chain.revert_to(to)),
        }
    } else {
        let made = chain.next_block();
        if let Some(store) = store {
            store.commit(&made.commit()).unwrap();
        }
    }
}

/// The chain after this many steps, made in memory.
fn after_steps(steps: u64) -> TestChain {
    let mut chain = TestChain::new(SEED);
    (0..steps).for_each(|number| step(&mut chain, number, None));
    chain
}

/// Commits and reverts for ever, and says so after each.
fn reverting_child(dir: &Path) -> ! {
    let steps = std::env::var(CHILD_STEPS).unwrap().parse().unwrap();
    let mut chain = after_steps(steps);
    let store = MdbxStore::open(StoreOptions::new(dir), chain.genesis()).unwrap();
    assert_eq!(store.snapshot().unwrap().head(), chain.head());
    let mut out = std::io::stdout().lock();
    for number in steps.. {
        step(&mut chain, number, Some(&store));
        writeln!(out, "committed {}", number + 1).unwrap();
        out.flush().unwrap();
    }
    unreachable!("steps do not end")
}

#[test]
fn killed_store_reopens_whole_after_reverts() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        reverting_child(Path::new(&dir));
    }
    let folder = TempDir::new().unwrap();
    let mut steps = 0;
    for _ in 0..KILLS {
        let test = "crash::killed_store_reopens_whole_after_reverts";
        let started = [(CHILD_STEPS, steps.to_string())];
        let acknowledged = run_and_kill_with(test, folder.path(), 40, &started);
        steps = acknowledged;
        let mut chain = after_steps(steps);
        let store = MdbxStore::open(StoreOptions::new(folder.path()), chain.genesis()).unwrap();
        let snapshot = store.snapshot().unwrap();
        // The child may have gone on between its last line and its end.
        while chain.head() != snapshot.head() {
            step(&mut chain, steps, None);
            steps += 1;
            assert!(steps < acknowledged + 1_000, "the head is one that was made");
        }
        let (_, header) = snapshot.header_by_number(chain.head().number).unwrap().unwrap();
        assert_eq!(state_root_from_leaves(&*snapshot).unwrap(), header.state_root);
        let above = snapshot.block_by_number(chain.head().number + 1).unwrap();
        assert_eq!(above, None, "nothing of what was taken off is left");
        let next = after_steps(steps).next_block();
        let mut trie = StateTrie::new(header.state_root);
        trie.apply(&next.hashed, &snapshot).unwrap();
        assert_eq!(trie.root(), next.block.block.header().state_root);
    }
}

/// Starts `test` as a child, kills it after a random number of lines, and returns the last number it acknowledged.
fn run_and_kill(test: &str, dir: &Path, lines_max: usize) -> u64 {
    run_and_kill_with(test, dir, lines_max, &[])
}

fn run_and_kill_with(
    test: &str,
    dir: &Path,
    lines_max: usize,
    variables: &[(&str, String)],
) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD_DIR, dir)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let count = rand::rng().random_range(1..lines_max);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let numbers = lines.filter_map(|line| {
        let line = line.unwrap();
        let (_, number) = line.split_once("committed ")?;
        Some(number.parse::<u64>().unwrap())
    });
    let last = numbers.take(count).last().expect("the child says something before it is killed");
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "the child ends by the signal alone");
    last
}

#[test]
fn killed_store_reopens_whole() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        child(Path::new(&dir));
    }
    let folder = TempDir::new().unwrap();
    for _ in 0..KILLS {
        let test = "crash::killed_store_reopens_whole";
        let acknowledged = run_and_kill(test, folder.path(), 40);
        let genesis = TestChain::new(SEED);
        let store = MdbxStore::open(StoreOptions::new(folder.path()), genesis.genesis()).unwrap();
        let mut chain = catch_up(&store);
        let snapshot = store.snapshot().unwrap();
        let head = snapshot.head();
        assert!(acknowledged <= head.number, "block {acknowledged} was acknowledged");
        let block = snapshot.block_by_number(head.number).unwrap().unwrap();
        let root = block.block.header().state_root;
        assert_eq!(state_root_from_leaves(&*snapshot).unwrap(), root);
        let next = chain.next_block();
        let mut trie = StateTrie::new(root);
        trie.apply(&next.hashed, &snapshot).unwrap();
        assert_eq!(trie.root(), next.block.block.header().state_root);
    }
}

/// The payload of the record with this number: of a length that varies, so that cuts fall everywhere.
fn payload(number: u64) -> Vec<u8> {
    let mut payload = number.to_le_bytes().to_vec();
    payload.resize(8 + (number % 200) as usize, number as u8);
    payload
}

/// Appends records for ever, and says so when each is durable; rotates now and then to the records it has.
fn journal_child(dir: &Path) -> ! {
    let (journal, mut records) = Journal::open(dir, JournalOptions::default()).unwrap();
    for number in records.len() as u64.. {
        let record = JournalRecord { kind: 1, payload: payload(number) };
        records.push(record.clone());
        let acknowledge = move |result: Result<(), _>| {
            result.unwrap();
            println!("committed {number}");
        };
        let appended = journal.append(record, Box::new(acknowledge));
        assert!(appended.is_ok() || matches!(appended, Err(JournalError::QueueFull { .. })));
        if appended.is_err() {
            break;
        }
        if number % 64 == 63 {
            journal.rotate(records.clone()).unwrap();
        }
    }
    loop {
        std::thread::park();
    }
}

#[test]
fn killed_journal_keeps_what_it_acknowledged() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        journal_child(Path::new(&dir));
    }
    let folder = TempDir::new().unwrap();
    for _ in 0..KILLS {
        let test = "crash::killed_journal_keeps_what_it_acknowledged";
        let acknowledged = run_and_kill(test, folder.path(), 200);
        let (_, records) = Journal::open(folder.path(), JournalOptions::default()).unwrap();
        assert!(acknowledged < records.len() as u64, "record {acknowledged} was acknowledged");
        for (number, record) in (0..).zip(&records) {
            assert_eq!(record.payload, payload(number), "record {number}");
        }
    }
}
