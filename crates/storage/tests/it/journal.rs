//! The journal: what it acknowledged is read back, whatever happened to the file behind it.

use proptest::{collection::vec, prelude::*};
use std::{
    fs,
    sync::mpsc::{Receiver, channel, sync_channel},
    time::Duration,
};
use tempfile::TempDir;
use weir_storage::{Durability, Journal, JournalError, JournalOptions, JournalRecord};

fn record(kind: u8, payload: impl Into<Vec<u8>>) -> JournalRecord {
    JournalRecord { kind, payload: payload.into() }
}

fn open(dir: &TempDir) -> (Journal, Vec<JournalRecord>) {
    Journal::open(dir.path(), JournalOptions::default()).unwrap()
}

/// Appends and returns where the answer will come.
fn append(journal: &Journal, record: JournalRecord) -> Receiver<Result<(), JournalError>> {
    let (sender, answer) = channel();
    journal.append(record, Box::new(move |result| drop(sender.send(result)))).unwrap();
    answer
}

#[test]
fn acknowledged_records_are_read_back_in_order() {
    for durability in
        [Durability::Always, Durability::Interval(Duration::from_millis(1)), Durability::None]
    {
        let dir = TempDir::new().unwrap();
        let options = JournalOptions { durability, ..JournalOptions::default() };
        let mut expected = Vec::new();
        for round in 0..3u8 {
            let (journal, found) = Journal::open(dir.path(), options).unwrap();
            assert_eq!((found, journal.cut_bytes()), (expected.clone(), 0));
            let records: Vec<_> =
                (0..100).map(|index| record(round, vec![index; usize::from(index) * 7])).collect();
            let answers: Vec<_> =
                records.iter().map(|record| append(&journal, record.clone())).collect();
            answers.iter().for_each(|answer| answer.recv().unwrap().unwrap());
            let file = fs::metadata(journal.path()).unwrap().len();
            assert_eq!(journal.bytes(), file);
            expected.extend(records);
        }
    }
}

#[test]
fn dropping_the_journal_writes_what_is_queued() {
    let dir = TempDir::new().unwrap();
    let records: Vec<_> = (0..200).map(|index| record(1, vec![index; 50])).collect();
    let (journal, _) = open(&dir);
    let answers: Vec<_> = records.iter().map(|record| append(&journal, record.clone())).collect();
    drop(journal);
    assert!(answers.iter().all(|answer| answer.recv().unwrap().is_ok()));
    assert_eq!(open(&dir).1, records);
}

#[test]
fn every_truncation_restores_a_prefix() {
    let dir = TempDir::new().unwrap();
    let records: Vec<_> = (0..6u8).map(|index| record(index, vec![index; 9])).collect();
    let (journal, _) = open(&dir);
    records.iter().for_each(|record| append(&journal, record.clone()).recv().unwrap().unwrap());
    let path = journal.path().to_owned();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    let record_bytes = (whole.len() - 12) / records.len();
    for len in 0..=whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let (journal, found) = open(&dir);
        let kept = len.saturating_sub(12) / record_bytes;
        assert_eq!(found, records[..kept], "cut at {len}");
        let is_clean = len == 0 || (len >= 12 && (len - 12) % record_bytes == 0);
        assert_eq!(journal.cut_bytes() == 0, is_clean, "cut at {len}");
        // What is appended after the cut follows the prefix.
        append(&journal, record(99, "after")).recv().unwrap().unwrap();
        drop(journal);
        let (_, again) = open(&dir);
        assert_eq!(again[..kept], records[..kept]);
        assert_eq!(again[kept..], [record(99, "after")]);
    }
}

#[test]
fn rotation_replaces_the_contents_and_later_records_follow() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&dir);
    (0..50).for_each(|index| drop(append(&journal, record(1, vec![index; 100]))));
    let before = journal.bytes();
    journal.rotate(vec![record(2, "kept"), record(2, "too")]).unwrap();
    assert!(journal.bytes() < before.max(5_000));
    assert_eq!(journal.bytes(), fs::metadata(journal.path()).unwrap().len());
    append(&journal, record(3, "later")).recv().unwrap().unwrap();
    drop(journal);
    assert_eq!(open(&dir).1, [record(2, "kept"), record(2, "too"), record(3, "later")]);
}

#[test]
fn an_unfinished_rotation_is_ignored() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&dir);
    append(&journal, record(1, "old")).recv().unwrap().unwrap();
    drop(journal);
    fs::write(dir.path().join("journal.new"), b"WEIRJRNL half").unwrap();
    let (journal, found) = open(&dir);
    assert_eq!(found, [record(1, "old")]);
    journal.rotate(vec![record(1, "new")]).unwrap();
    drop(journal);
    assert_eq!(open(&dir).1, [record(1, "new")]);
}

#[test]
fn a_full_queue_refuses_and_a_waiting_one_does_not() {
    let dir = TempDir::new().unwrap();
    let options = JournalOptions { queue_records: 2, ..JournalOptions::default() };
    let (journal, _) = Journal::open(dir.path(), options).unwrap();
    // The writer is held in the first record's callback, so the queue fills up behind it.
    let (entered, is_entered) = sync_channel(1);
    let (release, is_released) = sync_channel::<()>(1);
    let hold = Box::new(move |_| {
        entered.send(()).unwrap();
        is_released.recv().unwrap();
    });
    journal.append(record(0, "first"), hold).unwrap();
    is_entered.recv().unwrap();
    let answers = [append(&journal, record(1, "a")), append(&journal, record(1, "b"))];
    let refused = journal.append(record(1, "c"), Box::new(|_| panic!("it was refused")));
    assert!(matches!(refused, Err(JournalError::QueueFull { records: 2 })));
    release.send(()).unwrap();
    answers.iter().for_each(|answer| answer.recv().unwrap().unwrap());
    drop(journal);
    assert_eq!(open(&dir).1, [record(0, "first"), record(1, "a"), record(1, "b")]);
}

