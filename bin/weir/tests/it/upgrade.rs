//! Whether a program can take over what another version left.

use crate::node::{Node, weir};
use signet_libmdbx::{Environment, WriteFlags};
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// Exit code and words of `weir upgrade check`.
fn check(datadir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        weir().args(["upgrade", "check", "--datadir"]).arg(datadir).args(arguments).output();
    let output = output.expect("the program runs");
    let words = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&words).into_owned())
}

/// Writes the version record of a store as a program of that schema would.
fn set_schema(datadir: &Path, schema: u32) {
    let environment = Environment::builder().set_max_dbs(32).open(&datadir.join("db"));
    let transaction = environment.and_then(|environment| environment.begin_rw_unsync());
    let transaction = transaction.expect("the store is not in use");
    let meta = transaction.open_db(Some("meta")).expect("the table is there");
    transaction.put(meta, b"schema", schema.to_be_bytes(), WriteFlags::UPSERT).expect("it is kept");
    transaction.commit().expect("it is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_other_versions_is_told_apart() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let (code, words) = check(folder.path(), &[]);
    assert_eq!(code, Some(0), "an empty folder can be begun in: {words}");
    let mut node = Node::on(folder.path(), &[]);
    let client = node.client();
    let hash = client.transfer(0).await;
    client.included(hash).await;
    let (code, words) = check(folder.path(), &[]);
    assert!(code == Some(1) && words.contains("in use"), "{words}");
    node.child.kill();
    let (code, words) = check(folder.path(), &[]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("schema=4 supported=4"), "{words}");
    assert!(words.contains("journal: format=3 supported=3"), "{words}");
    assert!(words.contains("fork: Osaka active since time 0"), "{words}");

    set_schema(folder.path(), 2);
    for _ in 0..2 {
        let (code, words) = check(folder.path(), &[]);
        assert_eq!(code, Some(3), "{words}");
        assert!(words.contains("schema=2") && words.contains("migration: to=4"), "{words}");
    }
    set_schema(folder.path(), 5);
    let (code, words) = check(folder.path(), &[]);
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("schema is newer than this program: found=5 supported=4"), "{words}");
    let folder_text = folder.path().to_str().expect("the path is text");
    let refused = weir().args(["dev", "--http-port", "0", "--datadir", folder_text]).output();
    let refused = refused.expect("the program runs");
    assert_eq!(refused.status.code(), Some(1), "a node refuses as it was told");

    set_schema(folder.path(), 2);
    let node = Node::on(folder.path(), &[]);
    assert!(node.client().head().await >= 1, "the node has migrated the store");
    drop(node);
    assert_eq!(check(folder.path(), &[]).0, Some(0));
    let journal = folder.path().join("journal/journal.log");
    let mut file = fs::read(&journal).expect("the journal is there");
    file[8..12].copy_from_slice(&4u32.to_le_bytes());
    fs::write(&journal, file).expect("the journal is written");
    let (code, words) = check(folder.path(), &[]);
    assert!(code == Some(1) && words.contains("found=4 supported=3"), "{words}");
}

#[test]
fn forks_are_told_with_their_times_and_another_chain_is_refused() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let node = Node::on(folder.path(), &[]);
    drop(node);
    let far = 4_000_000_000u64;
    let genesis = serde_json::json!({
        "config": {
            "chainId": 7, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "berlinBlock": 0, "londonBlock": 0, "terminalTotalDifficulty": 0,
            "terminalTotalDifficultyPassed": true, "shanghaiTime": 0, "cancunTime": 1, "pragueTime": far,
        },
        "gasLimit": "0x1c9c380", "difficulty": "0x0", "alloc": {},
    });
    let path = folder.path().join("other.json");
    fs::write(&path, genesis.to_string()).expect("the file is written");
    let path = path.to_str().expect("the path is text");
    let (code, words) = check(folder.path(), &["--genesis", path]);
    assert!(code == Some(1) && words.contains("another chain"), "{words}");
    let empty = TempDir::new().expect("a temporary folder can be made");
    let (code, words) = check(empty.path(), &["--genesis", path]);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("fork: Shanghai active since time 0"), "{words}");
    assert!(words.contains("fork: Cancun activates with the next block"), "{words}");
    assert!(words.contains(&format!("fork: Prague scheduled for time {far}")), "{words}");
}

#[test]
fn the_limit_of_open_files_is_raised_and_told() {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let log = folder.path().join("log");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -Sn 256 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_weir")]);
    command.args([
        "dev",
        "--ephemeral",
        "--http-port",
        "0",
        "--metrics-port",
        "0",
        "--print-ready",
    ]);
    command.stderr(fs::File::create(&log).expect("the log is made"));
    let child = weir_testkit::Child::start(&mut command);
    child.line(crate::node::PATIENCE);
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).expect("it runs");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [soft, hard] = numbers[..] else { panic!("{line}") };
    assert!(soft > 256 || hard == 256, "{line}");
    assert_eq!(soft, hard.min(1 << 20), "{line}");
    let log = fs::read_to_string(log).expect("the log is there");
    assert!(log.contains("limit of open files") && log.contains("256"), "{log}");
}
