//! Runs the fixture archives: what `weir statetest` and `weir blocktest` do, with the numbers that must come out.

use std::{collections::BTreeMap, path::PathBuf};
use weir_conformance::{
    Counts, Report, run_block_tests, run_state_tests, run_transaction_tests, run_witness_tests,
};
use weir_testkit::fixtures;

fn run(archive: &str, suite: fn(&[PathBuf]) -> Report) -> Option<Report> {
    let archive = fixtures(archive)?;
    let report = suite(&[archive.path().to_owned()]);
    println!("{report}");
    Some(report)
}

#[test]
fn state_tests_pass_on_every_fork() {
    let Some(report) = run("eest-state", run_state_tests) else { return };
    assert_eq!(report.total.failed, 0, "the failures are printed above");
    assert_eq!(report.total.skipped, 0, "the skips are printed above");
    assert!(7_000 < report.total.passed, "the archive holds thousands of tests");
}

#[test]
fn block_tests_pass_on_every_fork() {
    let Some(report) = run("eest-blockchain", run_block_tests) else { return };
    assert_eq!(report.total.failed, 0, "the failures are printed above");
    assert!(report.skips.iter().all(|skip| skip.reason.contains("git lfs pointer")));
    assert!(2_500 < report.total.passed, "the archive holds thousands of tests");
}

#[test]
fn witness_tests_pass() {
    let Some(report) = run("eest-witness", run_witness_tests) else { return };
    assert_eq!(report.total.failed, 0, "the failures are printed above");
    assert_eq!((report.total.passed, report.total.skipped), (31, 0), "the skips are printed above");
}

#[test]
fn transaction_tests_pass_on_every_fork() {
    let Some(report) = run("eth-transactions", run_transaction_tests) else { return };
    assert_eq!(report.total.failed, 0, "the failures are printed above");
    assert!(report.skips.iter().all(|skip| skip.reason.contains("128 bits")));
    assert!(900 < report.total.passed, "the archive holds hundreds of verdicts");
}

#[test]
fn other_files_and_missing_paths_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("broken.json", "{");
    write("pointer.json", "version https://git-lfs.github.com/spec/v1\n");
    write("other.json", r#"{"a": {"result": {}}}"#);
    write("notes.txt", "not a test");
    let report = run_state_tests(&[folder.path().to_owned(), folder.path().join("missing.json")]);
    assert_eq!(report.total, Counts { passed: 0, failed: 2, skipped: 2 });
    assert_eq!(report.networks, BTreeMap::from([("none".to_owned(), report.total)]));
}