#[test]
fn a_rotation_that_cannot_be_written_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&dir);
    append(&journal, record(1, "written")).recv().unwrap().unwrap();
    let in_the_way = dir.path().join("journal.new");
    fs::create_dir(&in_the_way).unwrap();
    let error = journal.rotate(Vec::new()).unwrap_err();
    assert!(matches!(error, JournalError::NotWritten { .. }), "{error}");
    assert!(journal.failure().is_none());
    append(&journal, record(1, "later")).recv().unwrap().unwrap();
    fs::remove_dir(in_the_way).unwrap();
    journal.rotate(vec![record(2, "kept")]).unwrap();
    drop(journal);
    assert_eq!(open(&dir).1, [record(2, "kept")]);
}

#[test]
fn a_rotation_in_doubt_poisons() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&dir);
    append(&journal, record(1, "written")).recv().unwrap().unwrap();
    // A directory in the place of the file makes the last step of the rotation fail.
    let (path, aside) = (journal.path().to_owned(), dir.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    let error = journal.rotate(Vec::new()).unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    let later = append(&journal, record(1, "later")).recv().unwrap();
    assert!(matches!(later, Err(JournalError::Io { .. })));
    assert!(matches!(journal.rotate(Vec::new()), Err(JournalError::Io { .. })));
    assert!(journal.failure().is_some());
    drop(journal);
    fs::remove_dir(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    assert_eq!(open(&dir).1, [record(1, "written")]);
}

#[test]
fn only_one_journal_has_the_directory() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&dir);
    let second = Journal::open(dir.path(), JournalOptions::default()).unwrap_err();
    assert!(matches!(second, JournalError::InUse { .. }), "{second}");
    drop(journal);
    open(&dir);
}

#[test]
fn foreign_and_newer_files_are_refused_untouched() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("journal.log");
    let mut newer = b"WEIRJRNL".to_vec();
    newer.extend(4u32.to_le_bytes());
    for contents in [&b"something else entirely"[..], b"x", &newer] {
        fs::write(&path, contents).unwrap();
        let error = Journal::open(dir.path(), JournalOptions::default()).unwrap_err();
        let is_typed = matches!(
            error,
            JournalError::NotAJournal { .. }
                | JournalError::FormatTooNew { found: 4, supported: 3 }
        );
        assert!(is_typed, "{error}");
        assert_eq!(fs::read(&path).unwrap(), contents);
    }
}

#[test]
fn a_journal_of_the_version_before_is_read_and_taken_over() {
    for version in [1, 2] {
        take_over(version);
    }
}

fn take_over(version: u8) {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&dir);
    append(&journal, record(1, "old")).recv().unwrap().unwrap();
    drop(journal);
    let path = dir.path().join("journal.log");
    let mut file = fs::read(&path).unwrap();
    file[8] = version;
    fs::write(&path, file).unwrap();
    let (journal, records) = open(&dir);
    assert_eq!(records, [record(1, "old")]);
    assert_eq!(fs::read(&path).unwrap()[8], 3, "before anything is appended");
    append(&journal, record(8, "new")).recv().unwrap().unwrap();
    drop(journal);
    let (journal, records) = open(&dir);
    assert_eq!(records, [record(1, "old"), record(8, "new")]);
    journal.rotate(records).unwrap();
    assert_eq!(fs::read(&path).unwrap()[8], 3);
}

#[test]
fn oversized_records_are_refused_and_harm_nothing() {
    let dir = TempDir::new().unwrap();
    let (journal, _) = open(&dir);
    let huge = record(1, vec![0; (64 << 20) + 1]);
    let refused = journal.append(huge.clone(), Box::new(|_| panic!("it was refused")));
    assert!(matches!(refused, Err(JournalError::RecordTooLarge { .. })));
    assert!(matches!(journal.rotate(vec![huge]), Err(JournalError::RecordTooLarge { .. })));
    append(&journal, record(1, "fine")).recv().unwrap().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Appends, rotations and reopenings in any order against a vector.
    #[test]
    fn journal_equals_the_model(steps in vec((0u8..8, vec(any::<u8>(), 0..300)), 1..40)) {
        let dir = TempDir::new().unwrap();
        let (mut journal, _) = open(&dir);
        let mut model: Vec<JournalRecord> = Vec::new();
        for (step, payload) in steps {
            match step {
                0 => {
                    model.retain(|record| record.payload.len() % 2 == 0);
                    journal.rotate(model.clone()).unwrap();
                }
                1 => {
                    drop(journal);
                    let (reopened, found) = open(&dir);
                    prop_assert_eq!(&found, &model);
                    journal = reopened;
                }
                kind => {
                    let appended = record(kind, payload);
                    append(&journal, appended.clone());
                    model.push(appended);
                }
            }
        }
        drop(journal);
        prop_assert_eq!(open(&dir).1, model);
    }
}
