//! `weir db check`.

use crate::cli::DbCommand;
use eyre::Context;
use std::{path::Path, process::ExitCode};
use weir_storage::{JournalContents, JournalError, MdbxStore, Store, StoreOptions, audit};

/// Checks and prints what was found; exit 1 if anything is wrong.
pub(crate) fn run(command: DbCommand) -> eyre::Result<ExitCode> {
    let DbCommand::Check { datadir, blocks } = command;
    let path = datadir.join("db");
    let store = MdbxStore::open_existing(StoreOptions::new(&path))
        .wrap_err_with(|| format!("store cannot be opened: path={}", path.display()))?;
    let snapshot = store.snapshot()?;
    let mut findings = 0u64;
    let mut report = |finding: &dyn std::fmt::Display| {
        findings += 1;
        println!("finding: {finding}");
    };
    let head = snapshot.head();
    let audited = audit(&*snapshot, blocks, &mut |finding| report(&finding))?;
    println!("head: number={} hash={}", head.number, head.hash);
    println!("blocks: {} with {} transactions", audited.blocks, audited.transactions);
    let state = audited.state;
    println!("state: accounts={} slots={} nodes={}", state.accounts, state.slots, state.nodes);
    match journal(&datadir.join("journal")) {
        Ok(Some(contents)) => {
            let (records, torn) = (contents.records.len(), contents.torn_bytes);
            println!("journal: records={records} bytes={} torn={torn}", contents.whole_bytes);
        }
        Ok(None) => println!("journal: none"),
        Err(error) => report(&error),
    }
    println!("{findings} findings");
    Ok(ExitCode::from(u8::from(findings > 0)))
}

/// The journal, if there is one. A torn tail is no finding: a crash leaves it, and the next start cuts it off.
fn journal(path: &Path) -> Result<Option<JournalContents>, JournalError> {
    if !path.exists() {
        return Ok(None);
    }
    JournalContents::read(path).map(Some)
}
